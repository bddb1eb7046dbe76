"""What tests of a run share."""

import pytest

from conformance.run import search


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrinking ends by itself, however slow the machine is."""
    monkeypatch.setattr(search, "SHRINKING", 1e9)
