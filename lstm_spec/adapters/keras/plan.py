"""How a layer of Keras is made."""

import re
from collections import Counter
from functools import partial
from typing import Any, NamedTuple

import keras

from lstm_spec.adapters.keras.wrapping import Caller, Stepper
from lstm_spec.adapters.making import Maker
from lstm_spec.adapters.styles import Style
from lstm_spec.layouts.functions import HARD_SIGMOID, TO_KERAS
from lstm_spec.types import Activations, Direction

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
    activations: Activations | None = None


def make_layer(plan: Plan) -> Any:
    """A layer with variables, which is called like keras.layers.LSTM. Raises TypeError for what is no layer."""
    ways: dict[str, Any] = {"return_sequences": True, "return_state": True, "dtype": plan.dtype}
    ways |= {"go_backwards": True} if plan.directions == ("reverse",) else {}
    ways |= {"stateful": True} if plan.stateful else {}
    ways |= name_functions(plan.activations) if plan.activations else {}
    layer = make_own(plan, **ways, zero_output_for_mask=True)
    if plan.style is not None and plan.style.is_cell:
        layer = keras.layers.RNN(Stepper(layer, plan.style, plan.H), zero_output_for_mask=True, **ways)
    elif plan.style is not None:
        layer = Caller(layer, plan.style, plan.H)
    else:
        layer.return_sequences = layer.return_state = True
    if len(plan.directions) == 2:
        layer = keras.layers.Bidirectional(layer, dtype=plan.dtype)
    if plan.activations and plan.activations.gate == "hard sigmoid" and not is_own_line(plan.activations):
        for each in list_layers(layer):
            each.cell.recurrent_activation = partial(open_gate, plan.activations)
    layer.build((plan.stateful or None, None, plan.I))
    return layer


def name_functions(a: Activations) -> dict[str, str]:
    """These functions as options of a layer. Raises ValueError if Keras has no such options."""
    if a.candidate != a.output:
        raise ValueError(
            f"the candidate passes {a.candidate} and the cell state {a.output}, expected the same function for both;"
            " a layer of Keras has one activation"
        )
    return {"activation": TO_KERAS[a.output], "recurrent_activation": a.gate.replace(" ", "_")}


def is_own_line(a: Activations) -> bool:
    """Whether a hard sigmoid is that of Keras 3."""
    return (a.alpha, a.beta) == (HARD_SIGMOID[3], 0.5)


def open_gate(a: Activations, z: Any) -> Any:
    """A hard sigmoid with another slope, as it has to be written for Keras 3."""
    return keras.ops.clip(a.alpha * z + a.beta, 0.0, 1.0)


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
