"""What docs/findings says of Keras is still seen; each program names the backend that it is about."""

from pathlib import Path

import pytest

from tests.helpers.findings import assert_finding, list_findings


@pytest.mark.parametrize("name", list_findings("keras"))
def test_a_finding_is_still_seen(name: str, tmp_path: Path) -> None:
    assert_finding(name, tmp_path)
