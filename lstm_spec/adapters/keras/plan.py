"""How a layer of Keras is made."""

import re
from collections import Counter
from typing import Any, NamedTuple

import keras

from lstm_spec.adapters.keras.wrapping import Caller, Stepper
from lstm_spec.adapters.making import Maker
from lstm_spec.adapters.styles import Style
from lstm_spec.types import Direction

ZEROS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}  # the numbers come afterwards
DROPPED = {"dropout": 0.5, "recurrent_dropout": 0.5}  # outside of training nothing may be dropped
NUMBER = re.compile(r"_\d+$")  # that Keras puts to the names of layers


class Plan(NamedTuple):
    """What a layer is made of."""

    maker: Maker
    I: int
    H: int
    dtype: str
    biases: bool = True
    directions: tuple[Direction, ...] = ("forward",)
    style: Style | None = None  # None: it is a keras.layers.RNN
    stateful: int = 0  # or its number of samples
    is_training: bool = False


def make_layer(plan: Plan) -> Any:
    """A layer with variables, which is called like keras.layers.LSTM. Raises TypeError for what is no layer."""
    ways: dict[str, Any] = {"return_sequences": True, "return_state": True, "dtype": plan.dtype}
    ways |= {"go_backwards": True} if plan.directions == ("reverse",) else {}
    ways |= {"stateful": True} if plan.stateful else {}
    layer = make_own(plan, **ways, zero_output_for_mask=True)
    if plan.style is not None and plan.style.is_cell:
        layer = keras.layers.RNN(Stepper(layer, plan.style, plan.H), zero_output_for_mask=True, **ways)
    elif plan.style is not None:
        layer = Caller(layer, plan.style, plan.H)
    else:
        layer.return_sequences = layer.return_state = True
    if len(plan.directions) == 2:
        layer = keras.layers.Bidirectional(layer, dtype=plan.dtype)
    layer.build((plan.stateful or None, None, plan.I))
    return layer


def make_own(plan: Plan, **ways: Any) -> Any:
    """What somebody's class makes. Raises TypeError if that is no layer."""
    options = {"dtype": plan.dtype, **ZEROS, **DROPPED, **ways, **({} if plan.biases else {"use_bias": False})}
    made = plan.maker.construct(plan.I, plan.H, **options)
    if not isinstance(made, keras.layers.Layer):
        name = plan.maker.name
        raise TypeError(f"{name} makes a {type(made).__name__}, expected a keras.layers.Layer; return the layer")
    return made


def list_layers(layer: Any) -> list[Any]:
    """The layer, or the two inside of a Bidirectional."""
    is_pair = isinstance(layer, keras.layers.Bidirectional)
    return [layer.forward_layer, layer.backward_layer] if is_pair else [layer]


def name_variables(layer: Any) -> dict[str, Any]:
    """The layer's trainable variables by what tells them apart in their paths, e.g. kernel."""
    variables = layer.trainable_variables
    paths = [[NUMBER.sub("", part) for part in v.path.split("/")[:-1]] + [v.name] for v in variables]
    while all(len(path) > 1 for path in paths) and len({path[0] for path in paths}) == 1:
        paths = [path[1:] for path in paths]
    counts, named = Counter[str](), {}
    for path, variable in zip(map("/".join, paths), variables, strict=True):
        counts[path] += 1
        named[path if counts[path] == 1 else f"{path}.{counts[path]}"] = variable
    return named
