"""The measurement of how often a mutated term is named: its halves, its pairs, and what counts as named."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tools.checks.lines import keep_lines
from tools.checks.statements import TERMS, WIRING
from tools.checks.terms import (
    GRADIENTS,
    NOTHING,
    ONE,
    OTHER,
    PART,
    PLACE,
    RIGHT,
    WIRED,
    WRONG,
    Group,
    Named,
    ask,
    choose_pairs,
    list_groups,
)
from tools.mutants.judging import draw_probes
from tools.mutants.making import build_backend

GROUPS = {group.name: group for group in list_groups()}


@pytest.mark.parametrize(("name", "least"), [("cells", 350), ("module", 50), ("wiring", 45)])
def test_the_halves_have_no_mutant_in_common_and_are_the_same_each_time(name: str, least: int) -> None:
    one, other = ([mutant.name for mutant in GROUPS[name].choose_half(half)] for half in (0, 1))
    assert not set(one) & set(other) and len(one) - len(other) in (0, 1) and len(other) >= least
    assert one == [mutant.name for mutant in GROUPS[name].choose_half(0)]


@pytest.mark.parametrize(
    ("sentence", "has_formula", "outcome"),
    [
        ("", False, NOTHING),
        ("the forget gate is 1", True, RIGHT),
        ("the candidate is 1", True, WRONG),
        ("the forget gate is not that of the equations", False, PLACE),
        ("the forget gate and the candidate are wrong", False, PART),
        ("the candidate is wrong", False, OTHER),
    ],
)
def test_a_mutant_is_named_right_wrong_or_not(sentence: str, has_formula: bool, outcome: str) -> None:
    assert Named("", (("the forget gate",),), sentence, has_formula).outcome == outcome


def test_of_a_pair_both_have_to_be_named() -> None:
    words = (("the forget gate",), ("the candidate",))
    said = ("the forget gate is 1; the candidate is 0", "the forget gate is 1", "the output gate is 1")
    assert [Named("", words, sentence, True).outcome for sentence in said] == [RIGHT, ONE, WRONG]


def test_a_pair_has_both_mistakes() -> None:
    (mutant, words, _), *_ = islice(choose_pairs(0), 1)
    one, other = mutant.name.split("  and  ")
    assert words[0] != words[1] and all(edit.rpartition("  →  ")[2] in mutant.slip.text for edit in (one, other))


def test_a_wired_pair_has_one_mistake_in_a_cell_and_one_in_what_joins_cells() -> None:
    (mutant, words, form), *_ = islice(choose_pairs(0, kind=WIRED), 1)
    assert mutant.textbook.name == "stacked" and form is not None and form.layers > 1
    assert words[0] in TERMS.values() and words[1] in WIRING.values()


def test_both_mistakes_of_a_gradient_pair_leave_the_answers_right() -> None:
    (mutant, words, _), *_ = islice(choose_pairs(0, kind=GRADIENTS), 1)
    probe = next(draw_probes(mutant.textbook)).problem
    given, right = mutant.build().forward(probe), build_backend(mutant.textbook).forward(probe)
    assert words[0] != words[1] and np.array_equal(given.y, right.y)


def test_what_the_lines_have_is_not_asked_again(tmp_path: Path) -> None:
    lines, asked = tmp_path / "lines.jsonl", list[str]()

    def ask_length(name: str) -> dict[str, int]:
        asked.append(name)
        return {"length": len(name)}

    for names in (["a", "bc"], ["bc", "a", "def"]):
        found = dict(keep_lines(lines, "names", names, ask_length))
        assert [*found] == names and all(entry["length"] == len(name) for name, entry in found.items())
    assert asked == ["a", "bc", "def"]
    assert dict(keep_lines(lines, "other names", ["a"], ask_length))["a"] == {"length": 1}
    assert len(asked) == 4


def name_one(group: Group, before: str, after: str) -> str:
    mutant = next(m for m in group.mutants if m.slip.before.startswith(before) and m.slip.after.endswith(after))
    said = [Named(mutant.name, (group.list_words(mutant),), *ask(mutant, group.form, alone)) for alone in (True, False)]
    assert said[0].outcome == said[1].outcome
    return said[0].outcome


def test_a_mutant_of_a_gate_is_named() -> None:
    assert name_one(GROUPS["cells"], "zf = ", "f * 1") == RIGHT


def test_a_mutant_of_a_module_is_named() -> None:
    pytest.importorskip("torch")
    assert name_one(GROUPS["module"], "c = f * c", "f * c + i") == RIGHT
