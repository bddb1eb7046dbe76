"""The properties as pytest tests: pytest --pyargs conformance --lstm TARGET."""

from typing import Any

import pytest

from conformance.property import PROPERTIES, Outcome, Property
from conformance.runner import PROFILES, judge, selected
from conformance.targets import TargetError, resolve
from lstm_spec import Backend


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each target, dtype and property."""
    profile = PROFILES[metafunc.config.getoption("--lstm-profile")]
    cases, ids = [], []
    for target in metafunc.config.getoption("--lstm"):
        try:
            backend = resolve(target)
        except TargetError as error:
            raise pytest.Collector.CollectError(f"--lstm: {error}") from None
        _, dtypes = selected(backend, profile, (), (), "")
        cases += [(backend, prop, dtype) for dtype in dtypes for prop in PROPERTIES]
        ids += [f"{target}-{dtype}-{prop.name}" for dtype in dtypes for prop in PROPERTIES]
    if not cases:
        raise pytest.Collector.CollectError("nothing to judge; say which LSTM with --lstm TARGET, e.g. --lstm numpy")
    metafunc.parametrize(("backend", "prop", "dtype"), cases, ids=ids)


def test_property(backend: Backend, prop: Property, dtype: str, pytestconfig: Any) -> None:
    """Fails where the property is refuted, and where the backend raises."""
    verdict = judge(prop, backend, dtype, PROFILES[pytestconfig.getoption("--lstm-profile")])
    if verdict.outcome is Outcome.NOT_CLAIMED:
        pytest.skip(verdict.detail)
    if verdict.outcome is not Outcome.HOLDS:
        pytest.fail(f"{verdict.outcome}: {prop.sentence} ({', '.join(prop.clauses)}): {verdict.detail}", pytrace=False)
