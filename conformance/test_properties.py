"""The properties as pytest tests: pytest --pyargs conformance --lstm TARGET."""

import warnings
from collections import defaultdict

import pytest

from conformance.outcome import Outcome
from conformance.property import PROPERTIES, Property
from conformance.report.report import Asked, Report
from conformance.run.judge import judge
from conformance.run.profiles import PROFILES
from conformance.run.selection import selected
from conformance.targets.resolve import TargetError, resolve
from conformance.verdict import Verdict
from lstm_spec import Backend, Feature
from lstm_spec.clauses import Level

VERDICTS: dict[str, list[Verdict]] = defaultdict(list)  # by target, as they come in


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
    profile = PROFILES[metafunc.config.getoption("--lstm-profile")]
    cases = [
        pytest.param(target, backend, prop, dtype, id=f"{target}-{dtype}-{prop.name}")
        for target, backend in backends.items()
        for dtype in selected(backend, profile, (), (), "")[1]
        for prop in PROPERTIES
        if prop.is_of(dtype)
    ]
    metafunc.parametrize(("target", "backend", "prop", "dtype"), cases)


def test_property(target: str, backend: Backend, prop: Property, dtype: str, pytestconfig: pytest.Config) -> None:
    """Fails where a MUST is refuted, and where the backend raises; a SHOULD is a warning."""
    verdict = judge(prop, backend, dtype, PROFILES[pytestconfig.getoption("--lstm-profile")])
    VERDICTS[target].append(verdict)
    said = f"{verdict.outcome}: {prop.sentence} ({', '.join(prop.clauses)}): {verdict.detail}"
    if verdict.outcome is Outcome.NOT_CLAIMED:
        pytest.skip(verdict.detail)
    if prop.level is Level.SHOULD and verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED):
        warnings.warn(RefutedShould(said), stacklevel=1)
    elif verdict.outcome is not Outcome.HOLDS:
        pytest.fail(said, pytrace=False)


def test_the_whole(target: str, backend: Backend, pytestconfig: pytest.Config) -> None:
    """Fails where the core is not claimed or the error model is the backend's own: skips alone look green."""
    profile = PROFILES[pytestconfig.getoption("--lstm-profile")]
    _, dtypes = selected(backend, profile, (), (), "")
    if len(VERDICTS[target]) < sum(prop.is_of(dtype) for prop in PROPERTIES for dtype in dtypes):
        pytest.skip("only some of the properties were run here, so nothing is said of the whole")
    asked = Asked(profile.name, 0, dtypes)
    report = Report(target, backend.description, backend.offers(Feature.GRADIENTS), asked, VERDICTS[target])
    if report.status:
        pytest.fail(report.statement, pytrace=False)
