"""What is said of a layer of Keras, and the modules that are made of it."""

from typing import Any

import keras

from lstm_spec.adapters.keras.module import KerasModule
from lstm_spec.adapters.keras.plan import Plan, takes
from lstm_spec.adapters.weights import has_biases
from lstm_spec.contract import BackendUnavailable, Description, Implementation, Rows
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Direction, Feature, Variant

ALWAYS = frozenset({Feature.DETERMINISTIC, Feature.OMITS_STATE, Feature.SAVED})
OPTIONAL = {  # what a layer can do if it takes an argument
    Feature.REVERSE: "go_backwards",
    Feature.BIDIRECTIONAL: "go_backwards",
    Feature.OMITS_BIAS: "use_bias",
    Feature.STATEFUL: "stateful",
    Feature.LENGTHS: "zero_output_for_mask",
}


def adapt_layer(
    make: Any, name: str | None, layout: str | Layout, device: str, description: Description | None
) -> Implementation:
    """As `from_keras`, with keras there."""
    if device != "cpu":
        raise BackendUnavailable(f"device is {device!r}, expected cpu", "the backend of Keras chooses its own")
    make, backend = make or keras.layers.LSTM, keras.backend.backend()
    features = ALWAYS | {feature for feature, argument in OPTIONAL.items() if takes(make, argument)}
    features |= {Feature.GRADIENTS} if backend in ("jax", "torch") else set()
    version = f"{keras.__version__} on {backend}"
    dtypes = ("float32",) if backend == "jax" else ("float32", "float64")  # there, keras.ops.tanh is never of float64
    about = Description(version, device, dtypes, features, compiles=backend == "jax")

    def build(rows: Rows, variant: Variant, directions: tuple[Direction, ...]) -> KerasModule:
        W = rows[0][0].g.W
        return KerasModule(Plan(make, W.shape[1], W.shape[0], W.dtype.name, has_biases(rows), directions), layout, rows)

    return Implementation(name or str(getattr(make, "__name__", "keras")), build, description or about)
