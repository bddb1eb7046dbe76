"""What changed from one report to another: nothing that is judged less goes unseen, and files are only data."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.cli.reports.diff import is_report
from conformance.outcome import Difference, Outcome
from conformance.property import PROPERTIES
from conformance.report.json import as_json
from conformance.report.status import FAILED, NOTHING, PASSED, UNUSABLE, WRONG_OPTION
from tests.helpers.messages import assert_one_sentence
from tests.helpers.odd_files import make_odd_file
from tests.helpers.reports import SCHEMA, make_report, make_verdict
from tests.helpers.specimens import said

Data = dict[str, Any]
Edit = Callable[[Data], object]  # changes a target's data
RIGHT: Data = json.loads(
    json.dumps(as_json([make_report(*(make_verdict(Outcome.HOLDS, "", prop) for prop in PROPERTIES[:3]))], {}))
)


def become(outcome: str, **more: Any) -> Edit:
    """The first verdict becomes another one."""
    return lambda target: target["verdicts"][0].update(outcome=outcome, detail="why", **more)


def fail(target: Data) -> None:
    become("refuted", against=True)(target)
    target.update(exit_status=FAILED, statement="does not conform", conclusion="does not conform")


def edited(edit: Edit | None, written: Data = RIGHT) -> Data:
    changed = copy.deepcopy(written)
    if edit:
        edit(changed["targets"][0])
    return changed


def diff(folder: Path, old: Any, new: Any) -> tuple[int, str]:
    for name, written in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(written if isinstance(written, str) else json.dumps(written), encoding="utf-8")
    status, text = said("diff", str(folder / "old.json"), str(folder / "new.json"))
    return status, text


OWN = {**dict.fromkeys(SCHEMA["$defs"]["model"]["required"], 0.5), "acc_steps": True}
DECLARED = become("refuted", declared=True)
WORSE: dict[str, tuple[Edit | None, Edit, str]] = {
    "refuted": (None, become("refuted", against=True), "holds → refuted (why)"),
    "errored": (None, become("errored", against=True), "holds → errored (why)"),
    "a refuted SHOULD": (None, become("refuted"), "holds → refuted, but only a SHOULD (why)"),
    "a declared deviation": (None, DECLARED, "holds → refuted, as declared (why)"),
    "no deviation any more": (DECLARED, become("refuted", against=True), "refuted, as declared → refuted (why)"),
    "not claimed": (None, become("not claimed"), "holds → not claimed (why)"),
    "not claimed, and refuted before": (fail, become("not claimed"), "refuted → not claimed (why)"),
    "inconclusive": (None, become("inconclusive"), "holds → inconclusive (why)"),
    "a suite error": (None, become("suite error"), "holds → suite error (why)"),
    "absent": (None, lambda target: target["verdicts"].pop(), "holds → absent"),
    "another dtype": (None, lambda target: target["verdicts"][0].update(dtype="float64"), "holds → absent"),
    "a grade": (None, lambda t: t["grades"].update(float32="absolute"), "grade at float32: relative → absolute"),
    "passes at another grade": (None, lambda t: t["passes_at"].update(float32="absolute"), "relative → absolute"),
    "a model": (None, lambda t: t["grades"].update(float32=OWN), "relative → an error model of its own (u = 0.5"),
    "a dtype": (None, lambda target: target["grades"].pop("float64"), "grade at float64: relative → not claimed"),
    "the exit status": (None, lambda target: target.update(exit_status=FAILED, statement="S"), "the statement: "),
    "the conclusion": (lambda t: t.update(conclusion="conforms"), lambda target: None, "the statement: "),
}


@pytest.mark.parametrize("what", WORSE)
def test_what_is_worse_ends_in_failure(what: str, tmp_path: Path) -> None:
    before, after, line = WORSE[what]
    status, text = diff(tmp_path, edited(before), edited(after))
    assert status == FAILED and line in text and not text.startswith("mine: nothing worse")


OTHERS: dict[str, tuple[Edit | None, Edit | None, str]] = {
    "nothing": (None, None, "mine: nothing worse, 0 changed otherwise, 3 as before\n"),
    "mended": (fail, None, "  mended\n    "),
    "the statement mended": (fail, None, "the statement: does not conform → "),
    "still refuted": (fail, fail, "nothing worse, 0 changed otherwise, 3 as before"),
    "errored after it was refuted": (fail, lambda t: (fail(t), become("errored")(t)), "refuted → errored"),
    "declared now": (fail, DECLARED, "  different now\n"),
    "judged now": (become("not claimed"), None, "not claimed → holds"),
    "a stricter grade": (lambda t: t["grades"].update(float32="absolute"), None, "absolute → relative"),
    "a grade for a model": (lambda t: t["grades"].update(float32=OWN), None, "→ relative"),
    "one dtype more": (lambda target: target["grades"].pop("float64"), None, "not claimed → relative"),
    "other conditions": (lambda target: target.update(profile="full"), None, "profile: full, now quick"),
    "another name of the only target": (lambda target: target.update(target="b"), None, "target: b, now mine"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_worse_passes_and_is_said(what: str, tmp_path: Path) -> None:
    before, after, line = OTHERS[what]
    status, text = diff(tmp_path, edited(before), edited(after))
    assert status == PASSED and line in text


def test_a_refutation_has_its_clause_and_its_number(tmp_path: Path) -> None:
    wrong = make_verdict(Outcome.REFUTED)
    assert wrong.refutation
    wrong.refutation.difference, wrong.refutation.clause = Difference("y", {"t": 0}, 0.5, 1e-7, 0.75), "SHAPE-1"
    status, text = diff(tmp_path, RIGHT, as_json([make_report(wrong, name="mine")], {}))
    assert status == FAILED and "refuted (y is off by 2.5e6 × what is allowed)" in text


# ---------------------------------------------------------------- several targets

TWO: Data = {**RIGHT, "targets": [RIGHT["targets"][0], {**edited(fail)["targets"][0], "target": "other"}]}


def test_targets_are_told_by_their_names(tmp_path: Path) -> None:
    swapped = {**TWO, "targets": TWO["targets"][::-1]}
    assert diff(tmp_path, TWO, swapped)[0] == PASSED


def test_a_target_that_is_judged_no_longer_is_worse(tmp_path: Path) -> None:
    status, text = diff(tmp_path, TWO, RIGHT)
    assert status == FAILED and "other: 1 worse" in text and "the target: does not conform → absent" in text
    lost = {**RIGHT, "targets": [], "unavailable": [{"name": "mine", "reason": "it is gone"}]}
    status, text = diff(tmp_path, RIGHT, lost)
    assert status == FAILED and "→ it is gone" in text


def test_a_new_target_is_worse_if_it_fails(tmp_path: Path) -> None:
    status, text = diff(tmp_path, RIGHT, TWO)
    assert status == FAILED and "absent → refuted (why)" in text and "it was not judged before" in text
    right = {**TWO, "targets": [RIGHT["targets"][0], {**RIGHT["targets"][0], "target": "other"}]}
    assert diff(tmp_path, RIGHT, right)[0] == PASSED


def test_a_target_that_is_named_twice_is_two(tmp_path: Path) -> None:
    twice = {**RIGHT, "targets": RIGHT["targets"] * 2}
    assert diff(tmp_path, twice, {**RIGHT, "targets": [*edited(fail)["targets"], *RIGHT["targets"]]})[0] == FAILED


def test_two_reports_in_which_nothing_is_judged_are_not_green(tmp_path: Path) -> None:
    nothing = {**RIGHT, "targets": [], "unavailable": [{"name": "zzz", "reason": "it is nowhere"}]}
    status, text = diff(tmp_path, nothing, nothing)
    assert status == NOTHING and "nothing is judged in either of them" in text


# ---------------------------------------------------------------- files that are no reports, or hostile ones

WHOLE = json.dumps(RIGHT)
UNREADABLE: dict[str, tuple[Any, str]] = {
    "no JSON": ("<html>", "is not JSON (Expecting value: line 1 column 1 (char 0))"),
    "nothing": ("", "is not JSON"),
    "half of one": (WHOLE[: len(WHOLE) // 2], "is not JSON"),
    "lists in lists": ("[" * 10**6, "has lists in lists without end"),
    "objects in objects": ('{"version": ' * 10**5, "has lists in lists without end"),
    "a huge integer": (WHOLE.replace('"seed": 0', f'"seed": {"9" * 5000}'), "an integer of 5,000 digits"),
    "NaN": (WHOLE.replace('"seed": 0', '"seed": NaN'), "it has 'NaN' as a number"),
    "lists in lists of a report": (
        WHOLE.replace('"seed": 0', f'"seed": {"[" * 900}{"]" * 900}'),
        "is no report: at $.targets[0].seed, [[[[",
    ),
    "an older version": ({**RIGHT, "version": 1}, "is a report of version 1, expected 2; write it anew"),
    "a list": ("[]", "is no report: at $, [] is not of type 'object'"),
    "another file": ("{}", "is no report: at $, 'version' is a required property"),
    "a version that is none": ({**RIGHT, "version": True}, "at $.version, 2 was expected"),
    "a field too many": ({**RIGHT, "x\x1b[31m": 1}, r"not allowed ('x\x1b[31m' was unexpected)"),
    "a field too few": (edited(lambda target: target.pop("grades")), "targets[0], 'grades' is a required property"),
    "another type": (edited(become("refuted", seconds="\x1b]0;x")), r"verdicts[0].seconds, '\x1b]0;x' is not of type"),
    "a dtype of its own": (
        edited(lambda t: t["passes_at"].update({"\x1b[31m": 5})),
        r"passes_at['\x1b[31m'], 5 is not of type",
    ),
    "a size below 0": (edited(become("holds", examples=-1)), "examples, -1 is less than the minimum of 0"),
    "another outcome": (edited(become("green")), "verdicts[0].outcome, 'green' is not one of ['holds', "),
    "no clause": (edited(become("holds", clauses=[])), "clauses, [] should be non-empty"),
    "no model": (
        edited(lambda t: t["grades"].update(float32={"u": 1})),
        "targets[0].grades.float32, {'u': 1} is not valid",
    ),
}


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("first", [True, False], ids=["old", "new"])
def test_what_is_no_report_is_refused_in_a_sentence(what: str, first: bool, tmp_path: Path) -> None:
    content, fragment = UNREADABLE[what]
    status, text = diff(tmp_path, content if first else RIGHT, RIGHT if first else content)
    assert status == UNUSABLE
    assert_one_sentence(text, fragment, "old.json" if first else "new.json", "`")


@pytest.mark.parametrize("what", ["a pipe", "a folder", "a link to itself", "5 GB of nothing", "nothing"])
def test_what_is_no_small_file_is_not_waited_for(what: str, tmp_path: Path) -> None:
    odd = make_odd_file(tmp_path, what).rename(tmp_path / "odd.json") if what != "nothing" else tmp_path / "odd.json"
    if what == "a link to itself":
        odd.unlink()
        odd.symlink_to(odd)
    (tmp_path / "right.json").write_text(WHOLE, encoding="utf-8")
    status, text = said("diff", str(tmp_path / "right.json"), str(odd))
    assert status == UNUSABLE
    assert_one_sentence(text, "odd.json cannot be read (", "name a file that `lstm-conform run --json` wrote")


def test_a_pipe_of_any_name_is_not_read(tmp_path: Path) -> None:
    assert not is_report(make_odd_file(tmp_path, "a pipe"))


def test_nothing_in_a_report_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    evil = "\x1b[31mred\x1b]0;t\x07\n\u202eab" + "x" * 10**5
    texts = ("name", "target", "version", "device", "profile", "statement", "likely_cause")
    old = edited(lambda target: target.update(dict.fromkeys(texts, evil)))
    new = edited(lambda target: (fail(target), target["verdicts"][0].update(property=evil, detail=evil, clause=evil)))
    new["targets"][0]["verdicts"][1].update(clauses=[evil], outcome="errored", message=evil)
    new["targets"][0]["verdicts"][2].update(
        outcome="refuted",
        difference={"quantity": evil, "where": {}, "expected": 1, "allowed": 1, "got": 1, "ratio": "nan"},
    )
    new["unavailable"] = [{"name": evil, "reason": evil}]
    status, text = diff(tmp_path, old, new)
    assert status == FAILED and all(c.isprintable() or c == "\n" for c in text)
    assert max(map(len, text.split("\n"))) < 2_100


@pytest.mark.parametrize("ratio", ["inf", "nan", 1e308, 10**17])
def test_any_number_can_be_shown(ratio: Any, tmp_path: Path) -> None:
    numbers = {"expected": 1, "allowed": 1, "got": 1, "ratio": ratio}
    wrong = become("refuted", difference={"quantity": "y", "where": {}, **numbers})
    assert diff(tmp_path, RIGHT, edited(wrong))[0] == FAILED


def test_a_number_beyond_all_floats_can_be_shown(tmp_path: Path) -> None:
    numbers = {"expected": 1, "allowed": 1, "got": 1, "ratio": 777}
    wrong = json.dumps(edited(become("refuted", difference={"quantity": "y", "where": {}, **numbers})))
    status, text = diff(tmp_path, RIGHT, wrong.replace("777", "1e999"))
    assert status == FAILED and "off by ∞ ×" in text


# ---------------------------------------------------------------- reports and weights


def test_options_of_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(WHOLE, encoding="utf-8")
    for option in (("--grade", "wide"), ("--name", "x"), ("--timeout", "60")):
        status, text = said("diff", str(tmp_path / "a.json"), str(tmp_path / "a.json"), *option)
        assert status == WRONG_OPTION and f"{option[0]} is about weights, and these are reports; drop it" in text


def test_a_report_is_known_by_its_content_too_and_weights_are_no_report(tmp_path: Path) -> None:
    report, weights = tmp_path / "report", tmp_path / "model.npz"
    report.write_text(WHOLE, encoding="utf-8")
    weights.write_bytes(b"PK\x03\x04")
    assert said("diff", str(report), str(report))[0] == PASSED
    status, text = said("diff", str(weights), str(report))
    assert status == UNUSABLE
    assert_one_sentence(text, "model.npz is not JSON (")
    assert "is not JSON" not in said("diff", str(weights), str(weights)).text
