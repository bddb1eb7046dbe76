"""The page that `make selftest-page` writes says what was found, and what was found is not looked for again."""

from pathlib import Path

import pytest

from conformance.faults.catalogue import FAULTS
from conformance.selftest.look import Sight
from tests.helpers.root import ROOT
from tools.pages import selftest_page
from tools.pages.selftest_page import SETTINGS, Found, Setting, add_line, read_lines, read_page, write_page

PAGE = ROOT / "docs" / "selftest.md"
QUICK, STANDARD = SETTINGS[0], Setting("standard", "float32")
NAME, OTHER, LAST = list(FAULTS)[:3]
REFUTING = "the_answer_is_that_of_the_equations"


def make_sight(name: str = NAME, by: str = "", margin: float = 0.5, tried: bool = True) -> Sight:
    return Sight(name, FAULTS[name].family, "float32", by, 1.0, margin, tried)


def make_found(**seen: Sight) -> Found:
    """What was found if every fault is refuted, but for the faults of these names: those of `standard` at float32."""
    found = {s: {n: make_sight(n, REFUTING, 9)._replace(dtype=s.dtype) for n in FAULTS} for s in SETTINGS}
    found[STANDARD] |= seen
    return found


def test_what_the_lines_have_is_not_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, asked = tmp_path / "lines", list[str]()
    monkeypatch.setattr(selftest_page, "FAULTS", {name: FAULTS[name] for name in (NAME, OTHER)})
    monkeypatch.setattr(selftest_page, "judge_faults", lambda d, p, of: asked.extend(f.name for f in of) or ())
    add_line(lines, STANDARD, make_sight())
    add_line(lines, STANDARD, make_sight(LAST))  # is no longer known
    assert read_lines(lines)[STANDARD] == {NAME: make_sight()}
    list(selftest_page.judge_missing(STANDARD, read_lines(lines)[STANDARD]))
    list(selftest_page.judge_missing(QUICK, read_lines(lines)[QUICK]))
    assert asked == [OTHER, NAME, OTHER]


def test_a_line_that_was_torn_is_judged_again(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    assert not any(read_lines(lines).values())
    add_line(lines, STANDARD, make_sight())
    add_line(lines, STANDARD, make_sight(OTHER))
    lines.write_bytes(lines.read_bytes()[:-9])
    assert [*read_lines(lines)[STANDARD]] == [NAME]


def test_the_page_says_what_was_found() -> None:
    seen = {OTHER: make_sight(OTHER, margin=0.994), LAST: make_sight(LAST, tried=False)}
    said = read_page(write_page(make_found(**seen)))
    assert [said[STANDARD][name] for name in (NAME, OTHER, LAST)] == [REFUTING, "0.994 ×", "="]
    assert {*said[QUICK].values()} == {REFUTING}


def test_a_fault_that_another_profile_sees_at_the_dtype_is_missed() -> None:
    found = make_found()
    found[QUICK][NAME] = make_sight()
    assert selftest_page.list_missed(found, QUICK) == [NAME] and not selftest_page.list_missed(found, STANDARD)
    row = f"| quick | float32 | {len(FAULTS)} | {len(FAULTS)} | {len(FAULTS) - 1} | 0 | 0 |"
    assert row in selftest_page.write_summary(found)


def test_a_fault_below_the_bound_is_not_missed() -> None:
    found = make_found(**{NAME: make_sight(tried=False), OTHER: make_sight(OTHER)})
    found[QUICK] |= found[STANDARD]
    known = len(FAULTS)
    assert not selftest_page.list_missed(found, STANDARD)
    assert f"| standard | float32 | {known} | {known - 2} | {known - 2} | 1 | 1 |" in selftest_page.write_summary(found)


# ---------------------------------------------------------------- what it says


@pytest.mark.soak
def test_the_page_is_of_these_faults() -> None:
    for of in read_page(PAGE.read_text(encoding="utf-8")).values():
        assert list(of) == list(FAULTS), "run `make selftest-page`"


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_what_can_be_seen_is_refuted(setting: Setting) -> None:
    said = read_page(PAGE.read_text(encoding="utf-8"))
    seen = {name for s, of in said.items() if s.dtype == setting.dtype for name in of if is_seen(of[name])}
    refuted = {name for name, cell in said[setting].items() if cell.isidentifier()}
    assert len(refuted) / len(seen) >= (0.97 if setting == QUICK else 1)


def is_seen(cell: str) -> bool:
    return cell.isidentifier() or (cell != "=" and float(cell.split()[0]) > 1)
