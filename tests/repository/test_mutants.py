"""Small mistakes in the source of textbook LSTMs: every one that changes an answer is refuted."""

import re
import time
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner

from conformance.run.check import check
from tests.helpers.root import ROOT
from tools.mutants import making
from tools.mutants.__main__ import main
from tools.mutants.judging import VISIBLE, Judged, find_refuting, judge_mutant, measure_effect
from tools.mutants.making import TEXTBOOKS, Mutant, Textbook, build_backend, list_mutants
from tools.mutants.operators import OPERATORS, name_operator
from tools.mutants.page import list_missed, write_page
from tools.mutants.slips import Slip, make_slips

MUTANTS = list_mutants()
SOME = MUTANTS[::46]
PAGE = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
PLAIN = TEXTBOOKS[0]


def mutant_of(textbook: Textbook, before: str, after: str) -> Mutant:
    """The textbook with another piece of text."""
    assert textbook.text.count(before) == 1
    return Mutant(textbook, Slip("by hand", 0, before, after, textbook.text.replace(before, after)))


def list_bodies(operator: str, body: str) -> set[str]:
    """What the operator makes of the body of a function."""
    slips = make_slips(f"def f(x, h, c):\n    {body}")
    return {slip.text.partition("\n")[2].strip() for slip in slips if slip.operator == operator}


# ---------------------------------------------------------------- the operators


@pytest.mark.parametrize(
    ("operator", "body", "wrong"),
    [
        ("swap plus and minus", "a = h + c - x[t + 1]", {"a = h - c - x[t + 1]", "a = h + c + x[t + 1]"}),
        ("drop term", "return 1 - h", {"return 1", "return h"}),
        ("drop factor", "return h * c", {"return h", "return c"}),
        ("take other gate", "return Wi", {"return Wf", "return Wg"}),
        ("take other state", "return np.zeros(h.shape), dh", {"return (np.zeros(h.shape), dc)"}),
        ("take other squashing", "return sigmoid(x)", {"return np.tanh(x)", "return x"}),
        ("drop transpose", "return x @ U.T", {"return x @ U"}),
        ("miss by one", "return x[t]", {"return x[t - 1]", "return x[max(t - 1, 0)]"}),
        ("compare otherwise", "return x < h", {"return x <= h"}),
        ("change constant", "return 1 * x[0]", {f"return {k} * x[0]" for k in ("2", "0", "0.5")} | {"return 1 * x[1]"}),
        ("change axis", "x.sum(axis=(0, 1))", {"x.sum(axis=0)", "x.sum(axis=1)"}),
        ("read backwards", "return reversed(x)", {"return x"}),
        ("delete statement", "h += c", {"pass"}),
        ("drop copy", "return h.copy()", {"return h"}),
        ("take other index", "return x[layer]", {"return x[d]"}),
        ("assign for adding", "h += c", {"h = c"}),
    ],
)
def test_an_operator_makes_these_mistakes_and_no_other(operator: str, body: str, wrong: set[str]) -> None:
    assert list_bodies(operator, body) == wrong


def test_every_operator_makes_a_mistake_in_every_way_of_writing_and_no_two_are_the_same() -> None:
    made = Counter(mutant.slip.operator for mutant in MUTANTS)
    assert set(made) == set(map(name_operator, OPERATORS))
    assert len({(mutant.textbook.name, mutant.slip.text) for mutant in MUTANTS}) == len(MUTANTS)
    assert {mutant.textbook for mutant in MUTANTS} == set(TEXTBOOKS)


# ---------------------------------------------------------------- the judgement


@pytest.mark.parametrize("textbook", TEXTBOOKS, ids=lambda textbook: textbook.name)
def test_a_textbook_is_right_before_mistakes_are_made_in_it(textbook: Textbook) -> None:
    assert check(build_backend(textbook), profile="quick", examples=1, first=textbook.first).status == 0


@pytest.mark.parametrize("mutant", SOME, ids=lambda mutant: mutant.name)
def test_a_mutant_that_changes_an_answer_is_refuted(mutant: Mutant) -> None:
    effect = measure_effect(mutant)
    assert effect == 0 or find_refuting(mutant.build(), mutant.textbook.first), f"missed, effect {effect}"


@pytest.mark.soak
def test_every_mutant_that_changes_an_answer_is_refuted() -> None:
    results = [(mutant, judge_mutant(mutant)) for mutant in MUTANTS]
    assert [mutant.name for mutant in list_missed(results)] == []


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ("    steps = []\n", "    steps = list()\n", 0.0),
        ("c_last, dx, dh", "c_last, 2 * dx, dh", 1.0),
        ("return y, h_last", "dy *= 0\n    return y, h_last", 1.0),  # of what was asked
        ("return y, h_last", "return y[:, :0], h_last", np.inf),
        ("return y, h_last", "if T > 5: raise ValueError\n    return y, h_last", np.inf),
        ("return y, h_last", "raise ValueError\n    return y, h_last", None),
    ],
)
def test_the_effect_is_measured_on_answers_gradients_and_what_was_asked(
    before: str, after: str, effect: float | None
) -> None:
    after = after.replace("T > 5", "len(x) > 5")
    assert measure_effect(mutant_of(PLAIN, before, after)) == effect


def test_an_answer_that_never_ends_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "PATIENCE", 0.2)
    endless = mutant_of(PLAIN, "    steps = []\n", "    while True: pass\n")
    started = time.perf_counter()
    assert find_refuting(endless.build(), PLAIN.first)
    assert time.perf_counter() - started < 30


# ---------------------------------------------------------------- the page


def test_a_mutant_that_conforms_and_answers_otherwise_is_missed() -> None:
    judged = [Judged(1.0, "by"), Judged(1.0, ""), Judged(VISIBLE / 2, ""), Judged(None, "by"), Judged(None, "")]
    results = list(zip(MUTANTS, judged, strict=False))
    assert list_missed(results) == [MUTANTS[1], MUTANTS[4]]
    page = write_page(results)
    assert f"- MISSED {MUTANTS[1].name}" in page and "1 of 2 mutants with wrong answers are refuted" in page


def test_the_page_counts_these_mutants_and_none_is_missed() -> None:
    made = Counter(mutant.slip.operator for mutant in MUTANTS)
    shown = dict(re.findall(r"^\| ([a-z ]+) \| (\d+) \| \d+ \| \d+ \| \d+ \| \d+ \|$", PAGE, re.MULTILINE))
    names = {textbook.name for textbook in TEXTBOOKS}
    assert {name: int(count) for name, count in shown.items() if name not in names} == {**made, "all": len(MUTANTS)}
    assert "MISSED" not in PAGE
    assert PAGE.startswith(write_page([]).partition("| mistake")[0])


def test_the_command_prints_the_table_of_some() -> None:
    result = CliRunner().invoke(main, ["--every", "400", "--jobs", "1"])
    assert result.exit_code == 0, result.output
    assert "mutants with wrong answers are refuted." in result.output
