"""What tests of several rooms share."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another current folder: commands write the cases of failures below it."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file grows beyond 1000 bytes here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
