"""What docs/findings says of Keras and TensorFlow is still seen; each program names the backend that it is about."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.findings import assert_finding, list_findings


@pytest.mark.parametrize("name", list_findings("keras"))
def test_a_finding_is_still_seen(name: str, tmp_path: Path) -> None:
    assert_finding(name, tmp_path)


@pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow is not installed")
@pytest.mark.parametrize("name", list_findings("tensorflow"))
def test_a_finding_in_tensorflow_is_still_seen(name: str, tmp_path: Path) -> None:
    assert_finding(name, tmp_path)
