"""What may be said of a backend, and of a description that means nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome, Refuted
from conformance.property import PROPERTIES
from conformance.report.findings import Findings, Request
from conformance.report.report import Cause, Report
from conformance.report.stages import STAGE_NAMES, STAGES, find_stage
from conformance.report.statement import write_statement
from conformance.report.status import FAILED, PASSED, SUITE_ERROR
from conformance.run import search, selection
from conformance.run.check import check
from conformance.targets import border
from conformance.targets import resolve as targets
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import CLAUSES, Backend, Description, Feature, Shapes, at_most, from_packed
from lstm_spec.claims import check_backend
from lstm_spec.clauses import Level


def test_fewer_examples_than_the_profile_asks_for_are_no_conformance() -> None:
    report = check(NUMPY, profile="standard", dtypes=("float32",), examples=1)
    assert report.status == PASSED
    assert report.statement == "no fault found, but too few examples were run for a statement"


def test_the_suites_own_failure_outranks_what_was_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(context: Any) -> Any:
        raise RuntimeError("a recipe of ours")

    everything = [replace(prop, on=fail) for prop in PROPERTIES]
    monkeypatch.setattr(selection, "PROPERTIES", everything)
    report = check(NUMPY, profile="quick")
    assert report.status == SUITE_ERROR and report.statement.startswith("no statement: the suite itself failed")


def test_gradients_that_are_not_claimed_are_spoken_of() -> None:
    shy = replace(NUMPY, description=replace(NUMPY.description, features=frozenset({Feature.DETERMINISTIC})))
    report = check(shy, profile="quick", examples=1)
    assert "(forward only: it has gradients, but does not claim them)" in report.statement


def test_gradients_handed_to_from_packed_are_claimed_whatever_the_description_says() -> None:
    backend = from_packed(lambda *a: a, lambda *a: a, description=Description(version="2"))
    assert backend.offers(Feature.GRADIENTS) and backend.description.version == "2"


def test_an_exception_on_a_should_is_an_error_and_no_warning() -> None:
    def raises(problem: Any) -> Any:
        raise OSError("no licence")

    report = check(replace(NUMPY, forward=raises), profile="quick", name="floating_point_warning", examples=1)
    assert [v.outcome for v in report.failures] == [Outcome.ERRORED] and not report.warnings


def raising_above(B: int) -> Backend:
    """A right backend that raises at more samples than these properties ask for."""

    def forward(problem: Any) -> Any:
        if problem.x.shape[1] > B:
            raise MemoryError("no room")
        return NUMPY.forward(problem)

    return replace(NUMPY, name="narrow", forward=forward, gradients=None)


def test_what_cannot_be_read_is_not_decided() -> None:
    report = check(raising_above(500), profile="quick", examples=1)
    assert not report.failures and report.status == FAILED
    why = "σ: it raised MemoryError: no room; tanh: it raised MemoryError: no room"
    assert report.statement == (
        f"not decided: no fault found, but the probes of σ and tanh were not answered as by an LSTM at float32 ({why})"
    )
    shapes = replace(NUMPY.description, shapes=Shapes(B=at_most(500)))
    assert check(replace(raising_above(500), description=shapes), profile="quick", examples=1).status == PASSED


WARNED = {name: prop for prop in PROPERTIES for name in prop.clauses if prop.level is Level.SHOULD}


def test_warnings_are_counted_and_named_in_the_statement() -> None:
    shoulds = [WARNED["NUM-2"], WARNED["CONTRACT-3"]]
    for named, said in ((shoulds[:1], "1 warning (NUM-2)"), (shoulds, "2 warnings (CONTRACT-3, NUM-2)")):
        verdicts = [Verdict(p, "float32", Outcome.REFUTED if p in named else Outcome.HOLDS) for p in PROPERTIES]
        findings = Findings("x", Description(), True, Request("standard", 0, ("float32",)), verdicts)
        assert write_statement(findings) == f"conforms to LSTM Specification 1.0 at float32 (relative) with {said}"
        quick = replace(findings, request=replace(findings.request, profile="quick"))
        assert write_statement(quick).startswith(f"no fault found by quick with {said}; ")
        strict = replace(findings, request=replace(findings.request, strict=True))
        assert write_statement(strict).startswith("does not conform: ")


def test_a_backend_that_loses_subnormal_numbers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border, "subnormals_are_kept", lambda: False)
    report = check(NUMPY, profile="quick", name="the_final_hidden_state_is_the_last_output", examples=1)
    (failure,) = report.failures
    assert failure.outcome is Outcome.ERRORED and "do not link it with -ffast-math" in failure.detail


def test_a_target_that_loses_subnormal_numbers_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "subnormals_are_kept", lambda: False)
    with pytest.raises(targets.TargetError, match="switched subnormal numbers off.*-ffast-math"):
        targets.resolve("numpy")


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "a feature that is none": ({"features": {"gradient"}}, "features has 'gradient', expected some of: gradients"),
    "no features": ({"features": None}, "features is None, expected several names"),
    "a dtype that is none": ({"dtypes": ("foat64",)}, "dtypes has 'foat64', expected some of: float64, float32"),
    "a dtype that is a type": ({"dtypes": (np.float32,)}, "dtypes has <class 'numpy.float32'>, expected some of"),
    "a dtype alone": ({"dtypes": "float32"}, "dtypes is 'float32', expected several names"),
    "one grade for all": ({"grades": "absolute"}, "grades is 'absolute', expected one by dtype"),
    "no grades": ({"grades": None}, "grades is None, expected one by dtype"),
    "a grade that is none": ({"grades": {"float32": "exact"}}, "grade 'exact' is not defined at float32"),
    "a grade that is a number": (
        {"grades": {"float32": 3}},
        "the grade at float32 is 3, expected a name or an ErrorModel",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_description_that_means_nothing_is_refused(what: str) -> None:
    changes, sentence = MALFORMED[what]
    backend = replace(NUMPY, description=replace(NUMPY.description, **changes))
    with pytest.raises((TypeError, ValueError)) as refused:
        check_backend(backend)
    assert sentence in str(refused.value)
    with pytest.raises((TypeError, ValueError)):
        check(backend, profile="quick")


def test_no_description_at_all_is_refused() -> None:
    with pytest.raises(TypeError, match="description is a NoneType, expected a Description"):
        check_backend(Backend("x", NUMPY.forward, description=None))  # type: ignore[arg-type]


# ---------------------------------------------------------------- what follows from what


def test_every_clause_has_its_stage_and_no_stage_shows_in_an_earlier_one() -> None:
    placed = [id for id in CLAUSES for stage in STAGES if {id, id.split("-")[0]} & set(stage.clauses)]
    assert placed == list(CLAUSES)
    for k, stage in enumerate(STAGES):
        assert all(STAGE_NAMES.index(later) > k for later in stage.shows_in)


ROOTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "drops_an_axis_of_length_one": ("shape", {"name": "answer"}, "SHAPE-1"),
    "answers_in_float64": ("dtype", {"name": "answer"}, "SHAPE-2"),
    "rectifies_the_candidate": ("one-step", {"name": "candidate"}, "CELL-3"),
    "skips_the_steps_beyond_five_hundred": ("many-steps", {"profile": "standard", "name": "long_sequence"}, "SEQ-1"),
    "drops_the_path_through_the_cell_state": ("gradients", {"name": "gradients", "examples": 3}, "GRAD-3"),
    "drops_an_axis_of_length_one_from_the_gradient": (
        "shape-of-gradients",
        {"name": "gradient", "examples": 3},
        "SHAPE-3",
    ),
    "accumulates_gradients_over_calls": ("memory-of-gradients", {"name": "gradient_", "examples": 3}, "CONTRACT-4"),
    "reads_memory_in_a_row": ("strides", {"name": "inputs"}, "CONTRACT-4"),
}


@pytest.mark.parametrize("name", ROOTS)
def test_a_failure_comes_before_what_follows_from_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SHRINKING", 0.0)
    stage, options, clause = ROOTS[name]
    report = check(FAULTS[name].backend(), dtypes=("float32",), **{"profile": "quick", **options})
    first, *others = report.roots
    assert STAGE_NAMES[find_stage(first.verdict)] == stage and clause in find_broken_clauses(first.verdict)
    assert all(find_stage(other.verdict) >= find_stage(first.verdict) for other in others)
    assert len(first.following) > len(others)


def test_of_two_independent_faults_both_are_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward pass is wrong, and a gradient has the wrong shape: neither follows from the other."""
    monkeypatch.setattr(search, "SHRINKING", 0.0)
    forward = FAULTS["swaps_input_and_forget_gates"].backend()
    both = replace(forward, gradients=FAULTS["drops_an_axis_of_length_one_from_the_gradient"].backend().gradients)
    report = check(both, profile="quick", name="gate")
    assert [STAGE_NAMES[find_stage(root.verdict)] for root in report.roots] == ["one-step", "shape-of-gradients"]
    assert report.cause.is_known and report.cause.clause == "CELL-1"


