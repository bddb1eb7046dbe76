"""That no hostile target is passed, costs another one a verdict, or leaves a process. `make hostile` has them all."""

import re
from pathlib import Path

import pytest

from tests.helpers.root import ROOT
from tools.checks.hostile import (
    ASKED,
    CONTROL,
    INTRODUCTION,
    TIMEOUT,
    Row,
    Way,
    judge_all,
    judge_by_command,
    list_targets,
)

MISCHIEF, HOSTILE = "tests.planted.mischief", "tests.helpers.hostile"
UNMADE = [f"{HOSTILE}:when_made.mute", f"{MISCHIEF}:claims.a_name_with_escapes"]
QUICK = [
    f"{MISCHIEF}:dies.aborts",
    f"{MISCHIEF}:dies.exits",
    f"{MISCHIEF}:prints.much",
    f"{MISCHIEF}:answers.a_failing_part",
    f"{MISCHIEF}:answers.much_that_is_nothing",
    f"{MISCHIEF}:disturbs.builtins",
    f"{MISCHIEF}:disturbs.helpers_in_sessions",
    f"{MISCHIEF}:disturbs.cases_replaced",
    f"{HOSTILE}:when_asked.half_characters",
    f"{HOSTILE}:when_returned.watchful",
]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc tells what is left")
def test_a_hostile_target_costs_no_other_its_verdicts(tmp_path: Path) -> None:
    run = judge_by_command([*UNMADE, *QUICK, CONTROL], tmp_path)
    assert {target: way.status for target, way in run.ways.items()} == {
        **dict.fromkeys(UNMADE, 3),
        **dict.fromkeys(QUICK, 1),
        CONTROL: 0,
    }
    assert {len(run.ways[target].outcomes) for target in QUICK} == {len(run.ways[CONTROL].outcomes)}
    assert run.left == [] and "Traceback" not in run.text


def test_what_should_not_be_is_found() -> None:
    red, green, short = Way(1, ("refuted", "holds"), 0.0), Way(0, ("holds", "holds"), 0.0), Way(1, ("refuted",), 0.0)
    assert Row("a", red, red, red, []).complaints == []
    assert Row(CONTROL, green, green, green, []).complaints == []
    assert Row("a", red, green, red, []).complaints == ["exit status 0 by check"]
    assert Row(CONTROL, red, green, green, []).complaints == ["exit status 1 by the command"]
    assert Row("a", red, red, short, ["sleep"]).complaints == [
        "verdicts are missing: 2 by the command, 2 by check, 1 by pytest",
        "left: sleep",
    ]


def test_there_are_hostile_targets_of_every_kind(tmp_path: Path) -> None:
    targets = list_targets(tmp_path)
    assert len(set(targets)) == len(targets) >= 60


def test_the_page_has_every_hostile_target(tmp_path: Path) -> None:
    page, targets = (ROOT / "docs" / "hostile.md").read_text(encoding="utf-8"), list_targets(tmp_path)
    assert INTRODUCTION.format(count=len(targets), asked=ASKED, timeout=TIMEOUT) in page
    rows = re.findall(r"^\| `(\S+)` \| (\d, \d, \d) \|.*\| (\d+) \|", page, re.MULTILINE)
    shown = [target.replace(f"{tmp_path}/", "").removeprefix("tests.") for target in [*targets, CONTROL]]
    assert [name for name, *_ in rows] == shown and {left for *_, left in rows} == {"0"}
    assert [statuses for _, statuses, _ in rows if "0" in statuses] == ["0, 0, 0"]


@pytest.mark.soak
def test_no_hostile_target_is_passed_in_any_way(tmp_path: Path) -> None:
    rows, complaints = judge_all([*list_targets(tmp_path), CONTROL], tmp_path)
    assert complaints + [complaint for row in rows for complaint in row.complaints] == []
