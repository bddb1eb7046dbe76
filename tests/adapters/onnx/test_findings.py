"""What docs/findings says of ONNX Runtime is still seen."""

from pathlib import Path

import pytest

from tests.helpers.findings import assert_finding, list_findings


@pytest.mark.parametrize("name", list_findings("onnxruntime"))
def test_a_finding_is_still_seen(name: str, tmp_path: Path) -> None:
    assert_finding(name, tmp_path, status=-6 if name == "onnxruntime-empty.md" else 0)  # there, the process aborts
