"""Layers of people's in Keras: right ones hold, mistaken ones are refuted, and what is none is told what is missing."""

from typing import Any

import keras
import pytest

from conformance import judge
from lstm_spec import Feature, from_keras
from lstm_spec.adapters.forms import draw_problem
from tests.helpers.adapted import ANSWER, GRADIENT, OWN, assert_refuted, find_broken, write_module
from tests.helpers.root import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras on torch, by NumPy
FILE = ROOT / "tests/adapters/keras/layers.py"
RIGHT = ("Sequence", "Cell", "TwoDense", "Inherited")


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_holds_however_it_is_written(name: str) -> None:
    implementation = from_keras(getattr(write_module(FILE), name))
    assert Feature.OMITS_STATE in implementation.description.features
    for asked in OWN:
        assert find_broken(implementation, dtypes=("float32",), name=asked, examples=1) == set()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="it compiles")
def test_a_loop_in_a_layer_is_compiled_for_few_steps_only_and_right_for_many() -> None:
    from jax.core import Tracer

    compiled = list[bool]()
    module = write_module(FILE, "Sequence", "h, c = initial_state", "h, c = initial_state; note(x)")
    module.note = lambda x: compiled.append(isinstance(x, Tracer))  # type: ignore[attr-defined]
    implementation = from_keras(module.Sequence)
    for T in (3, 40):
        problem = draw_problem(T, 2, 4, 5)
        found = implementation.build(problem.parameters, problem.variant, problem.directions)
        answer = found.forward(problem.x, problem.state)
        assert compiled[-1] == (T == 3) and judge(problem, answer).holds


EVALUATES = "evaluation_does_not_depend"
DROPPING = ("Dropping", "Told", "Counts", "DroppingCell", "ToldCell", "Untold")


@pytest.mark.parametrize("name", DROPPING)
def test_training_is_told_to_what_takes_it_and_evaluation_does_not_depend_on_it(name: str) -> None:
    module = write_module(FILE)
    implementation = from_keras(getattr(module, name))
    assert True not in module.told
    assert find_broken(implementation, dtypes=("float32",), name=EVALUATES, examples=1) == set()
    assert True in module.told


MISTAKES = {  # a property, the class, a part of it, what stands there then, and the known fault that is named, or None
    "forgets tanh": (ANSWER, "Sequence", "ops.sigmoid(o) * ops.tanh(c)", "ops.sigmoid(o) * c", "does_not_squash"),
    "begins anew": (
        ANSWER,
        "Sequence",
        "        h, c = initial_state",
        "        h, c = [0 * s for s in initial_state]",
        "",
    ),
    "returns the old c": (ANSWER, "TwoDense", "return c_new, ops", "return c, ops", None),
    "squashes g otherwise": (
        ANSWER,
        "Cell",
        "ops.sigmoid(i) * ops.tanh(g)",
        "ops.sigmoid(i) * ops.sigmoid(g)",
        "uses_the_logistic_function_for_the_candidate",
    ),
    "cuts the gradient": (GRADIENT, "TwoDense", "self.h2h(h)", "self.h2h(ops.stop_gradient(h))", "hidden_state"),
    "drops in evaluation": (ANSWER, "Dropping", "self.drop(x)", "self.drop(x, training=True)", None),
    "drops all but in training": (ANSWER, "Told", "training=training", "training=not training", None),
    "drops in a cell all but in training": (ANSWER, "ToldCell", "training=training", "training=not training", None),
    "keeps what training left": (EVALUATES, "Counts", "self.scale * x if training else x", "self.scale * x", None),
    "drops in evaluation, in Keras' own": (ANSWER, "Untold", "drop(sequences)", "drop(sequences, training=True)", None),
    "returns the first h": (ANSWER, "Inherited", "return y, h, c", "return y, y[:, 0], c", None),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_it_is_refuted_and_named(mistake: str) -> None:
    asked, where, old, new, fault = MISTAKES[mistake]
    assert_refuted(from_keras(getattr(write_module(FILE, where, old, new), where)), asked, fault)


INSTEAD = {
    "OnlySequence": ("of shape (1, 1, 5), expected (y, (h, c))", "write call(self, x, initial_state"),
    "NoState": ("takes x and no state, expected an initial state beside it", "write call(self, x, initial_state=None)"),
    "Extra": ("is made with (units, input_dim, rate), expected the sizes of an LSTM", "write a function make("),
    "NoBias": ("has the parameters kernel (12, 20), expected weights and a bias", "the equations have a bias"),
    "WithHead": ("kernel.2 (5, 2), bias.2 (2,), expected weights and a bias for four gates", "name the LSTM in it"),
    "Broken": ("raised AttributeError (module 'keras.ops' has no attribute 'wrong')", "mend that"),
    "NotMade": ("given 5, raised RuntimeError (no licence), expected a layer", "mend that, or write a function make("),
    "make_none": ("makes a NoneType, expected a keras.layers.Layer", "return the layer"),
    "model": ("Sequential is an object of the class Sequential, expected a class or a function", "write a function"),
}


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_no_lstm_is_told_what_is_missing(name: str) -> None:
    made: Any = getattr(write_module(FILE), name)
    with pytest.raises(TypeError) as refused:
        from_keras(made)
    for words in INSTEAD[name]:
        assert words in str(refused.value)
    assert "\n" not in str(refused.value)
