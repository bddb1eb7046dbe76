"""Modules of people's in Flax and Equinox: right ones hold, mistakes are refuted, others are told what is missing."""

from typing import Any

import pytest

from lstm_spec import Feature, Implementation, from_equinox, from_flax
from tests.helpers.adapted import ANSWER, GRADIENT, assert_refuted, find_broken, write_module
from tests.helpers.root import ROOT

FILE = ROOT / "tests/adapters/jax/modules.py"
RIGHT = {
    "LinenSequence": {Feature.OMITS_STATE},
    "LinenTold": {Feature.OMITS_STATE},
    "LinenCell": {Feature.OMITS_STATE, Feature.BIDIRECTIONAL},
    "NnxCell": set(),
    "EquinoxCell": set(),
    "EquinoxSequence": {Feature.OMITS_STATE},
}


def adapt(name: str, old: str = "", new: str = "") -> Implementation:
    made = getattr(write_module(FILE, name if old else "", old, new), name)
    return from_equinox(made) if name.startswith("Equinox") or name == "Extra" else from_flax(made)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_module_holds_however_it_is_written(name: str) -> None:
    implementation = adapt(name)
    assert RIGHT[name] <= implementation.description.features
    assert "float64" in implementation.description.dtypes
    for asked in (GRADIENT, "changed_in_place"):
        assert find_broken(implementation, dtypes=("float32",), name=asked, examples=1) == set()


MISTAKES = {  # a property, the class, a part of it, what stands there then, and the known fault that is named, or None
    "forgets tanh": (
        ANSWER,
        "LinenSequence",
        "linen.sigmoid(o) * jnp.tanh(c)",
        "linen.sigmoid(o) * c",
        "does_not_squash_the_cell_state",
    ),
    "begins anew": (ANSWER, "LinenSequence", "= carry or (", "= (", ""),
    "returns the old c": (ANSWER, "LinenCell", "return (h, c_new)", "return (h, c)", None),
    "cuts the gradient": (
        GRADIENT,
        "LinenCell",
        "h @ U",
        "linen.tanh(0) + jax.lax.stop_gradient(h) @ U",
        "drops_the_path_through_the_hidden_state",
    ),
    "drops a bias": (ANSWER, "NnxCell", "nnx.sigmoid(f) * c", "nnx.sigmoid(f - self.gates[1].bias[...]) * c", None),
    "ties the gates": (
        ANSWER,
        "EquinoxCell",
        "jax.nn.sigmoid(f) * c",
        "(1 - jax.nn.sigmoid(i)) * c",
        "ties_the_forget_gate_to_the_input_gate",
    ),
    "reads nothing": (ANSWER, "NnxCell", "jnp.concatenate([x, h], -1)", "jnp.concatenate([0 * x, h], -1)", None),
    "forgets the state": (ANSWER, "EquinoxSequence", "return y, last", "return y, (last[0], 0 * last[1])", None),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_it_is_refuted_and_named(mistake: str) -> None:
    asked, where, old, new, fault = MISTAKES[mistake]
    assert_refuted(adapt(where, old, new), asked, fault)


INSTEAD = {
    "OnlySequence": ("returned an array of shape (3, 4, 5), expected (y, (h, c))", "write a cell, whose __call__("),
    "NoState": ("takes x and no state, expected an initial state beside it", "write a cell, whose __call__("),
    "WithHead": ("Dense_0/kernel (5, 2), ", "expected weights and a bias for four gates", "name the LSTM in it"),
    "Extra": ("is made with (input_size, hidden_size, layers), expected the sizes", "write a function make("),
    "make_none": ("makes a NoneType, expected a module of linen or nnx", "return that"),
    "cell": ("is an object of the class OptimizedLSTMCell, expected a class or a function", "write a function make("),
}


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_no_lstm_is_told_what_is_missing(name: str) -> None:
    with pytest.raises(TypeError) as refused:
        adapt(name)
    for words in INSTEAD[name]:
        assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_layout_that_is_given_is_not_looked_for() -> None:
    made: Any = write_module(FILE).LinenCell
    given = from_flax(made, layout="flax")  # has other names, and this order: ifgo, where the cell has fiog
    assert find_broken(given, dtypes=("float32",), name=ANSWER, examples=1)
