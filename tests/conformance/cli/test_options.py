"""A wrong option is refused in one sentence, before anything is judged."""

import re
from pathlib import Path

import pytest

from tests.helpers.messages import EQUATIONS, WRONG_OPTION
from tests.helpers.specimens import said, target

pytestmark = pytest.mark.usefixtures("elsewhere")

WRONG_OPTIONS = {
    "clause": (("--clause", "NOPE-*"), "no clause matches 'NOPE-*'; see lstm-conform list clauses"),
    "require": (("--require", "speed"), "'speed' is no clause, feature or dtype; features are gradients"),
    "json without a folder": (
        ("--json", "/no/such/folder/x.json"),
        "x.json cannot be written (No such file or directory); name another one",
    ),
    "json, a folder": (("--json", "/"), "'/' is a directory"),
    "junit without a folder": (
        ("--junit", "/no/such/folder/x.xml"),
        "x.xml cannot be written (No such file or directory); name another one",
    ),
    "deviations without a file": (
        ("--deviations", "/no/such/file.toml"),
        "/no/such/file.toml cannot be read (No such file or directory); name a file of deviations",
    ),
    "seed": (("--seed", "-1"), "-1 is not in the range x>=0"),
    "examples": (("--examples", "0"), "0 is not in the range x>=1"),
    "maxfail": (("--maxfail", "0"), "0 is not in the range x>=1"),
    "profile": (("--profile", "quik"), "'quik' is not one of 'quick', 'standard', 'full', 'soak'"),
    "dtype": (("--dtype", "float8"), "'float8' is not one of 'float32', 'float64'"),
    "timeout": (("--timeout", "soon"), "'soon' is not a valid float"),
    **{
        f"timeout of {seconds} s": (
            ("--timeout", seconds),
            f"timeout is {seconds} s, expected more than 0 and at most 86,400; choose e.g. 60",
        )
        for seconds in ("0", "-1", "nan", "inf", "1e+300")
    },
}


@pytest.mark.parametrize("case", WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
def test_a_wrong_option_is_refused_before_anything_is_judged(case: tuple[tuple[str, str], str]) -> None:
    status, text = said("run", target("raises"), *case[0])
    assert status == WRONG_OPTION
    assert re.search(f"Invalid value for '?{case[0][0]}'?:", text) or "is a directory" in text
    assert case[1] in text
    assert "ERRORED" not in text


def test_a_json_file_that_cannot_be_written_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    status, text = said("run", target("raises"), *EQUATIONS, "--json", str(tmp_path / ("x" * 300)))
    assert status == WRONG_OPTION
    assert "ERRORED" not in text


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_report_never_takes_the_place_of_a_file_that_is_none(tmp_path: Path, option: str) -> None:
    mine = tmp_path / "my_lstm.py"
    mine.write_text("BACKEND = 3\n")
    status, text = said("run", str(mine), option, str(mine))
    assert (status, mine.read_text()) == (WRONG_OPTION, "BACKEND = 3\n")
    assert "it is there, and no former report); name another one" in " ".join(text.split())


@pytest.mark.parametrize("arguments", [("run",), ("explain",), ("list",), ("no_such_command",)], ids=" ".join)
def test_a_command_without_its_argument_is_refused(arguments: tuple[str, ...]) -> None:
    status, text = said(*arguments)
    assert status == WRONG_OPTION
    assert "Missing argument" in text or "No such command" in text
