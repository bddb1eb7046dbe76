"""Clauses, code, properties and the generated page say the same."""

import re
from pathlib import Path

import pytest

import conformance.properties  # noqa: F401  fills the registry
import lstm_spec
from conformance.cli.explanation import PAGES, explain_clause, find_code_lines
from conformance.property import PROPERTIES, verifies
from lstm_spec import CLAUSES
from lstm_spec.clauses import CHOICES, Level
from tests.helpers.root import ROOT
from tools.pages.spec_page import page

ID = re.compile(r"\b(?:ACT|CELL|SEQ|NET|LEN|DIR|VAR|NUM|SHAPE|GRAD|FLOW|ACC|CONTRACT|MOD)-\d+\b")


@pytest.mark.parametrize("id", [c.id for c in CLAUSES.values() if c.level in (Level.MUST, Level.SHOULD)])
def test_every_must_and_should_has_a_property(id: str) -> None:
    assert any(id in prop.clauses for prop in PROPERTIES)


def test_the_properties_have_different_names() -> None:
    assert len({prop.name for prop in PROPERTIES}) == len(PROPERTIES) == 171


def test_a_property_of_an_unknown_clause_is_refused() -> None:
    with pytest.raises(ValueError, match=r"clause 'CELL-99' does not exist, expected one of lstm_spec.CLAUSES"):
        verifies("CELL-99", on=lambda context: None)


def test_the_code_cites_no_clause_that_does_not_exist() -> None:
    packages = [p for name in ("lstm_spec", "backends", "conformance") for p in (ROOT / name).rglob("*.py")]
    cited = {id for page in packages for id in ID.findall(page.read_text(encoding="utf-8"))}
    assert cited <= set(CLAUSES)


def test_no_norm_uses_the_words_of_the_judge() -> None:
    words = re.compile(
        r"\b(?:backend|claim|judge|ask|problem|property|verdict|example|suite|target)(?:s|ed|d)?\b", re.IGNORECASE
    )
    assert [clause.id for clause in CLAUSES.values() if words.search(clause.sentence)] == []


def test_every_choice_where_implementations_differ_has_its_clauses() -> None:
    """The 32 that were found; one that no call can show (dropout, the order of a tuple, ...) is a note: a MAY."""
    assert len(CHOICES) == 32 and all(CHOICES.values())
    assert {id for ids in CHOICES.values() for id in ids} <= set(CLAUSES)
    assert CLAUSES["NUM-3"].level is CLAUSES["NET-7"].level is CLAUSES["NET-8"].level is Level.MAY


SPECIAL = ("FLOW-2", "FLOW-3", "SEQ-4")  # FLOW-1 and CELL-5 with special gates; where a run starts is an argument


@pytest.mark.parametrize("id", [c.id for c in CLAUSES.values() if c.equation and c.id not in SPECIAL])
def test_every_equation_stands_in_a_line_of_the_specification(id: str) -> None:
    assert find_code_lines(id)


SAME = str.maketrans({" ": "", "σ": "s", "·": "", "@": ""})


@pytest.mark.parametrize("id", [f"CELL-{k}" for k in range(1, 5)])
def test_the_code_of_a_gate_is_its_equation(id: str) -> None:
    """W_i x in the table is p.i.W @ x in the code."""
    (code,) = (text for page, _, text in find_code_lines(id) if page == "equations.py")
    plain = re.sub(r"p\.(\w)\.(\w)", r"\2_\1", code).replace("sigmoid", "σ").translate(SAME)
    assert plain == CLAUSES[id].equation.translate(SAME)


def test_the_cell_is_six_lines_in_the_order_of_its_clauses() -> None:
    lines = [number for k in range(1, 7) for page, number, _ in find_code_lines(f"CELL-{k}") if page == "equations.py"]
    assert len(lines) == 6 and lines == sorted(lines)


def test_the_equations_page_fits_one_screen_and_has_no_branch() -> None:
    text = (Path(lstm_spec.__file__).parent / "equations.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert not re.search(r"^\s*(if|elif|while)\b", text, re.MULTILINE)


def test_the_page_of_the_specification_is_fresh() -> None:
    assert (ROOT / "docs" / "spec.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_page_has_an_anchor_for_every_clause() -> None:
    text = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    assert all(text.count(f'<a id="{id}"></a>') == 1 for id in CLAUSES)


@pytest.mark.parametrize("id", CLAUSES)
def test_every_clause_can_be_explained(id: str) -> None:
    text = explain_clause(id)
    assert CLAUSES[id].sentence in text
    assert all(f"  {prop.sentence}" in text for prop in PROPERTIES if id in prop.clauses)


def test_every_page_that_may_carry_an_id_is_there() -> None:
    assert all((Path(lstm_spec.__file__).parent / page).exists() for page in PAGES)
