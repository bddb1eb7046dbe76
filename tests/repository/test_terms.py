"""The measurement of how often a mutated term is named: its halves, and what counts as named."""

from conformance.diagnosis.experiments.laboratory import Finding
from tools.checks.terms import NOTHING, OTHER, PART, RIGHT, WRONG, Named, choose_half, list_words, name_term


def test_the_halves_have_no_mutant_in_common_and_are_the_same_each_time() -> None:
    one, other = ([mutant.name for mutant in choose_half(half)] for half in (0, 1))
    assert not set(one) & set(other) and len(one) - len(other) in (0, 1) and len(other) > 300
    assert one == [mutant.name for mutant in choose_half(0)]


def test_a_mutant_is_named_right_wrong_or_not() -> None:
    mutant = next(mutant for mutant in choose_half(0) if "the forget gate" in list_words(mutant))
    said = [None, *(Finding(text, sure) for text in ("the forget gate is 1", "h′ = 2") for sure in (True, False))]
    assert [Named(mutant, found).outcome for found in said] == [NOTHING, RIGHT, PART, WRONG, OTHER]


def test_a_mutant_of_a_gate_is_named() -> None:
    mutant = next(m for m in choose_half(0) if m.slip.before.startswith("zf = ") and m.slip.after.endswith("f * 1"))
    assert Named(mutant, name_term(mutant)).outcome == RIGHT
