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
    layout: str | Layout | None = None,
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM that a layer or a cell of Keras 3 is, on the backend of Keras, and its gradients.

    `make` is a class or a function that is called with H, or with I and H; keras.layers.LSTM if left out. What it makes
    is a keras.layers.RNN such as that; or a cell (x, [h, c]) -> (h, [h, c]), which keras.layers.RNN runs; or a layer
    that reads sequences, (x, [h, c]) -> (y, h, c). h and c may be two arguments and stand in any order, and what is
    returned may be nested. Two directions are keras.layers.Bidirectional, a state is kept by a layer with
    stateful=True, and lengths are a mask, if a keras.layers.RNN takes go_backwards, stateful and zero_output_for_mask.

    Its variables may have any names and shapes: where which gate lies is found by asking it, unless it is one of Keras'
    own or `layout` says it. If nothing fits, the judge asks it in the form that comes nearest.

    On jax, what is asked is compiled by jax.jit, as Keras' own training does, but for more than 16 steps of a layer
    that reads sequences by itself. The backend is KERAS_BACKEND, or else the first of jax, torch and tensorflow that is
    installed; another one gives no gradients. `description` replaces everything that is said of the layer.
    Raises BackendUnavailable without keras or a backend, TypeError for what is no LSTM.
    """
    require_library("keras")
    from lstm_spec.adapters.keras.adapter import adapt_layer

    return adapt_layer(make, name, layout, device, description)
