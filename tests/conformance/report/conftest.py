"""What tests of the report share."""

from pathlib import Path

import pytest

from tests.helpers.deviations import EQUATIONS, WRONG, case_of


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case that refutes WRONG at CELL-1, among others."""
    return case_of(
        tmp_path_factory.mktemp("w"), WRONG, EQUATIONS, "tests.helpers.specimens:swaps_input_and_forget_gates"
    )
