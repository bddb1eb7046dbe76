"""A badge says no more than the report, and what a target says is only text in it."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Outcome
from conformance.report.json import as_json
from conformance.report.status import PASSED, UNUSABLE, WRONG_OPTION
from tests.helpers.messages import assert_one_sentence
from tests.helpers.reports import make_report, make_verdict
from tests.helpers.specimens import said

Data = dict[str, Any]
SVG = "{http://www.w3.org/2000/svg}"


def target(conclusion: str, *grades: str, **more: Any) -> Data:
    (found,) = json.loads(json.dumps(as_json([make_report(make_verdict(Outcome.HOLDS))], {})))["targets"]
    return {**found, "conclusion": conclusion, "conforms_at": dict(enumerate_dtypes(grades)), **more}


def enumerate_dtypes(grades: tuple[str, ...]) -> Any:
    return zip(("float32", "float64", "bfloat16", "float16"), grades, strict=False)


def report_on(*targets: Data, unavailable: tuple[Data, ...] = ()) -> Data:
    return {**as_json([], {}), "targets": list(targets), "unavailable": list(unavailable)}


def draw(folder: Path, report: Data) -> tuple[str, ElementTree.Element]:
    """The SVG of a report, and what a reader makes of it."""
    (folder / "r.json").write_text(json.dumps(report), encoding="utf-8")
    status, text = said("badge", str(folder / "r.json"))
    assert status == PASSED, text
    return text, ElementTree.fromstring(text)


def list_texts(picture: ElementTree.Element) -> list[str | None]:
    return [text.text for text in picture.iter(f"{SVG}text")]


DECLARED = {
    "clause": "CELL-1",
    "reason": "",
    "issue": "",
    "kind": "refuted",
    "witness": "",
    "target": "",
    "expires": None,
    "judged": True,
}
RIGHT, WRONG, UNKNOWN = target("conforms", "relative"), target("does not conform"), target("not judged")
QUICK = target("no fault found")
MESSAGES: dict[str, tuple[Data, str]] = {
    "conforms": (report_on(RIGHT), "conforms (relative)"),
    "at every dtype": (report_on(target("conforms", "relative", "relative", "wide")), "conforms (relative, wide)"),
    "at another grade": (
        report_on(target("conforms", "absolute", passes_at={"float32": "absolute"})),
        "conforms at grade absolute",
    ),
    "with a deviation": (report_on({**RIGHT, "deviations": [DECLARED]}), "conforms (relative), 1 deviation"),
    "wrong": (report_on(WRONG), "does not conform"),
    "not judged": (report_on(UNKNOWN), "not judged"),
    "quick": (report_on(QUICK), "no fault found"),
    "one of two is judged by quick": (report_on(RIGHT, QUICK), "no fault found"),
    "one of two by quick, and one not": (report_on(QUICK, UNKNOWN), "not judged"),
    "one of two is wrong": (report_on(RIGHT, WRONG, UNKNOWN), "does not conform"),
    "one of two is not judged": (report_on(RIGHT, UNKNOWN), "not judged"),
    "one cannot be used": (report_on(RIGHT, unavailable=({"name": "z", "reason": "is nowhere"},)), "not judged"),
    "no target": (report_on(), "not judged"),
}


@pytest.mark.parametrize("what", MESSAGES)
def test_a_badge_says_the_conclusion(what: str, tmp_path: Path) -> None:
    report, message = MESSAGES[what]
    _, picture = draw(tmp_path, report)
    assert list_texts(picture) == ["LSTM", message]
    title = picture.find(f"{SVG}title")
    assert title is not None and (title.text or "").startswith(f"LSTM: {message}")
    assert picture.get("role") == "img" and picture.get("aria-labelledby") == title.get("id")
    assert all(one["statement"] in (title.text or "") for one in report["targets"])


def test_a_text_fits_into_its_field(tmp_path: Path) -> None:
    for report, _ in MESSAGES.values():
        _, picture = draw(tmp_path, report)
        last = list(picture.iter(f"{SVG}text"))[-1]
        assert int(last.get("x", 0)) + int(last.get("textLength", 0)) < int(picture.get("width", 0)) <= 400


def test_nothing_is_loaded_from_elsewhere_or_run(tmp_path: Path) -> None:
    evil = "</title><script>alert(1)</script>\x1b[31m\0\ud800 & \" ' <!-- ]]>{label}" + "x" * 10**5
    grades = {"float32": evil, **{f"d{k}": f"g{k}<b>" for k in range(10)}}
    report = report_on(
        *(target("conforms", name=evil, statement=evil, conforms_at=grades),) * 50,
    )
    text, picture = draw(tmp_path, report)
    assert {one.tag for one in picture.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "path", "g", "text")
    }
    assert len(text) < 40_000 and not re.search("href|url|style|@import| on[a-z]+=", text.replace(evil, ""))
    assert list_texts(picture)[1] == "conforms (11 grades)"
    assert all(c.isprintable() or c == "\n" for c in text)


def test_a_file_is_written_over_an_old_badge_and_over_nothing_else(tmp_path: Path) -> None:
    report, out = tmp_path / "r.json", tmp_path / "badge.svg"
    report.write_text(json.dumps(report_on(RIGHT)), encoding="utf-8")
    for _ in range(2):
        assert said("badge", str(report), "--out", str(out)) == (PASSED, "")
    assert ElementTree.parse(out).getroot().tag == f"{SVG}svg"
    assert said("badge", str(report), "--out", str(report))[0] == WRONG_OPTION
    assert json.loads(report.read_text(encoding="utf-8"))["targets"]


def test_without_a_report_there_is_no_badge_and_no_old_one(tmp_path: Path) -> None:
    out = tmp_path / "badge.svg"
    out.write_text("<svg/>", encoding="utf-8")
    status, text = said("badge", str(tmp_path / "none.json"), "--out", str(out))
    assert status == UNUSABLE and not out.exists()
    assert_one_sentence(text, "none.json cannot be read (", "name a file that `lstm-conform run --json` wrote")
