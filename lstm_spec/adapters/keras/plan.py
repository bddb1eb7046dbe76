"""How a layer of Keras is made."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, NamedTuple

import keras

from lstm_spec.types import Direction

ZEROS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}  # the numbers come afterwards


class Plan(NamedTuple):
    """What a layer is made of."""

    make: Callable[..., Any]
    I: int
    H: int
    dtype: str
    biases: bool
    directions: tuple[Direction, ...]
    stateful: int = 0  # or its number of samples


def make_layer(plan: Plan) -> Any:
    """A layer with variables."""
    options: dict[str, Any] = {"return_sequences": True, "return_state": True, "dtype": plan.dtype}
    options |= {name: value for name, value in ZEROS.items() if takes(plan.make, name)}
    options |= {"zero_output_for_mask": True} if takes(plan.make, "zero_output_for_mask") else {}
    options |= {} if plan.biases else {"use_bias": False}
    options |= {"go_backwards": True} if plan.directions == ("reverse",) else {}
    options |= {"stateful": True} if plan.stateful else {}
    layer = plan.make(plan.H, **options)
    if len(plan.directions) == 2:
        layer = keras.layers.Bidirectional(layer, dtype=plan.dtype)
    layer.build((plan.stateful or None, None, plan.I))
    return layer


def list_layers(layer: Any) -> list[Any]:
    """The layer, or the two inside of a Bidirectional."""
    is_pair = isinstance(layer, keras.layers.Bidirectional)
    return [layer.forward_layer, layer.backward_layer] if is_pair else [layer]


def takes(make: Callable[..., Any], name: str) -> bool:
    """Whether an argument of that name may be given."""
    parameters = signature(make).parameters
    return name in parameters or any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())
