"""What may be said of a backend, and of a description that means nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.faults.catalogue import FAULTS
from conformance.faults.lstm import build_backend
from conformance.faults.parts import RIGHT_PARTS
from conformance.outcome import Outcome, Refuted
from conformance.problems.build import build_problem
from conformance.problems.form import Form
from conformance.property import PROPERTIES
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.report.roots import Cause, find_diagnosed, key_of
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
    plain = replace(NUMPY, gradients=None, description=Description())
    report = check(plain, profile="standard", dtypes=("float32",), examples=1)
    assert report.status == PASSED
    assert report.statement == "no fault found (forward only), but too few examples were run for a statement"


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
    "skips_the_steps_beyond_five_hundred": (
        "many-steps",
        {"profile": "standard", "name": "long_sequence", "run_seed": 3},
        "SEQ-1",
    ),
    "drops_the_path_through_the_cell_state": ("gradients", {"name": "gradients", "examples": 3}, "GRAD-3"),
    "drops_an_axis_of_length_one_from_the_gradient": (
        "shape-of-gradients",
        {"name": "gradient", "examples": 3},
        "SHAPE-3",
    ),
    "accumulates_gradients_over_calls": ("memory-of-gradients", {"name": "gradient_", "examples": 3}, "CONTRACT-2"),
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
    assert len(first.following) + len(first.perhaps) > len(others)


def test_of_two_independent_faults_both_are_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward pass is wrong, and a gradient has the wrong shape: neither follows from the other."""
    monkeypatch.setattr(search, "SHRINKING", 0.0)
    forward = FAULTS["swaps_input_and_forget_gates"].backend()
    both = replace(forward, gradients=FAULTS["drops_an_axis_of_length_one_from_the_gradient"].backend().gradients)
    report = check(both, profile="quick", name="gate")
    assert [STAGE_NAMES[find_stage(root.verdict)] for root in report.roots] == ["one-step", "shape-of-gradients"]
    assert report.cause.is_known and report.cause.clause == "CELL-1"


def failing(name: str, outcome: Outcome, clause: str = "", detail: str = "y is off", dtype: str = "float32") -> Verdict:
    """A verdict made by hand."""
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    return Verdict(prop, dtype, outcome, detail, refutation=Refuted(detail, clause=clause))


def roots_of(*verdicts: Verdict, reproduced: dict[str, bool] | None = None) -> list[tuple[str, int, int]]:
    """Each root, how many verdicts follow from it and how many may; `reproduced` by the name of the property."""
    findings = Findings("x", Description(), True, Request("quick", 0, ("float32",)), list(verdicts))
    known = {(name, v.dtype): is_so for name, is_so in (reproduced or {}).items() for v in verdicts}
    roots = Report(findings, Cause("a fault", bool(known), reproduced=known)).roots
    return [(root.verdict.property.name, len(root.following), len(root.perhaps)) for root in roots]


EQUATIONS, FLOW = "the_answer_is_that_of_the_equations", "an_open_forget_gate_carries_the_gradient_unchanged"
GATE, OTHER = "the_input_gate_read_alone_is_the_logistic_function", "numbers_of_any_size_are_read_as_they_are"


def test_the_order_is_that_of_the_stages_and_not_of_the_registry() -> None:
    flow, whole, gate = (failing(name, Outcome.REFUTED) for name in (FLOW, EQUATIONS, GATE))
    assert roots_of(flow, whole, gate) == [(GATE, 0, 2)]
    shape = failing(FLOW, Outcome.REFUTED, "SHAPE-1")
    assert roots_of(whole, gate, shape) == [(FLOW, 0, 2)]


def test_an_answer_of_a_network_that_was_differentiated_is_no_earlier_than_the_network() -> None:
    gradient, forward = "the_gradient_goes_through_the_peepholes", "with_peepholes_the_gates_see_the_cell_state"
    found = failing(gradient, Outcome.REFUTED, "GRAD-8"), failing(forward, Outcome.REFUTED)
    assert roots_of(*found) == [(forward, 0, 1)]


def test_a_failure_at_the_most_precise_dtype_leads() -> None:
    gate, flow = failing(GATE, Outcome.REFUTED, dtype="bfloat16"), failing(FLOW, Outcome.REFUTED)
    assert roots_of(gate, flow) == [(FLOW, 0, 0), (GATE, 0, 0)]
    everywhere = [failing(name, Outcome.REFUTED, dtype=d) for d in ("float16", "float64") for name in (FLOW, GATE)]
    (root,) = Report(Findings("x", Description(), True, Request("standard", 0, ()), everywhere)).roots
    assert (root.verdict, root.perhaps) == (everywhere[3], [everywhere[2]])


def test_only_what_the_named_fault_reproduces_follows_from_it_for_certain() -> None:
    gate, other, whole = (failing(name, Outcome.REFUTED) for name in (GATE, OTHER, EQUATIONS))
    assert roots_of(gate, other) == [(GATE, 0, 0), (OTHER, 0, 0)]
    assert roots_of(gate, other, reproduced={GATE: True, OTHER: True}) == [(GATE, 1, 0)]
    assert roots_of(gate, whole, reproduced={GATE: True, EQUATIONS: False}) == [(GATE, 0, 0), (EQUATIONS, 0, 0)]
    assert roots_of(gate, whole, reproduced={GATE: True}) == [(GATE, 0, 1)]


