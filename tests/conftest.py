"""What all tests share."""

import pytest


@pytest.fixture(autouse=True)
def brief_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments on a refutation take little time; the tests of what they find say how much they may take."""
    monkeypatch.setattr("conformance.diagnosis.experiments.diagnose.SECONDS", 0.3)
