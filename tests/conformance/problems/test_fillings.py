"""No filling leaves the normal numbers of a dtype."""

import numpy as np
import pytest

from conformance.problems.fillings import FILLINGS, MIX, TAME, USUAL, make_array
from tests.helpers.examples import FLOAT32


@pytest.mark.parametrize("filling", FILLINGS)
def test_no_filling_has_a_subnormal_number_or_one_that_is_not_finite(filling: str) -> None:
    a = make_array(filling, np.random.default_rng(0), (40, 50), FLOAT32)
    assert np.isfinite(a).all() and not a.flags.writeable
    assert ((a == 0) | (np.abs(a) >= np.finfo(np.float32).tiny)).all()


def test_the_tables_of_shares_have_the_same_arrays_and_only_known_fillings() -> None:
    assert set(USUAL) == set(MIX) == set(TAME) == {"x", "W", "U", "b", "h", "c", "dy", "dh", "dc"}
    assert {filling for table in (USUAL, MIX, TAME) for row in table.values() for filling in row.split()} <= {*FILLINGS}
