"""The properties as pytest tests: pytest --pyargs conformance --lstm TARGET."""

import warnings
from collections import defaultdict
from dataclasses import replace

import pytest

from conformance.measurements.activation_text import list_unread
from conformance.measurements.activations import probe_activations
from conformance.outcome import Outcome
from conformance.property import PROPERTIES, Property
from conformance.report.report import Report
from conformance.run.check import prepare_findings
from conformance.run.judge import judge_pair
from conformance.run.options import Options
from conformance.run.selection import plan_verdicts, select_dtypes
from conformance.targets.resolve import TargetError, resolve
from conformance.verdict import Verdict
from lstm_spec import Backend
from lstm_spec.clauses import Level

VERDICTS: dict[str, list[Verdict]] = defaultdict(list)  # by target, as they come in


def read_options(config: pytest.Config) -> Options:
    """The options of the command line. Raises CollectError if the grade does not exist."""
    try:
        return Options(config.getoption("--lstm-profile"), grade=config.getoption("--lstm-grade"))
    except ValueError as error:
        raise pytest.Collector.CollectError(f"--lstm-grade: {error}") from None


class RefutedShould(UserWarning):
    """A SHOULD is refuted: allowed, with a reason."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each target, dtype and property, and one for each target as a whole."""
    targets = metafunc.config.getoption("--lstm")
    if not targets:
        raise pytest.Collector.CollectError("nothing to judge; say which LSTM with --lstm TARGET, e.g. --lstm numpy")
    try:
        backends = {target: resolve(target) for target in targets}
    except TargetError as error:
        raise pytest.Collector.CollectError(f"--lstm: {error}") from None
    if "prop" not in metafunc.fixturenames:
        metafunc.parametrize(("target", "backend"), backends.items(), ids=targets)
        return
    options = read_options(metafunc.config)
    cases = [
        pytest.param(target, backend, prop, dtype, id=f"{target}-{dtype}-{prop.name}")
        for target, backend in backends.items()
        for dtype in select_dtypes(backend, options)
        for prop in PROPERTIES
    ]
    metafunc.parametrize(("target", "backend", "prop", "dtype"), cases)


def test_property(target: str, backend: Backend, prop: Property, dtype: str, pytestconfig: pytest.Config) -> None:
    """Fails if a MUST is refuted, or the backend raises; a refuted SHOULD is a warning."""
    verdict = judge_pair((prop, dtype), backend, read_options(pytestconfig))
    VERDICTS[target].append(verdict)
    message = f"{verdict.outcome}: {prop.sentence} ({', '.join(prop.clauses)}): {verdict.detail}"
    if verdict.outcome is Outcome.NOT_CLAIMED:
        pytest.skip(verdict.detail)
    if prop.level is Level.SHOULD and verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED):
        warnings.warn(RefutedShould(message), stacklevel=1)
    elif verdict.outcome is not Outcome.HOLDS:
        pytest.fail(message, pytrace=False)


def test_the_whole(target: str, backend: Backend, pytestconfig: pytest.Config) -> None:
    """Fails if the core is not claimed or the error model is the backend's own: skips alone look green."""
    options = read_options(pytestconfig)
    if len(VERDICTS[target]) < len(plan_verdicts(backend, options)):
        pytest.skip("only some of the properties were run here, so nothing is said about the whole")
    findings = prepare_findings(options.apply_grade(backend), options)
    unread = list_unread(probe_activations(backend, dtype) for dtype in findings.request.dtypes)
    report = Report(replace(findings, verdicts=VERDICTS[target], unread=unread))
    if report.status:
        pytest.fail(report.statement, pytrace=False)