def test_the_cause_is_that_of_the_first_failure_which_it_reproduces() -> None:
    gate, other, flow = (failing(name, Outcome.REFUTED) for name in (GATE, OTHER, FLOW))
    known = {GATE: False, OTHER: True, FLOW: True}
    assert roots_of(gate, other, flow, reproduced=known) == [(GATE, 0, 0), (OTHER, 1, 0)]
    cause = Cause("a fault", reproduced={(name, "float32"): is_so for name, is_so in known.items()})
    assert find_diagnosed([gate, other, flow], cause) is other


def test_a_failure_that_is_about_the_clause_of_the_cause_stands_for_those_that_it_explains() -> None:
    gate, step, flow = (failing(name, Outcome.REFUTED) for name in (GATE, OTHER, FLOW))
    findings = Findings("x", Description(), True, Request("quick", 0, ("float32",)), [gate, step, flow])

    def list_roots(clause: str, *unexplained: Verdict) -> list[str]:
        known = {key_of(v): v not in unexplained for v in findings.verdicts}
        return [root.verdict.property.name for root in Report(findings, Cause("h = o c", True, clause, known)).roots]

    assert list_roots("CELL-6") == [OTHER] and list_roots("CELL-1") == [GATE] and list_roots("NET-1") == [GATE]
    assert list_roots("CELL-6", gate) == [GATE, OTHER] and list_roots("CELL-6", step) == [GATE, OTHER]


def test_what_lacks_a_feature_of_the_root_has_a_cause_of_its_own() -> None:
    forms = {"with_peepholes_the_gates_see_the_cell_state": Form(kind="peephole"), PADDED: Form(lengths="any")}
    peepholes, padded = (failing(name, Outcome.REFUTED) for name in forms)
    for verdict, form in ((peepholes, Form(kind="peephole")), (padded, Form(lengths="any"))):
        give_example(verdict, form)
    assert roots_of(peepholes, padded) == [(peepholes.property.name, 0, 0), (PADDED, 0, 0)]
    give_example(padded, Form(kind="peephole", lengths="any"))
    assert roots_of(peepholes, padded) == [(peepholes.property.name, 0, 1)]


PADDED = "nan_and_infinity_beyond_a_length_influence_nothing"


def give_example(verdict: Verdict, form: Form) -> None:
    assert verdict.refutation
    verdict.refutation.problem = build_problem(np.dtype("float32"), form, (2, 2, 2, 2), ("dense",) * 6, 1)


def test_of_two_faults_in_one_network_each_has_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong peepholes, and wrong padding: the fault that is named does not break the peepholes."""
    monkeypatch.setattr(search, "SHRINKING", 0.5)
    names = ("swaps_the_peepholes_of_input_and_forget_gate", "repeats_the_last_output_in_the_padding")
    parts = FAULTS[names[0]].change(FAULTS[names[1]].change(RIGHT_PARTS))
    report = check(build_backend("both", parts), profile="quick", dtypes=("float32",), clauses=("VAR-1", "LEN-3"))
    assert names[0] in report.cause.sentence and report.roots[0].verdict is report.diagnosed
    assert [root.verdict.property.family for root in report.roots[:2]] == ["variants", "lengths"]
    assert report.roots[0].following and all(root.verdict.property.family != "variants" for root in report.roots[1:])


def test_the_same_clause_broken_twice_is_one_root() -> None:
    gate, other = (failing(name, Outcome.REFUTED, "ACT-3") for name in (GATE, OTHER))
    assert roots_of(gate, other) == [(GATE, 1, 0)]


def test_nothing_follows_from_an_exception_but_the_same_one() -> None:
    raised, again = (failing(name, Outcome.ERRORED, detail="no licence") for name in (GATE, OTHER))
    assert roots_of(raised, again, failing(EQUATIONS, Outcome.REFUTED)) == [(GATE, 0, 0), (EQUATIONS, 0, 0)]
    other = failing(OTHER, Outcome.ERRORED, detail="no memory")
    assert roots_of(raised, other) == [(GATE, 0, 0), (OTHER, 0, 0)]


def test_a_second_problem_that_is_compared_with_the_equations_breaks_no_contract_by_itself() -> None:
    second = failing("a_second_problem_of_the_same_shapes_gets_an_answer_of_its_own", Outcome.REFUTED)
    trace = failing("one_call_leaves_no_trace_in_the_next", Outcome.REFUTED)
    gate = failing(GATE, Outcome.REFUTED)
    assert roots_of(second, gate) == [(GATE, 0, 1)]
    assert roots_of(trace, gate) == [("one_call_leaves_no_trace_in_the_next", 0, 1)]


def test_what_raises_is_told_where_it_is_first_asked() -> None:
    whole = failing(EQUATIONS, Outcome.ERRORED, detail="no memory")
    assert roots_of(whole, failing(GATE, Outcome.ERRORED, detail="no licence")) == [(EQUATIONS, 0, 0), (GATE, 0, 0)]


def test_gradients_that_are_kept_come_before_gradients_that_are_wrong() -> None:
    wrong, kept = (
        "the_gate_gradients_are_the_derivatives_of_the_equations",
        "one_gradient_call_leaves_no_trace_in_the_next",
    )
    assert roots_of(failing(wrong, Outcome.REFUTED), failing(kept, Outcome.REFUTED)) == [(kept, 0, 1)]
