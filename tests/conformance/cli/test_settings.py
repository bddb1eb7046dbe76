"""The table [tool.lstm-conform] of pyproject.toml: what `run` takes from it, and what it says against it."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.report.status import PASSED, WRONG_OPTION
from tests.helpers.messages import EQUATIONS
from tests.helpers.specimens import said

pytestmark = pytest.mark.usefixtures("elsewhere")
TABLE = """
[tool.lstm-conform]
target = "numpy"
profile = "quick"
examples = 2
clause = ["CELL-1"]
dtype = "float32,float64"
json = "report.json"
isolate = false
"""


def run_with(table: str, *asked: str) -> tuple[int, str]:
    Path("pyproject.toml").write_text(table, encoding="utf-8")
    status, text = said("run", *asked)
    return status, text


def read_report() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(Path("report.json").read_text(encoding="utf-8"))
    return written


def test_run_takes_targets_and_options_from_it() -> None:
    status, text = run_with(TABLE, "-k", "read_alone")
    assert status == PASSED, text
    (target,) = read_report()["targets"]
    assert target["name"] == "numpy" and target["profile"] == "quick"
    assert {verdict["dtype"] for verdict in target["verdicts"]} == {"float32", "float64"}
    assert all("CELL-1" in verdict["clauses"] for verdict in target["verdicts"])


def test_the_command_line_wins() -> None:
    asked = ("-k", "read_alone", "--dtype", "float32", "--seed", "3")
    status, text = run_with(TABLE, "fault:swaps_input_and_forget_gates", *asked)
    assert status == 1, text
    (target,) = read_report()["targets"]
    assert target["name"] == "fault:swaps_input_and_forget_gates" and target["seed"] == 3
    assert {verdict["dtype"] for verdict in target["verdicts"]} == {"float32"}


@pytest.mark.parametrize(
    ("table", "said_of_it"),
    [
        (
            "[tool.lstm-conform]\nprofil = 'quick'",
            "has profil = 'quick', expected a value for one of the options accept",
        ),
        ("[tool.lstm-conform]\nseed = 2020-01-01", "has seed = datetime.date(2020, 1, 1), expected"),
        ("[tool.lstm-conform]\nseed = 'x'", "Invalid value for '--seed': 'x' is not a valid integer"),
        ("[tool.lstm-conform]\nseed = []", "has seed = [], expected a text or a number; correct it there"),
        ("[tool.lstm-conform]\njobs = inf", "Invalid value for '--jobs': 'inf' is not a valid integer"),
        ("[tool.lstm-conform]\njobs = true", "has jobs = True, expected a text or a number"),
        ("[tool.lstm-conform]\ndtype = 32", "Invalid value for '--dtype': '32' is not one of"),
        (
            "[tool.lstm-conform]\nclause = [['CELL-1']]",
            "has clause = [['CELL-1']], expected a text, or a list of texts",
        ),
        ("[tool.lstm-conform]\nstrict = 1", "has strict = 1, expected true or false"),
        ("[tool.lstm-conform]\nstrict = 'yes'", "has strict = 'yes', expected true or false"),
        ('[tool.lstm-conform]\nhtml = "\\u0000"', "expected a text or a number"),
        ("[tool.lstm-conform]\njson = ''", "Invalid value for --json: . cannot be written (Is a directory)"),
        ("[tool.lstm-conform", "pyproject.toml cannot be read"),
        ("tool = 3", "pyproject.toml cannot be read"),
        ("[tool]\nlstm-conform = 3", "pyproject.toml cannot be read"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(table: str, said_of_it: str) -> None:
    status, text = run_with(table, "numpy", *EQUATIONS)
    assert status == WRONG_OPTION and said_of_it in text and "Traceback" not in text


def test_without_a_target_anywhere_one_is_asked_for() -> None:
    for table in ("", "[tool.other]\na = 1"):
        status, text = run_with(table)
        assert status == WRONG_OPTION and "Missing argument 'TARGET...'" in text
