"""An LSTM layer of Keras as an Implementation. keras is imported when the adapter is used."""

import os
import sys
from importlib.util import find_spec
from typing import Any

from lstm_spec.contract import Description, Implementation
from lstm_spec.frameworks import require_library
from lstm_spec.layouts.table import Layout

BACKENDS = ("jax", "torch", "tensorflow")  # of Keras, which asks for one when it is imported
if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, BACKENDS), "jax"))


def from_keras(
    make: Any = None,
    *,
    name: str | None = None,
    layout: str | Layout = "keras",
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM that a layer of Keras 3 is, on the backend of Keras, and its gradients on jax and torch.

    `make` is called like keras.layers.LSTM, as (H, return_sequences=True, return_state=True, ...), which it is if left
    out; the layer is called like that, as (x, initial_state=[h, c], mask=...) -> (y, h, c), batch first. Two directions
    are keras.layers.Bidirectional, and a state is kept by a layer with stateful=True, if `make` takes go_backwards and
    stateful; lengths are a mask, if it takes zero_output_for_mask. The variables have the names of `layout`.

    On jax, what is asked is compiled by jax.jit, as Keras' own training does. The backend is KERAS_BACKEND, or else the
    first of jax, torch and tensorflow that is installed. `description` replaces everything that is said of the layer.
    Raises BackendUnavailable without keras or a backend, ValueError if variables have other names.
    """
    require_library("keras")
    from lstm_spec.adapters.keras.adapter import adapt_layer

    return adapt_layer(make, name, layout, device, description)