def failing(name: str, outcome: Outcome, clause: str = "", detail: str = "y is off") -> Verdict:
    """A verdict made by hand."""
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    return Verdict(prop, "float32", outcome, detail, refutation=Refuted(detail, clause=clause))


def roots_of(*verdicts: Verdict, is_diagnosed: bool = False) -> list[tuple[str, int]]:
    findings = Findings("x", Description(), True, Request("quick", 0, ("float32",)), list(verdicts))
    roots = Report(findings, Cause("a fault", is_diagnosed)).roots
    return [(root.verdict.property.name, len(root.following)) for root in roots]


EQUATIONS, FLOW = "the_answer_is_that_of_the_equations", "an_open_forget_gate_carries_the_gradient_unchanged"
GATE, OTHER = "the_input_gate_read_alone_is_the_logistic_function", "numbers_of_any_size_are_read_as_they_are"


def test_the_order_is_that_of_the_stages_and_not_of_the_registry() -> None:
    flow, whole, gate = (failing(name, Outcome.REFUTED) for name in (FLOW, EQUATIONS, GATE))
    assert roots_of(flow, whole, gate) == [(GATE, 2)]
    shape = failing(FLOW, Outcome.REFUTED, "SHAPE-1")
    assert roots_of(whole, gate, shape) == [(FLOW, 2)]


