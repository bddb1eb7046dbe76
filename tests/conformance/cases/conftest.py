"""Two cases that many tests read: of a forward pass, and of a gradient."""

from pathlib import Path

import pytest

from tests.helpers.cases import ANSWER, CUT, GATE_GRADIENTS, TRANSPOSED, write_case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("case"), TRANSPOSED, ANSWER)


@pytest.fixture(scope="module")
def gradient_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("case"), CUT, GATE_GRADIENTS)
