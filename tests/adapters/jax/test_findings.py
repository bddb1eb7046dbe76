"""What docs/findings says of Flax is still seen."""

from pathlib import Path

import pytest

from tests.helpers.findings import assert_finding, list_findings


@pytest.mark.parametrize("name", list_findings("flax"))
def test_a_finding_is_still_seen(name: str, tmp_path: Path) -> None:
    assert_finding(name, tmp_path)
