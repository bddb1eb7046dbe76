"""The measurement of how often a condition is named: its halves, what counts as named, and what is drawn."""

import json
from pathlib import Path

import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from tools.checks.conditions import PERHAPS, REST, RIGHT, WRONG, Named, judge_half, judge_mistakes, name_mistake
from tools.checks.halves import SEED, choose_half
from tools.mutants.conditional.drawing import FAMILIES, OF_EACH, draw_conditionals
from tools.mutants.conditional.effects import Conditional

DRAWN = draw_conditionals(SEED)
ONE = next(one for one in DRAWN if one.pattern.startswith("its answers are wrong only where"))


def test_sixty_mistakes_are_drawn_of_every_family_and_the_halves_have_none_in_common() -> None:
    one, other = ([id(mistake) for mistake in choose_half(DRAWN, half)] for half in (0, 1))
    assert len(DRAWN) == OF_EACH * len(FAMILIES) == 60 and not {*one} & {*other} and len(one) == len(other)
    assert [one.condition for one in draw_conditionals.__wrapped__(SEED)] == [one.condition for one in DRAWN]


@pytest.mark.parametrize(
    ("sentence", "outcome"),
    [
        ("its answers are wrong only where B = 1 (wrong at 2); cause unknown", RIGHT),
        ("its answers are wrong only where B = 1 (wrong at 2): only h_T; cause unknown", RIGHT),
        ("its answers are wrong only where B = 1 (wrong at 2) and only where x and W are not zero", RIGHT),
        ("its answers are wrong only where B = 1 (wrong at 2); this is not certain", PERHAPS),
        ("its answers are wrong only where B = 1 (wrong at 2) and only where |x| > 1", WRONG),
        ("its answers are wrong only where B = 2 (wrong at 2); cause unknown", WRONG),
        ("its answers are wrong perhaps only where B = 2 (wrong at 2); cause unknown", REST),
        ("its answers are wrong at all 4 sizes; cause unknown", REST),
        ("", REST),
    ],
)
def test_a_condition_is_named_right_wrong_or_not(sentence: str, outcome: str) -> None:
    mistake = ONE._replace(pattern=r"its answers are wrong only where (B = 1) \(")
    assert Named(mistake, sentence, 0.0).outcome == outcome


@pytest.mark.parametrize("condition", ["B <= 1", "every call n with n % 24 == 0", "h_0 is zero", "reverse of both"])
def test_a_drawn_condition_is_named(condition: str) -> None:
    mistake = next(one for one in DRAWN if one.condition == condition)
    assert [named.outcome for named in judge_mistakes([mistake], 60)] == [RIGHT]


@pytest.mark.parametrize("mistake", [one for one in DRAWN if one.family == "size"][:4], ids=lambda one: one.condition)
def test_a_drawn_mistake_is_right_somewhere_and_wrong_elsewhere(mistake: Conditional) -> None:
    laboratory = Laboratory(mistake.build(), "float32", backward="gradient" in mistake.condition, seconds=60)
    sizes = [(T, B, I, H) for T in (1, 70) for B in (1, 8) for I in (3, 32) for H in (1, 5)]
    assert {laboratory.ask_at(at).said for at in sizes} == {"right", "wrong"}


def test_what_the_lines_have_is_not_asked_again(tmp_path: Path) -> None:
    lines, half = tmp_path / "lines", choose_half(DRAWN, 1)
    kept = {"group": f"first kinds, half 1, seed {SEED}", "sentence": "it was kept", "seconds": 3.0, "outcome": REST}
    lines.write_text("".join(json.dumps(kept | {"name": name_mistake(one)}) + "\n" for one in half), encoding="utf-8")
    found = list(judge_half(1, SEED, "first", None, lines))
    assert [named.sentence for named in found] == ["it was kept"] * len(half)
    assert [named.mistake.mutant for named in found] == [one.mutant for one in half]
