"""Which property kills which fault: the properties are worth what they catch.

`values` and `gradients` compare with the equations; the other families do without, and each of those kills a fault that
no other of them does. The page that says so is made by `make kill-matrix`, in an hour; `make soak` tells whether it is
up to date, and makes some of its cells again.
"""

import subprocess
from functools import cache
from itertools import product
from zlib import crc32

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.property import PROPERTIES
from tests.helpers.root import ROOT
from tools.pages import kill_matrix

pytestmark = pytest.mark.soak
PAGE = (ROOT / "docs" / "kill-matrix.md").read_text(encoding="utf-8")
ALONE = [family for family in kill_matrix.ONE_LAYER.families if family not in kill_matrix.BY_THE_EQUATIONS]
AT_THE_EDGE = 0.02  # of the cells; seen: one in a thousand
SOME_OF_THE_NUMBERS, SOME_OF_THE_EMPTY = 60, 300  # one in so many
FAMILY = {prop.name: prop.family for prop in PROPERTIES}
of_both = pytest.mark.parametrize("section", kill_matrix.SECTIONS, ids=lambda section: section.title)


@cache
def read_rows() -> dict[str, kill_matrix.Row]:
    """The rows of the page. Raises ValueError if it is of other families of properties."""
    return kill_matrix.read_page(PAGE)


def read_plain_rows() -> dict[str, kill_matrix.Row]:
    """The rows of the faults of one layer."""
    return {name: found for name, found in read_rows().items() if not FAULTS[name].networks}


@cache
def commit() -> str:
    """The commit that is tested; in a tree without history the same each time."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip()


def is_chosen(what: str, one_in: int) -> bool:
    """Whether the commit chooses to make this again."""
    return (crc32(what.encode()) + crc32(commit().encode())) % one_in == 0


def assert_fresh(found: dict[tuple[str, str], int | None]) -> None:
    """Another machine rounds an error of 0.999 of a bound to 1.001 of it, and the search ends an example later."""
    other = sorted((name, prop) for (name, prop), many in found.items() if many != read_rows()[name].get(prop))
    assert len(other) <= AT_THE_EDGE * len(found), f"the page is not up to date: run `make kill-matrix`: {other}"


@of_both
def test_some_cells_are_what_the_page_says_but_for_examples_at_the_edge_of_a_bound(
    section: kill_matrix.Section,
) -> None:
    found: dict[tuple[str, str], int | None] = {}
    for name, prop in product(section.faults, section.properties):
        if is_chosen(
            f"{name} {prop.name}", SOME_OF_THE_NUMBERS if prop.name in read_rows()[name] else SOME_OF_THE_EMPTY
        ):
            found[name, prop.name] = kill_matrix.count_examples(prop, name)
    assert_fresh(found)


@of_both
def test_a_tenth_of_the_matrix_is_what_the_page_says_but_for_examples_at_the_edge_of_a_bound(
    section: kill_matrix.Section,
) -> None:
    made = {name: kill_matrix.judge_fault(name) for name in section.faults if is_chosen(name, 10)}
    cells = {(name, prop) for name in made for prop in made[name].keys() | read_rows()[name].keys()}
    assert_fresh({(name, prop): made[name].get(prop) for name, prop in cells})


def test_the_page_is_of_these_faults_and_properties() -> None:
    assert list(read_rows()) == list(FAULTS)
    assert kill_matrix.write_page(read_rows()) == PAGE, "run `make kill-matrix`"


def test_every_fault_is_killed() -> None:
    assert [name for name, found in read_rows().items() if not found] == []


@pytest.mark.parametrize("prop", [prop.name for section in kill_matrix.SECTIONS for prop in section.properties])
def test_every_property_kills_a_fault(prop: str) -> None:
    assert any(prop in found for found in read_rows().values())


@pytest.mark.parametrize("family", ALONE)
def test_every_family_kills_a_fault_that_no_other_family_kills_without_the_equations(family: str) -> None:
    alone = [
        {FAMILY[prop] for prop in found} - set(kill_matrix.BY_THE_EQUATIONS) for found in read_plain_rows().values()
    ]
    assert {family} in alone


def test_98_of_100_forward_faults_are_killed_without_the_equations() -> None:
    assert kill_matrix.share_alone(
        {k: row for k, row in read_rows().items() if not FAULTS[k].networks}
    ) == pytest.approx(0.98, abs=0.005)
