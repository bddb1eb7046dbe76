"""The diagnosis names the mistake."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.diagnosis import Diagnosis, diagnose, find_cause, plan_network_search
from conformance.diagnosis.experiments import diagnose as experiments
from conformance.diagnosis.probes import fit_sizes
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.outcome import NotClaimed
from conformance.problems.form import Form, form_of
from conformance.run.check import check
from conformance.targets.border import guard_backend
from lstm_spec import REFERENCE, Answer, Array, Backend, Description, Problem, Shapes, at_most, from_packed, multiple_of
from tests.helpers.foreign import answer_packed, wrap_numpy
from tests.helpers.specimens import answering

VALUES = [fault for fault in FAULTS.values() if fault.kind != "contract" and not fault.networks]
KNOWN = len(VALUES)


@pytest.mark.parametrize("fault", VALUES[::3], ids=lambda fault: fault.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some faults are of overflow
def test_every_third_fault_is_named_and_no_other(fault: Fault) -> None:
    dtype = "float64" if "float32" in fault.name else "float32"
    found = diagnose(guard_backend(fault.backend()), dtype)
    assert found is not None and [fit.name for fit in found.fitting] == [fault.name]
    assert f"1 of {KNOWN} known faults fits: {fault.name}" in found.sentence


def test_a_right_backend_has_no_diagnosis() -> None:
    found = diagnose(guard_backend(NUMPY), "float32")
    assert found is not None and not found.fitting
    assert found.sentence == ("the cause was not found: none of the 10 problems tried for it shows this failure")


def test_a_right_network_has_no_diagnosis() -> None:
    found = diagnose(REFERENCE, "float32", Form(layers=2))
    assert found is not None and "none of the 3 problems tried for it shows this failure" in found.sentence


def test_a_backend_that_answers_no_probe_has_no_diagnosis() -> None:
    silent = guard_backend(replace(NUMPY, forward=lambda problem: 1 / 0, gradients=None))
    assert diagnose(silent, "float32") is None and diagnose(silent, "float32", Form(layers=2)) is None


@pytest.mark.parametrize("name", ["ignores_a_square_projection", "takes_the_first_units_for_a_projection"])
def test_faults_that_look_the_same_at_one_form_are_told_apart_at_others(name: str) -> None:
    network = FAULTS[name].backend()
    search = plan_network_search(network.description, "float32", Form(projection="full"))
    at_one, at_others = find_cause(network, search._replace(elsewhere=())), find_cause(network, search)
    assert (
        at_one is not None and len(at_one.fitting) == 2 and "or one other that looks the same there" in at_one.sentence
    )
    assert at_others is not None and [fit.name for fit in at_others.fitting] == [name]


def test_only_forms_that_are_claimed_tell_faults_apart() -> None:
    shy = replace(REFERENCE.description, features=Form(projection="full").features)
    search = plan_network_search(shy, "float32", Form(projection="full"))
    asked = [question.problem for probes in search.elsewhere for question in probes.questions]
    assert asked and all(form_of(problem).features <= shy.features for problem in asked)
    everything = plan_network_search(REFERENCE.description, "float32", Form(projection="full"))
    assert len(everything.elsewhere) > len(search.elsewhere)


def test_a_mistake_in_code_outside_the_catalogue_is_named() -> None:
    right = wrap_numpy("ifgo", 2, False, False)
    wrong = from_packed(lambda x, h, c, W, U, b, more: answer_packed(right, (x, h, c, W, U, b, b * 0)))
    found = diagnose(guard_backend(wrong), "float32")
    assert found is not None and [fit.name for fit in found.fitting] == ["drops_the_recurrent_bias"]


def test_a_mistake_that_is_not_in_the_catalogue_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "SECONDS", 90.0)

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return Answer(answer.y * np.float32(0.5), answer.state._replace(h=answer.state.h * np.float32(0.5)))

    report = check(replace(NUMPY, forward=forward), profile="quick", name="read_alone", maxfail=1)
    assert not report.cause.is_known and report.cause.sentence.startswith(f"none of {KNOWN} known faults fits; ")
    assert ": only y, h_T; in one step the hidden state is h′ = 0.5 o tanh(c′), expected" in report.cause.sentence
    assert report.cause.sentence.endswith("over several steps the answers differ from that as well")


# ---------------------------------------------------------------- classes of error


def multiply_by(product: Any) -> Backend:
    """An LSTM in NumPy with this matrix product."""

    def forward(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array, Array]:
        y = []
        for x_t in x:
            z = (product(x_t, W) + product(h, U)).astype(x.dtype) + b
            i, f, g, o = np.split(z, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            y.append(h)
        return np.array(y), h, c

    return from_packed(forward, biases=1)


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def accumulate_in(dtype: str) -> Backend:
    """An LSTM that adds one product after the other, in that dtype."""
    return multiply_by(lambda a, M: np.add.accumulate((a[:, None] * M).astype(dtype), axis=2, dtype=dtype)[..., -1])


def round_factors_to(dtype: str) -> Backend:
    return multiply_by(lambda a, M: a.astype(dtype).astype(np.float64) @ M.astype(dtype).astype(np.float64).T)


def sentence_of(backend: Backend, dtype: str) -> str:
    with np.errstate(all="ignore"):
        found = diagnose(guard_backend(backend), dtype)
    assert isinstance(found, Diagnosis)
    return found.sentence


@pytest.mark.parametrize(("narrow", "dtype", "bits"), [("f2", "float32", "16 bits"), ("f4", "float64", "32 bits")])
def test_a_narrow_accumulator_is_recognised_by_errors_that_grow(narrow: str, dtype: str, bits: str) -> None:
    assert f"none of {KNOWN} known faults fits; it accumulates in {bits}" in sentence_of(accumulate_in(narrow), dtype)


@pytest.mark.parametrize(
    ("narrow", "dtype", "narrow_name"),
    [("float16", "float32", "16-bit floats"), ("bfloat16", "float32", "bfloat16"), ("float32", "float64", "float32")],
)
def test_narrow_factors_are_recognised_by_errors_that_do_not_grow(narrow: str, dtype: str, narrow_name: str) -> None:
    assert f"errors as large as those of {narrow_name}" in sentence_of(round_factors_to(narrow), dtype)


@pytest.mark.parametrize("power", [-24, -11, -8])
def test_a_wrong_formula_is_not_taken_for_rounding_however_small_its_error(power: int) -> None:
    off = answering(lambda a: replace(a, y=a.y * (1 + 2.0**power), state=a.state), "off")
    assert sentence_of(off, "float64") == f"none of {KNOWN} known faults fits"


# ---------------------------------------------------------------- shapes


def keep_within(backend: Backend, shapes: Shapes) -> Backend:
    """The backend, which raises an error outside of these shapes."""
    differentiate = backend.gradients
    assert differentiate is not None

    def fitting(problem: Problem) -> Problem:
        assert all(n in getattr(shapes, k) for k, n in zip("TBIH", problem.sizes, strict=True)), problem
        return problem

    return replace(
        backend,
        forward=lambda problem: backend.forward(fitting(problem)),
        gradients=lambda problem, d: differentiate(fitting(problem), d),
        description=replace(backend.description, shapes=shapes),
    )


@pytest.mark.parametrize(
    "shapes",
    [Shapes(H=multiple_of(16)), Shapes(T=range(1, 2)), Shapes(B=range(1, 2)), Shapes(I=at_most(1), T=at_most(9))],
    ids=["H by 16", "one step", "one sample", "one input"],
)
@pytest.mark.parametrize(
    "name", ["swaps_input_and_forget_gates", "clips_the_cell_state_at_50", "takes_the_slope_of_sigmoid_as_itself"]
)
def test_a_fault_is_named_within_the_shapes_of_the_backend(name: str, shapes: Shapes) -> None:
    with np.errstate(all="ignore"):
        found = diagnose(guard_backend(keep_within(FAULTS[name].backend(), shapes)), "float32")
    assert found is not None and [fit.name for fit in found.fitting] == [name]


def test_a_narrow_accumulator_is_recognised_within_the_shapes() -> None:
    about = Description(shapes=Shapes(H=multiple_of(16)))
    assert "it accumulates in 16 bits" in sentence_of(replace(accumulate_in("f2"), description=about), "float32")


def test_shapes_that_allow_no_problem_leave_no_diagnosis() -> None:
    assert diagnose(guard_backend(keep_within(NUMPY, Shapes(H=range(0)))), "float32") is None


def test_equal_sizes_stay_equal_if_the_shapes_allow_it() -> None:
    assert fit_sizes((3, 3, 4, 4), Shapes()) == (3, 3, 4, 4)
    assert fit_sizes((3, 3, 4, 4), Shapes(B=multiple_of(8), H=multiple_of(16))) == (8, 8, 16, 16)
    assert fit_sizes((3, 3, 4, 4), Shapes(I=at_most(2), H=multiple_of(16))) == (3, 3, 2, 16)
    with pytest.raises(NotClaimed, match="no H"):
        fit_sizes((3, 3, 4, 4), Shapes(H=range(0)))


# ---------------------------------------------------------------- 16 bits


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "name", ["swaps_input_and_forget_gates", "never_forgets", "drops_the_path_through_the_cell_state"]
)
def test_a_fault_is_named_at_16_bits(name: str, dtype: str) -> None:
    with np.errstate(all="ignore"):
        found = diagnose(guard_backend(FAULTS[name].backend()), dtype)
    assert found is not None and [fit.name for fit in found.fitting] == [name]
