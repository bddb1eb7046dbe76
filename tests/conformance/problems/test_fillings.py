"""No filling leaves the normal numbers of a dtype."""

import numpy as np
import pytest

from conformance.arrays import limits
from conformance.problems.fillings import FILLINGS, MIX, ROOM_ABOVE, TAME, USUAL, make_array


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("filling", FILLINGS)
def test_no_number_is_subnormal_or_close_to_the_largest_one(filling: str, dtype: str) -> None:
    a = make_array(filling, np.random.default_rng(0), (40, 50), np.dtype(dtype))
    size, about = np.abs(a.astype(np.float64)), limits(np.dtype(dtype))
    assert (size <= about.largest / ROOM_ABOVE).all() and not a.flags.writeable
    assert ((size == 0) | (size >= about.tiny)).all() and a.dtype == dtype


def test_the_tables_of_shares_have_the_same_arrays_and_only_known_fillings() -> None:
    assert set(USUAL) == set(MIX) == set(TAME) == {"x", "W", "U", "b", "h", "c", "dy", "dh", "dc"}
    assert {filling for table in (USUAL, MIX, TAME) for row in table.values() for filling in row.split()} <= {*FILLINGS}
