"""Which property kills which fault: the properties are worth what they catch.

`values` and `gradients` compare with the equations; the other families do without, and each of those kills a fault that
no other of them does. The page that says so is made by `make kill-matrix`; a tenth of it is made again here.
"""

import subprocess
from zlib import crc32

import pytest

from conformance.property import PROPERTIES
from tests.helpers.root import ROOT
from tools.pages import kill_matrix

MATRICES = {"kill-matrix": kill_matrix.PLAIN, "kill-matrix-networks": kill_matrix.NETWORKS}
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in MATRICES}
ROWS = {name: kill_matrix.read(matrix, PAGES[name]) for name, matrix in MATRICES.items()}
PLAIN = ROWS["kill-matrix"]
ALONE = [family for family in kill_matrix.PLAIN.families if family not in kill_matrix.BY_THE_EQUATIONS]
AT_THE_EDGE = 0.02  # of the cells; seen: one in a thousand
FAMILY = {prop.name: prop.family for prop in PROPERTIES}
of_both = pytest.mark.parametrize("page", MATRICES)


def commit() -> str:
    """The commit that is tested; in a tree without history the same each time."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip()


def tenth(page: str) -> list[str]:
    """The faults of which the commit chooses to make the rows again."""
    chosen = crc32(commit().encode())
    return [name for name in MATRICES[page].faults if (crc32(name.encode()) + chosen) % 10 == 0]


@of_both
def test_a_tenth_of_the_matrix_is_what_the_page_says_but_for_examples_at_the_edge_of_a_bound(page: str) -> None:
    """Another machine rounds an error of 0.999 of a bound to 1.001 of it, and the search ends an example later."""
    rows, made = ROWS[page], {name: kill_matrix.row(name) for name in tenth(page)}
    cells = {(name, prop) for name in made for prop in made[name].keys() | rows[name].keys()}
    other = sorted((name, prop) for name, prop in cells if made[name].get(prop) != rows[name].get(prop))
    assert len(other) <= AT_THE_EDGE * len(cells), f"the page is not up to date: run `make kill-matrix`: {other}"


@of_both
def test_the_page_is_of_these_faults_and_properties(page: str) -> None:
    assert list(ROWS[page]) == list(MATRICES[page].faults)
    assert kill_matrix.page(MATRICES[page], ROWS[page]) == PAGES[page], "run `make kill-matrix`"


@of_both
def test_every_fault_is_killed(page: str) -> None:
    assert [name for name, found in ROWS[page].items() if not found] == []


@pytest.mark.parametrize(("page", "prop"), [(page, p.name) for page, of in MATRICES.items() for p in of.properties])
def test_every_property_kills_a_fault(page: str, prop: str) -> None:
    assert any(prop in found for found in ROWS[page].values())


@pytest.mark.parametrize("family", ALONE)
def test_every_family_kills_a_fault_that_no_other_family_kills_without_the_equations(family: str) -> None:
    alone = [{FAMILY[prop] for prop in found} - set(kill_matrix.BY_THE_EQUATIONS) for found in PLAIN.values()]
    assert {family} in alone


def test_three_quarters_of_the_forward_faults_are_killed_without_the_equations() -> None:
    assert kill_matrix.alone_share(PLAIN) >= 0.75
