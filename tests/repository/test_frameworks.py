"""The page on frameworks is written from reports, and says what they say."""

import json

import pytest
from click.testing import CliRunner

from conformance.cli.main import main
from tools.pages import frameworks_page
from tools.pages.frameworks_page import KEPT, PAGE, reduce_report, write_page

NAMES = sorted(path.stem for path in KEPT.glob("*.json"))


def test_the_page_is_fresh() -> None:
    kept = {name: json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES}
    page = write_page(kept, frameworks_page.NOTES.read_text(encoding="utf-8"))
    assert page == PAGE.read_text(encoding="utf-8"), "run tools/pages/frameworks_page.py"


@pytest.mark.parametrize("name", NAMES)
def test_a_report_names_its_version_and_profile(name: str) -> None:
    kept = json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))
    assert kept["version"] and kept["profile"] in ("quick", "standard") and kept["seconds"] > 0


def test_what_is_refuted_stands_in_the_page(tmp_path: pytest.TempPathFactory) -> None:
    path = f"{tmp_path}/report.json"
    CliRunner().invoke(main, ["run", "fault:drops_the_bias", "--profile", "quick", "-k", "read_alone", "--json", path])
    with open(path, encoding="utf-8") as file:
        reduced = reduce_report(json.load(file), "mine.py:LSTM")
    before = {name: value for name, value in reduced.items() if name != "examples"}
    page = write_page({"mine": reduced, "mine, kept before": before}, "## Notes")
    assert reduced["examples"] > 0 and f"{reduced['examples']:,} examples in all" in page
    page = write_page({"mine": reduced}, "## Notes")
    assert "| CELL | CELL-1" in page and "`mine.py:LSTM`" in page and "| NUM | – |" in page
    assert "- mine: CELL-1 ACT-1 ACC-1 (MUST; float32): the input gate read alone is the logistic function: i " in page
