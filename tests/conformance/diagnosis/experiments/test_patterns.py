"""Places and numbers in words."""

import pytest

from conformance.diagnosis.experiments.patterns import name_ordinal


@pytest.mark.parametrize(
    ("n", "words"),
    [(2, "second"), (10, "tenth"), (11, "11th"), (21, "21st"), (32, "32nd"), (60, "60th"), (113, "113th")],
)
def test_an_ordinal_is_spelled_as_people_do(n: int, words: str) -> None:
    assert name_ordinal(n) == words
