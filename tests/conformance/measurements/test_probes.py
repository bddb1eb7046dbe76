"""Whom the probes of σ and tanh can ask, and what a figure contains."""

from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.measurements import activations
from conformance.measurements.activation_text import accuracy_data, describe_accuracy, list_unread, list_warnings
from conformance.measurements.activations import SYMBOLS, Accuracy, probe_activations
from lstm_spec import Answer, Array, Problem, Shapes, multiple_of
from tests.helpers import specimens
from tests.helpers.activations import F32, OWN, graded, lengthened, made_of, stable

# ---------------------------------------------------------------- whom it can ask

SMALL = Shapes(B=range(1, 9), H=multiple_of(8))


@pytest.mark.parametrize(
    "shapes", [SMALL, Shapes(I=range(1, 3)), Shapes(T=range(2, 9)), Shapes(H=multiple_of(48), I=multiple_of(5))]
)
def test_shapes_are_honoured_and_change_no_figure(shapes: Shapes) -> None:
    asked, free = (
        probe_activations(specimens.restricted("small", shapes), "float32"),
        probe_activations(NUMPY, "float32"),
    )
    ulp = [[found.tried, *(found.figures[name].ulp for name in SYMBOLS)] for found in (asked, free)]
    assert ulp[0] == ulp[1]


def test_where_calls_are_small_some_arguments_stand_for_all() -> None:
    found = probe_activations(specimens.restricted("one", Shapes(B=range(1, 2), H=range(1, 2))), "float32")
    assert found.tried == activations.CALLS and found.figures["tanh"].met


ILLEGIBLE = {
    "raises": "it raised RuntimeError: the kernel crashed",
    "exits": "it raised SystemExit: goodbye",
    "returns_a_tuple": "forward returned a tuple, expected an lstm_spec.Answer",
    "returns_tensors": "y is a tests.helpers.specimens.Tensor, expected a numpy.ndarray",
    "swaps_input_and_forget_gates": "at 100 it is 0, expected 1",
}


@pytest.mark.parametrize("name", ILLEGIBLE)
def test_what_answers_otherwise_than_an_lstm_has_no_figure_and_the_reason_is_said(name: str) -> None:
    found = probe_activations(getattr(specimens, name), "float32")
    assert found == Accuracy("float32", "relative", {}, 0, (), found.illegible)
    assert [why.split(": ")[0] for why in found.illegible] == ["σ", "tanh"]
    (why,) = list_unread([found])
    assert ILLEGIBLE[name] in why and ILLEGIBLE[name] in describe_accuracy(found) and list_warnings(found) == []
    assert accuracy_data(found)["sigmoid"] is None and accuracy_data(found)["illegible"] == list(found.illegible)


def test_what_the_shapes_exclude_is_no_reproach() -> None:
    found = probe_activations(specimens.claims_nothing, "float32")
    assert found == Accuracy("float32", "relative", {}, 0, ()) and list_unread([found]) == ()
    assert "no figure (float32; its shapes leave no problem that shows them)" in describe_accuracy(found)


def test_an_error_model_of_its_own_may_make_them_illegible() -> None:
    found = probe_activations(graded(specimens.swaps_input_and_forget_gates, float32=OWN), "float32")
    assert found.illegible and list_unread([found]) == ()


def test_one_function_may_be_read_without_the_other() -> None:
    def fails_on_inputs(problem: Problem) -> Answer:
        if problem.x.any():
            raise RuntimeError("no inputs, please")
        return NUMPY.forward(problem)

    found = probe_activations(replace(NUMPY, forward=fails_on_inputs), "float32")
    assert set(found.figures) == {"tanh"} and describe_accuracy(found).startswith("σ no figure, tanh within ")
    assert found.illegible == ("σ: it raised RuntimeError: no inputs, please",) and len(list_unread([found])) == 1


# ---------------------------------------------------------------- what the figure contains


def test_a_sigmoid_that_is_not_1_when_open_gets_what_the_grade_allows_it() -> None:
    """10 u below 1, in f and in o, is what relative allows; the figure of tanh contains it and says so."""
    below = np.float32(1 - 9.5 * F32)
    legal = probe_activations(made_of(lambda z: np.minimum(stable(z), below)), "float32")
    tanh = legal.figures["tanh"]
    assert not tanh.alone and tanh.ulp > 8 and list_warnings(legal) == []
    assert "each contains the other's error" in describe_accuracy(legal)
    further = np.float32(1 - 40 * F32)
    assert list_warnings(probe_activations(made_of(lambda z: np.minimum(stable(z), further)), "float32"))


def test_flushing_to_zero_is_within_every_grade() -> None:
    def flushed(z: Array) -> Array:
        right = stable(z)
        return np.where(right < 1.9 * np.finfo(z.dtype).tiny, 0, right).astype(z.dtype)

    assert list_warnings(probe_activations(made_of(flushed), "float32")) == []


@pytest.mark.parametrize(("beyond", "told"), [(4200, 0), (3000, 1)])
def test_near_the_largest_number_a_result_need_not_be_finite(beyond: float, told: int) -> None:
    def overflows(z: Array) -> Array:
        return np.where(np.abs(z) > beyond, np.float16("nan"), np.tanh(z))

    found = probe_activations(made_of(stable, overflows, dtypes=("float16",)), "float16")
    assert len(list_warnings(found)) == told


def test_without_a_wider_float_the_oracles_own_rounding_is_allowed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rough = made_of(stable, lengthened(np.tanh, 20))
    assert "its tanh is off by " in "\n".join(list_warnings(probe_activations(rough, "float64")))
    monkeypatch.setattr(activations, "wider_dtype", lambda dtype: np.dtype(np.float64))
    assert list_warnings(probe_activations(rough, "float64")) == []


def test_without_a_wider_float_the_figure_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, "wider_dtype", lambda dtype: np.dtype(np.float64))
    found = probe_activations(NUMPY, "float64")
    assert "±1 ulp, because no wider dtype is available" in describe_accuracy(found) and list_warnings(found) == []
    assert "±1" not in describe_accuracy(probe_activations(NUMPY, "float32"))
