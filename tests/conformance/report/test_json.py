"""The report as JSON."""

import json
from pathlib import Path

import pytest

from conformance.report.status import FAILED, PASSED
from tests.helpers.messages import EQUATIONS
from tests.helpers.specimens import said, target

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_the_json_says_what_the_exit_status_says(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    status, _ = said("run", "zzz", "numpy", target("returns_nan"), *EQUATIONS, "--json", str(file))
    written = json.loads(file.read_text(encoding="utf-8"))
    assert (written["version"], written["specification"]) == (2, "1.0")
    assert written["exit_status"] == status == FAILED
    assert [(t["name"], t["exit_status"]) for t in written["targets"]] == [("numpy", PASSED), ("returns_nan", FAILED)]
    assert [t["verdicts"][0]["outcome"] for t in written["targets"]] == ["holds", "refuted"]
    assert written["targets"][1]["verdicts"][0]["difference"]["got"] == "nan"
    assert [u["name"] for u in written["unavailable"]] == ["zzz"]


def test_the_json_holds_the_largest_sizes_in_whichever_process_they_were_asked(tmp_path: Path) -> None:
    file, found = tmp_path / "report.json", []
    for how in (("--no-isolate",), ("--isolate",), ("--jobs", "2")):
        said(
            "run", "numpy", "--profile", "quick", "--clause", "GRAD-[34]", "--examples", "4", *how, "--json", str(file)
        )
        found.append(json.loads(file.read_text(encoding="utf-8"))["targets"][0]["largest"])
    assert set(found[0]) == {"forward", "backward"} and found[0]["backward"]["TBH"] > 8
    assert found[1] == found[2] == found[0]


def test_the_json_holds_an_error_model_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    said("run", target("measures_itself_generously"), *EQUATIONS, "--json", str(file))
    assert json.loads(file.read_text(encoding="utf-8"))["targets"][0]["grades"]["float32"]["u"] == 2.0**-20
