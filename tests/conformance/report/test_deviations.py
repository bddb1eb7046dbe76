"""A declared deviation is no failure while it is as it was declared."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from conformance.cases.load import load_case
from conformance.cases.save import save_case
from conformance.outcome import Outcome, Refuted
from conformance.problems.question import problem_of
from conformance.property import PROPERTIES
from conformance.report.findings import Findings, Request
from conformance.report.rules import decide_status, list_uncovered
from conformance.report.statement import write_statement
from conformance.report.status import FAILED, PASSED
from conformance.run.check import check
from conformance.run.witnesses import find_complaints
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import REFERENCE, Description
from tests.helpers import specimens
from tests.helpers.deviations import ENTRY, EQUATIONS, GRADIENTS, ISSUE, QUICK, WRONG, case_of, declared, named, toml
from tests.helpers.malformed import well_formed
from tests.helpers.specimens import said

# ---------------------------------------------------------------- what is as it was declared


def test_a_declared_deviation_is_no_failure_and_no_plain_conformance(witness: Path) -> None:
    report = check(WRONG, **QUICK, deviations=(declared(witness),))
    assert report.status == PASSED and not report.failures and not report.findings.complaints
    assert report.statement == (
        f"holds on this selection with 1 declared deviation (CELL-1: {ISSUE}); nothing is said about the rest"
    )


def test_without_the_declaration_it_is_one() -> None:
    assert check(WRONG, **QUICK).status == FAILED


def test_what_conforms_with_deviations_names_them_all(witness: Path) -> None:
    both = (declared(witness), replace(declared(witness), clause="CELL-2", issue=f"{ISSUE}#2"))
    held = [Verdict(prop, "float32", Outcome.HOLDS) for prop in PROPERTIES]
    request = Request("standard", 0, ("float32",))
    statement = write_statement(Findings("x", Description(), False, request, held, deviations=both))
    assert statement.startswith(
        "conforms to LSTM Specification 1.0 (forward only) at float32 (relative) with 2 declared"
    )
    assert statement.endswith(f" deviations (CELL-1: {ISSUE}, CELL-2: {ISSUE}#2)")


def test_a_clause_that_is_declared_need_not_be_covered(witness: Path) -> None:
    verdicts = [
        Verdict(
            prop, "float32", Outcome.REFUTED if "SHAPE-2" in prop.clauses else Outcome.HOLDS, refutation=Refuted("x")
        )
        for prop in PROPERTIES
    ]
    findings = Findings("x", Description(), False, Request("standard", 0, ("float32",)), verdicts)
    assert "SHAPE-2" in list_uncovered(findings) and decide_status(findings) == FAILED
    known = replace(declared(witness), clause="SHAPE-2")
    assert list_uncovered(replace(findings, deviations=(known,))) == []


def test_another_failure_is_one_still(witness: Path) -> None:
    report = check(
        WRONG, **{**QUICK, "name": "of_the_equations"}, deviations=(replace(declared(witness), clause="SEQ-1"),)
    )
    assert report.status == FAILED
    assert {v.property.name for v in report.failures} == {"a_step_from_any_state_is_that_of_the_equations"}


def test_a_deviation_of_another_backend_is_not_this_ones(witness: Path) -> None:
    assert check(WRONG, **QUICK, deviations=(declared(witness, target="torch"),)).status == FAILED
    assert check(WRONG, **QUICK, deviations=(declared(witness, target=WRONG.name),)).status == PASSED


def test_a_deviation_that_was_not_asked_about_is_not_judged_and_that_is_said(witness: Path, tmp_path: Path) -> None:
    file = toml(tmp_path, {**ENTRY, "clause": "GRAD-1", "witness": str(tmp_path / "missing")})
    status, text = said("run", "numpy", "--profile", "quick", "-k", EQUATIONS, "--deviations", str(file))
    assert status == PASSED and "DEVIATION  GRAD-1  is not judged: no property that was asked is about it\n" in text
    assert "declared deviation" not in text


def test_what_the_witness_still_shows_is_there_though_nothing_else_does(witness: Path) -> None:
    """A small profile need not meet what a larger one found."""

    def rarely(problem: Any) -> Any:
        return (WRONG if problem.sizes == sizes else REFERENCE).forward(problem)

    case = load_case(witness)
    sizes = problem_of(case.example).sizes
    backend = replace(REFERENCE, name="rarely", forward=rarely, gradients=None)
    held, known = [Verdict(case.prop, "float32", Outcome.HOLDS)], (declared(witness),)
    findings = Findings("rarely", Description(), False, Request("quick", 0, ("float32",)), held, deviations=known)
    assert find_complaints(findings, backend) == () and "with 1 declared deviation" in write_statement(findings)


def test_an_exception_and_what_is_not_claimed_may_be_declared(tmp_path: Path, witness: Path) -> None:
    raised = case_of(tmp_path, specimens.raises, EQUATIONS, "tests.helpers.specimens:raises")
    assert (
        check(specimens.raises, **QUICK, deviations=(replace(declared(raised), kind=Outcome.ERRORED),)).status == PASSED
    )
    gradient = case_of(tmp_path, specimens.differentiates_another_lstm, GRADIENTS, "x")
    unclaimed = replace(declared(gradient), clause="GRAD-2", kind=Outcome.NOT_CLAIMED)
    report = check(specimens.forward_only, profile="quick", examples=2, name="equations", deviations=(unclaimed,))
    assert report.status == PASSED and f"(GRAD-2: {ISSUE})" in report.statement


# ---------------------------------------------------------------- what is not


def test_a_deviation_that_is_not_there_any_more_fails(witness: Path) -> None:
    report = check(REFERENCE, **QUICK, deviations=(declared(witness),))
    assert report.status == FAILED
    assert report.findings.complaints == ("deviation CELL-1 is not there any more: remove it",)
    assert report.statement == "does not conform as declared: deviation CELL-1 is not there any more: remove it"


def test_one_that_fails_otherwise_fails(witness: Path) -> None:
    report = check(specimens.raises, **QUICK, deviations=(declared(witness),))
    assert report.findings.complaints == (
        "deviation CELL-1 fails otherwise: errored, declared refuted; correct its kind",
    )


def test_one_whose_witness_shows_it_no_more_fails(tmp_path: Path) -> None:
    other = case_of(tmp_path, specimens.returns_nan, EQUATIONS, "x")
    calm = replace(declared(other), witness=case_with_a_calm_example(tmp_path))
    (complaint,) = check(WRONG, **QUICK, deviations=(calm,)).findings.complaints
    assert complaint == f"deviation CELL-1: its witness {calm.witness} comes out as holds, declared refuted; renew it"


def case_with_a_calm_example(folder: Path) -> Path:
    """A case of a problem on which i = f, so that to swap them changes nothing."""
    refutation = Refuted("x")
    refutation.problem = refutation.asked = well_formed()
    verdict = Verdict(named(EQUATIONS), "float32", Outcome.REFUTED, "x", refutation=refutation)
    path = save_case(folder, REFERENCE, verdict, Origin("numpy", 0))
    assert path is not None
    return path


def test_one_without_its_witness_fails(tmp_path: Path) -> None:
    (complaint,) = check(WRONG, **QUICK, deviations=(declared(tmp_path / "x.safetensors"),)).findings.complaints
    assert complaint == (
        f"deviation CELL-1 lacks its witness: {tmp_path}/x.safetensors cannot be read (No such file or directory); "
        "name a case that `run` wrote"
    )


def test_one_whose_witness_is_about_another_clause_fails(witness: Path) -> None:
    known = replace(declared(witness), clause="CONTRACT-2")
    verdict = Verdict(
        named("the_same_question_gets_the_same_answer"), "float32", Outcome.REFUTED, refutation=Refuted("x")
    )
    findings = Findings("x", Description(), False, Request("quick", 0, ("float32",)), [verdict], deviations=(known,))
    (complaint,) = find_complaints(findings, WRONG)
    assert complaint == f"deviation CONTRACT-2 lacks its witness: {witness} is about CELL-1 … ACC-1; name another"


def test_one_that_has_expired_fails_from_the_day_after(witness: Path) -> None:
    day = date(2027, 1, 31)
    findings = replace(check(WRONG, **QUICK).findings, deviations=(declared(witness, expires=day),))
    assert find_complaints(findings, WRONG, day) == ()
    (complaint,) = find_complaints(findings, WRONG, date(2027, 2, 1))
    assert complaint == "deviation CELL-1 expired on 2027-01-31: mend it, or agree on another date"
