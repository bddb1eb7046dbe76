"""The properties as pytest tests: pytest --pyargs conformance --lstm TARGET."""

import warnings
from dataclasses import replace

import pytest

from conformance.cases.save import save_cases
from conformance.outcome import Outcome
from conformance.plugin.delivery import Delivered, deliver_verdict
from conformance.plugin.lender import LENDER
from conformance.plugin.selected import Asked, list_asked
from conformance.property import find_property
from conformance.report.failures import failure_lines
from conformance.report.report import Report
from conformance.report.roots import Root
from conformance.run.check import prepare_findings
from conformance.run.judge import judge_pair
from conformance.verdict import Verdict


class RefutedShould(UserWarning):
    """A SHOULD is refuted: allowed, with a reason."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each target, dtype and property."""
    lender = metafunc.config.stash.get(LENDER, None)
    if lender is None:
        raise pytest.Collector.CollectError("nothing to judge; say which LSTM with --lstm TARGET, e.g. --lstm numpy")
    asked = [one for target, backend in lender.list_lent() for one in list_asked(target, backend, lender.options)]
    if lender.is_worker:  # elsewhere `the_whole` fails
        asked += [Asked(target, "", "cannot_be_made") for target in lender.unmade]
    metafunc.parametrize("asked", asked, ids=[one.id for one in asked])


def test_property(asked: Asked, request: pytest.FixtureRequest) -> None:
    """Fails if a MUST is refuted, or the backend raises; a refuted SHOULD is a warning."""
    lender = request.config.stash[LENDER]
    if reason := lender.unmade.get(asked.target):
        pytest.fail(reason, pytrace=False)
    backend, prop = lender.lend(asked.target), find_property(asked.name)
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as on the command line, whatever filters the tests have
        verdict = judge_pair((prop, asked.dtype), backend, lender.options)
        lender.note_first_answers(asked.target)
    deliver_verdict(request.node, Delivered(verdict, {}, {}))
    message = f"{verdict.outcome}: {prop.sentence} ({', '.join(prop.clauses)}): {verdict.detail}"
    if verdict.outcome is Outcome.NOT_CLAIMED:
        pytest.skip(verdict.detail)
    report, complaint = _save_case(asked.target, verdict, request)
    if report.warnings:
        _warn(message)
    elif report.findings.is_declared(verdict):
        pytest.xfail(f"declared deviation: {message}")
    elif verdict.outcome is not Outcome.HOLDS:
        pytest.fail("\n".join([*failure_lines(report, Root(verdict, [])), *complaint]), pytrace=False)


def _save_case(target: str, verdict: Verdict, request: pytest.FixtureRequest) -> tuple[Report, list[str]]:
    """The report on one verdict, with the file of its case; a sentence if the folder cannot be written."""
    lender = request.config.stash[LENDER]
    backend, origin = lender.lend(target), lender.describe_origin(target)
    saved = save_cases(lender.out, backend, [verdict], origin)
    deliver_verdict(request.node, Delivered(verdict, saved.cases, saved.reasons))
    findings = replace(prepare_findings(backend, lender.options), verdicts=[verdict])
    report = Report(findings, origin=origin, cases=saved.cases, uncased=saved.reasons)
    return report, [saved.complaint.replace("--out", "--lstm-out")] if saved.complaint else []


def _warn(message: str) -> None:
    try:
        warnings.warn(RefutedShould(message), stacklevel=1)
    except RefutedShould:  # the tests' filters make warnings errors
        pytest.fail(message, pytrace=False)
