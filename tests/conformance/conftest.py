"""What tests of several rooms share."""

from pathlib import Path

import pytest


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another current folder: commands write the cases of failures below it."""
    monkeypatch.chdir(tmp_path)
