"""Mistakes in code that is not the catalogue's are named, and to those that it does not know no wrong name is given."""

import ast
from functools import cache

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome
from conformance.run.check import check
from tests.helpers.environment import TORCH
from tests.helpers.root import ROOT
from tests.planted.backward import BACKWARD
from tests.planted.edits import TEXT, edited, textbook
from tests.planted.entry import Planted
from tests.planted.faults import NEEDS_TORCH, PLANTED, Found, diagnose_planted, groups, tally, tally_of_groups

MAKERS = ("entry", "textbook", "edits", "backward", "surgery", "autograd")
UNNAMED = {  # the catalogue's differentiates through its zeros and finds dh_0 = 0, which code written by hand does not
    "starts from zero in the gradient pass"
}
MADE = [planted for planted in PLANTED if TORCH or planted.by not in NEEDS_TORCH]
FORWARD_CLAUSES, GRADIENT_CLAUSES = ("CELL-*", "SEQ-*", "ACT-*", "NET-*", "ACC-*"), ("GRAD-*", "FLOW-*")


@cache
def found(planted: Planted) -> Found:
    return diagnose_planted(planted)


def each(*chosen: Planted) -> pytest.MarkDecorator:
    """One test for each of them; those that need torch are skipped where it is not wanted."""
    without = pytest.mark.skipif(not TORCH, reason="TORCH=none")
    cases = [
        pytest.param(planted, id=f"{planted.by}: {planted.name}", marks=without if planted.by in NEEDS_TORCH else ())
        for planted in chosen
    ]
    return pytest.mark.parametrize("planted", cases)


@each(*(planted for planted in PLANTED if not planted.novel and planted.name not in UNNAMED))
def test_a_planted_mistake_is_named_and_no_other(planted: Planted) -> None:
    assert found(planted).named and found(planted).uniquely, found(planted).diagnosis.sentence


@each(*(planted for planted in PLANTED if planted.novel or planted.name in UNNAMED))
def test_what_the_catalogue_does_not_know_gets_no_wrong_name(planted: Planted) -> None:
    assert not found(planted).misnamed, found(planted).diagnosis.sentence


def test_all_but_those_that_cannot_be_are_named_and_uniquely() -> None:
    for told in (tally(map(found, MADE)), tally_of_groups([found(planted) for planted in MADE])):
        assert told.named == told.uniquely == told.known - len(UNNAMED) and told.misnamed == 0


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_some_of_every_family_are_planted_and_in_every_way() -> None:
    told = tally_of_groups([found(planted) for planted in MADE])
    assert (told.known, told.novel) == (106, 96)
    assert {planted.by for planted in MADE} == {"weight surgery", "edited source", "autograd"}
    families = {fault.family for fault in FAULTS.values() if not fault.networks} - {
        "contract",
        "sizes",
    }  # no probe is that large
    assert families <= {planted.family for planted in MADE if not planted.novel}


def test_those_that_are_mathematically_one_count_as_one() -> None:
    names = ("unpacks f, i, o, g", "lets i keep and f write", "couples f to i")
    together = groups([found(planted) for planted in MADE if planted.name in names])
    assert {name: len(group) for name, group in together.items()} == {
        "swaps_input_and_forget_gates": 2,
        "ties_the_forget_gate_to_the_input_gate": 1,
    }


@each(*PLANTED[::3])
def test_every_third_planted_mistake_is_refuted(planted: Planted) -> None:
    backwards = planted in BACKWARD or planted.by == "autograd"
    clauses = GRADIENT_CLAUSES if backwards else FORWARD_CLAUSES
    how = {"profile": "quick", "dtypes": (planted.dtype,), "clauses": clauses, "examples": 8, "maxfail": 1}
    report = check(planted.build(), diagnose=False, shrink=False, **how)  # type: ignore[arg-type]
    assert [verdict.outcome for verdict in report.failures] == [Outcome.REFUTED]


def test_the_textbook_is_right_before_it_is_edited() -> None:
    assert check(textbook(), profile="quick", examples=4).status == 0


def test_an_edit_of_what_does_not_stand_there_once_is_refused() -> None:
    with pytest.raises(AssertionError, match="stands 2 times"):
        edited(("dc = dc", "dc = 2 * dc"))
    assert edited() == TEXT


def test_every_name_is_one_of_the_catalogue_and_every_planted_name_is_one_of_a_kind() -> None:
    assert {name for planted in PLANTED for name in planted.means} <= set(FAULTS)
    assert len({(planted.by, planted.family, planted.name) for planted in PLANTED}) == len(PLANTED)


@pytest.mark.parametrize("maker", MAKERS)
def test_those_who_plant_do_not_know_the_judge(maker: str) -> None:
    tree = ast.parse((ROOT / "tests" / "planted" / f"{maker}.py").read_text(encoding="utf-8"))
    froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not any(name.startswith("conformance") for name in froms + plain)
