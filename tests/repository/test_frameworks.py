"""The page on frameworks is written from reports, and says what they say."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.cli.main import main
from tools.pages import frameworks_page
from tools.pages.frameworks_page import CASES, KEPT, PAGE, add_run, keep_cases, reduce_report, write_page

NAMES = sorted(path.stem for path in KEPT.glob("*.json"))


def test_the_page_is_fresh() -> None:
    kept = {name: json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES}
    page = write_page(kept, frameworks_page.NOTES.read_text(encoding="utf-8"))
    assert page == PAGE.read_text(encoding="utf-8"), "run tools/pages/frameworks_page.py"


@pytest.mark.parametrize("name", NAMES)
def test_a_report_names_its_version_and_profile(name: str) -> None:
    kept = json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))
    assert kept["version"] and kept["profile"] in ("quick", "standard") and kept["seconds"] > 0


def test_a_case_stands_for_the_property_beside_it_and_a_right_implementation_answers_it() -> None:
    found = set()
    for name in NAMES:
        for wrong in json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))["refuted"]:
            if wrong.get("case"):
                case = CASES / name / wrong["case"]
                result = CliRunner().invoke(main, ["reproduce", str(case), "numpy"])
                assert result.exit_code == 0 and wrong["property"].replace("_", " ") in result.output, result.output
                found.add(case)
    assert found == set(CASES.rglob("*.*"))


def test_what_is_refuted_stands_in_the_page(tmp_path: Path) -> None:
    path, out = str(tmp_path / "report.json"), str(tmp_path / "out")
    options = ["--profile", "quick", "-k", "read_alone", "--json", path, "--out", out]
    CliRunner().invoke(main, ["run", "fault:drops_the_bias", *options])
    with open(path, encoding="utf-8") as file:
        reduced = reduce_report(json.load(file), "mine.py:LSTM")
    keep_cases(reduced["refuted"], tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["CELL-1.safetensors"]
    page = write_page({"mine": reduced}, "## Notes")
    assert reduced["examples"] > 0 and f"{reduced['examples']:,} examples in all" in page
    assert "| CELL | CELL-1" in page and "`mine.py:LSTM`" in page and "| NUM | – |" in page
    seen = "- mine (MUST; float32): i is further from the equations than rounding can explain\n"
    assert f"{seen}  - CELL-1 ACT-1 ACC-1: the input gate read alone is the logistic function (case: " in page
    assert "(case: `docs/frameworks/cases/mine/CELL-1.safetensors`)" in page


def test_the_examples_of_other_seeds_are_counted_for_those_that_conform(tmp_path: Path) -> None:
    path, options = tmp_path / "report.json", ["--profile", "quick", "-k", "read_alone", "--out", str(tmp_path / "out")]

    def run(target: str, seed: int) -> Any:
        CliRunner().invoke(main, ["run", target, *options, "--seed", str(seed), "--json", str(path)])
        report = json.loads(path.read_text(encoding="utf-8"))
        (judged,) = report["targets"]
        judged["conclusion"] = "does not conform" if judged["exit_status"] else "conforms"  # as of all properties
        return report

    right, wrong = (reduce_report(run(target, 0), target) for target in ("numpy", "fault:drops_the_bias"))
    again = run("numpy", 7)
    both = add_run(right, again)
    for other, said in ((again, "seed 7 is counted already"), (run("torch", 8), "the run has name 'torch', expected")):
        with pytest.raises(ValueError, match=said):
            add_run(both, other)
    page = write_page({"right": both, "wrong": wrong}, "## Notes")
    assert f"| right | 0, 7 | {2 * right['examples']:,} |" in page and "| wrong | 0 |" not in page
    assert f"{2 * right['examples']:,} examples in 2 runs, of which 0 did not conform." in page
    both["runs"][0] |= {"conclusion": "does not conform", "statement": "1 of 4 verdicts are against it"}
    page = write_page({"right": both}, "## Notes")
    assert "of which 1 did not conform:\n- right, seed 7: 1 of 4 verdicts are against it" in page


def test_more_than_a_hundred_thousand_examples_of_right_implementations_gave_no_alarm() -> None:
    kept = [json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES]
    runs = [run for r in kept if r["conclusion"] == "conforms" for run in (r, *r.get("runs", []))]
    assert sum(run["examples"] for run in runs) > 100_000
    assert {run["conclusion"] for run in runs} == {"conforms"}