def test_failures_of_the_same_stage_are_told_apart_unless_a_known_fault_explains_them() -> None:
    gate, other = (failing(name, Outcome.REFUTED) for name in (GATE, OTHER))
    assert roots_of(gate, other) == [(GATE, 0), (OTHER, 0)]
    assert roots_of(gate, other, is_diagnosed=True) == [(GATE, 1)]


def test_the_same_clause_broken_twice_is_one_root() -> None:
    assert roots_of(failing(GATE, Outcome.REFUTED, "ACT-3"), failing(OTHER, Outcome.REFUTED, "ACT-3")) == [(GATE, 1)]


def test_nothing_follows_from_an_exception_but_the_same_one() -> None:
    raised, again = (failing(name, Outcome.ERRORED, detail="no licence") for name in (GATE, OTHER))
    assert roots_of(raised, again, failing(EQUATIONS, Outcome.REFUTED)) == [(GATE, 0), (EQUATIONS, 0)]
    other = failing(OTHER, Outcome.ERRORED, detail="no memory")
    assert roots_of(raised, other) == [(GATE, 0), (OTHER, 0)]


def test_a_second_problem_that_is_compared_with_the_equations_breaks_no_contract_by_itself() -> None:
    second = failing("a_second_problem_of_the_same_shapes_gets_an_answer_of_its_own", Outcome.REFUTED)
    trace = failing("one_call_leaves_no_trace_in_the_next", Outcome.REFUTED)
    gate = failing(GATE, Outcome.REFUTED)
    assert roots_of(second, gate) == [(GATE, 1)]
    assert roots_of(trace, gate) == [("one_call_leaves_no_trace_in_the_next", 1)]


def test_what_raises_is_told_where_it_is_first_asked() -> None:
    whole = failing(EQUATIONS, Outcome.ERRORED, detail="no memory")
    assert roots_of(whole, failing(GATE, Outcome.ERRORED, detail="no licence")) == [(EQUATIONS, 0), (GATE, 0)]


def test_gradients_that_are_kept_come_before_gradients_that_are_wrong() -> None:
    wrong, kept = (
        "the_gate_gradients_are_the_derivatives_of_the_equations",
        "one_gradient_call_leaves_no_trace_in_the_next",
    )
    assert roots_of(failing(wrong, Outcome.REFUTED), failing(kept, Outcome.REFUTED)) == [(kept, 1)]
