"""docs/accuracy.md and proof/README.md: every function that they name is there; every formula has its number once."""

import re
from functools import cache

import pytest

from tests.helpers.root import ROOT

PAGES = ("docs/accuracy.md", "proof/README.md")
NAME = re.compile(r"`([a-z_]+)\.(?!py\b|v\b)([A-Za-z_]+)`")
FORMULA = re.compile(r"^ *```math\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


@cache
def read_modules(name: str) -> str:
    """The text of all modules of that name in the packages."""
    found = [path for folder in ("conformance", "lstm_spec") for path in (ROOT / folder).rglob(f"{name}.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def find_missing(page: str) -> list[str]:
    """The names of a page, as `module.name`, that no module of that name defines."""
    defined = r"(?m)^(?:def |class )?{}\b"
    return [
        f"{module}.{name}"
        for module, name in NAME.findall(page)
        if not re.search(defined.format(name), read_modules(module))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_function_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert len(NAME.findall(text)) > 10
    assert find_missing(text) == []


def test_a_name_that_is_gone_is_found() -> None:
    assert find_missing("`cell.hidden_state` `cell.hidden_states` `nowhere.hidden_state`") == [
        "cell.hidden_states",
        "nowhere.hidden_state",
    ]


def test_each_formula_has_its_number_once() -> None:
    formulas = FORMULA.findall((ROOT / PAGES[0]).read_text(encoding="utf-8"))
    tags = [tag for formula in formulas for tag in re.findall(r"\\tag\{(\w+)\}", formula)]
    assert tags == [*(f"F{k}" for k in range(1, 17)), "V9", "V12"]
    assert len(formulas) == len(tags) + 1  # N has a name, and no number
