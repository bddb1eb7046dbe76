"""What fails after the verdicts loses none of them, and is said."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from io import StringIO
from pickle import PicklingError
from typing import Any

import pytest
from rich.console import Console

from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.report.findings import Findings
from conformance.report.json import as_json
from conformance.report.report import Report
from conformance.report.status import FAILED, PASSED, SUITE_ERROR
from conformance.report.text import print_report
from conformance.run import check as checking
from conformance.run import witnesses
from conformance.run.parallel import await_verdict
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict
from lstm_spec import REFERENCE, Backend
from tests.helpers import specimens

FAILING = {
    "find_likely_cause": "looking for the likely cause",
    "find_lenient_grades": "looking for another grade",
    "judge_at_grades": "looking for another grade",
    "probe_activations": "measuring σ and tanh at float32",
    "measure_end_to_end": "measuring from end to end at float32",
    "find_complaints": "looking at the deviations and the measurements",
    "list_unread": "looking at the deviations and the measurements",
}


def fail(*arguments: Any) -> Any:
    raise LookupError("a bug of \x1b[31mours")


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Callable[[Backend], Report]:
    """A run that is taken for a whole one, though it asks little."""
    prepare = checking.prepare_findings

    def prepare_whole(*arguments: Any) -> Findings:
        findings = prepare(*arguments)
        return replace(findings, request=replace(findings.request, is_whole=True))

    def run(backend: Backend) -> Report:
        return checking.check(backend, profile="full", examples=1, dtypes=("float32",), name="the_answer_is_that")

    monkeypatch.setattr(checking, "prepare_findings", prepare_whole)
    monkeypatch.setattr(checking, "measure_end_to_end", lambda *arguments: [])
    return run


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_after_the_verdicts_loses_none(
    name: str, judge: Callable[[Backend], Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, name, fail)
    report = judge(specimens.swaps_input_and_forget_gates)
    assert [v.outcome for v in report.verdicts] == [Outcome.REFUTED] and report.status == FAILED
    assert report.mishaps == [f"{FAILING[name]} failed (LookupError: a bug of ours)"]
    assert as_json([report], {})["targets"][0]["mishaps"] == report.mishaps
    print_report(Console(file=(printed := StringIO()), width=300), report)
    assert f"suite error  {report.mishaps[0]}; please report it" in printed.getvalue()


def test_where_the_probes_failed_nothing_is_claimed(
    judge: Callable[[Backend], Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "probe_activations", fail)
    report = judge(REFERENCE)
    assert report.failures == [] and report.status != PASSED
    assert report.findings.unread == (
        "the probes of σ and tanh were not answered as by an LSTM at float32 (the suite failed)",
    )


@pytest.mark.parametrize("name", ["find_complaints", "list_unread"])
def test_what_cannot_be_looked_at_is_not_passed(
    name: str, judge: Callable[[Backend], Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, name, fail)
    report = judge(REFERENCE)
    assert report.failures == [] and report.status != PASSED and report.findings.unread == (checking.UNSEEN,)


def test_a_property_that_cannot_be_judged_costs_no_other_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([fail])
    monkeypatch.setattr("conformance.run.judge.guard_backend", lambda backend: next(calls, guard_backend)(backend))
    report = checking.check(REFERENCE, profile="quick", examples=1, dtypes=("float32",), name="of the equations")
    outcomes = [verdict.outcome for verdict in report.verdicts]
    assert outcomes[0] is Outcome.SUITE_ERROR and Outcome.HOLDS in outcomes[1:] and report.status == SUITE_ERROR
    assert report.verdicts[0].detail == "LookupError: a bug of ours"


def test_a_verdict_that_cannot_be_sent_costs_no_other_its_own() -> None:
    pair = PROPERTIES[0], "float32"
    future = Future[Verdict]()
    future.set_exception(PicklingError("no file can hold it"))
    assert await_verdict(future, pair).outcome is Outcome.SUITE_ERROR
    broken = Future[Verdict]()
    broken.set_exception(BrokenProcessPool())
    with pytest.raises(BrokenProcessPool):
        await_verdict(broken, pair)


def test_an_interrupt_is_no_mishap(judge: Callable[[Backend], Report], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "find_likely_cause", interrupt)
    with pytest.raises(KeyboardInterrupt):
        judge(specimens.swaps_input_and_forget_gates)


def test_a_deviation_that_cannot_be_compared_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    class Declared:
        clause = "CELL-5"

    monkeypatch.setattr(witnesses, "_find_complaint", fail)
    findings = type("Found", (), {"judged_deviations": [Declared, Declared], "verdicts": []})
    expected = "deviation CELL-5 cannot be held against its witness (LookupError: a bug of ours); please report it"
    assert witnesses.find_complaints(findings, REFERENCE) == (expected, expected)  # type: ignore[arg-type]
