"""The file of deviations: what is refused, and what a run makes of it."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conformance.outcome import Outcome
from conformance.report import deviations
from conformance.report.deviations import Deviation, DeviationError, read_deviations
from conformance.report.status import FAILED, PASSED
from tests.helpers.deviations import ENTRY, EQUATIONS, ISSUE, toml
from tests.helpers.odd_files import make_odd_file
from tests.helpers.specimens import said, target

# ---------------------------------------------------------------- the file


def test_a_file_of_deviations_is_read(tmp_path: Path) -> None:
    file = toml(tmp_path, ENTRY, {**ENTRY, "target": "mine", "expires": date(2027, 1, 31)})
    first, second = read_deviations(file)
    assert first == Deviation("CELL-1", "swapped", ISSUE, Outcome.REFUTED, tmp_path / "w.safetensors")
    assert second == replace(first, target="mine", expires=date(2027, 1, 31))
    assert read_deviations(toml(tmp_path)) == ()


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, ENTRY)
    plain = read_deviations(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_deviations(file) == plain


ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"no {name}": ({k: v for k, v in ENTRY.items() if k != name}, f"deviation 1 lacks {name!r}, expected ")
        for name in ENTRY
    },
    "another field": (
        {**ENTRY, "clauses": "CELL-1"},
        "deviation 1 has 'clauses', expected only clause, reason, issue, kind",
    ),
    "no such clause": ({**ENTRY, "clause": "CELL-99"}, "deviation 1: clause is 'CELL-99', expected the id of a clause"),
    "an empty reason": ({**ENTRY, "reason": " "}, "deviation 1: reason is ' ', expected why it deviates"),
    "no address": ({**ENTRY, "issue": "see #7"}, "deviation 1: issue is 'see #7', expected the URL where it is"),
    "no web address": ({**ENTRY, "issue": "file:///x"}, "deviation 1: issue is 'file:///x', expected the URL"),
    "another kind": (
        {**ENTRY, "kind": "holds"},
        "kind is 'holds', expected one of refuted, errored, inconclusive, not",
    ),
    "a number for a witness": ({**ENTRY, "witness": 3}, "deviation 1: witness is 3, expected the path of a case"),
    "a number for a target": ({**ENTRY, "target": 3}, "deviation 1: target is 3, expected the name of a backend"),
    "an address that is none": ({**ENTRY, "issue": "http://["}, "deviation 1: issue is 'http://[', expected the URL"),
    "another address that is none": ({**ENTRY, "issue": "https://[::1"}, "deviation 1: issue is 'https://[::1', expec"),
    "an address without a host": ({**ENTRY, "issue": "https://:80/x"}, "deviation 1: issue is 'https://:80/x', expec"),
    "an address with a gap": ({**ENTRY, "issue": "https://x.org/ y"}, "deviation 1: issue is 'https://x.org/ y', exp"),
    "an address with colours": (
        {**ENTRY, "issue": f"{ISSUE}\x1b[31m"},
        f"deviation 1: issue is '{ISSUE}\\x1b[31m', expected the URL",
    ),
    "a reason with colours": ({**ENTRY, "reason": "\x1b[2Jred"}, "deviation 1: reason is '\\x1b[2Jred', expected why"),
    "a reason that reads backwards": ({**ENTRY, "reason": "a\u202eb"}, "deviation 1: reason is 'a\\u202eb', expected"),
    "an endless reason": ({**ENTRY, "reason": "x" * 5000}, "deviation 1: reason is 'xxxx"),
    "a target on two lines": ({**ENTRY, "target": "a\nb"}, "deviation 1: target is 'a\\nb', expected the name of a"),
    "an endless target": ({**ENTRY, "target": "x" * 5000}, "deviation 1: target is 'xxxx"),
    "a witness with a null": ({**ENTRY, "witness": "w\0"}, "deviation 1: witness is 'w\\x00', expected the path"),
    "a list for a clause": ({**ENTRY, "clause": ["CELL-1"]}, "deviation 1: clause is ['CELL-1'], expected the id"),
    "text for a date": (
        {**ENTRY, "expires": "soon"},
        "deviation 1: expires is 'soon', expected a date like 2027-01-31",
    ),
}


@pytest.mark.parametrize("what", ENTRIES)
def test_an_entry_that_means_nothing_is_refused_before_anything_is_judged(what: str, tmp_path: Path) -> None:
    entry, sentence = ENTRIES[what]
    file = toml(tmp_path, entry)
    with pytest.raises(DeviationError) as refused:
        read_deviations(file)
    assert str(refused.value).startswith(f"{file}, {'' if sentence.startswith('dev') else 'deviation 1: '}{sentence}")
    status, text = said("run", target("raises"), "--deviations", str(file))
    assert status == 2 and "Invalid value for --deviations: " in text and "ERRORED" not in text


FILES = {
    "no TOML": ("[[deviation", "is not TOML ("),
    "another table": (
        "[deviations]\n",
        "has 'deviations', expected only tables [[deviation]]; put it into one of them",
    ),
    "one table": ("[deviation]\nclause = 'CELL-1'\n", "has 'deviation', expected only tables [[deviation]]"),
    "lists in lists": (f"x = {'[' * 100_000}", "is not TOML ("),
    "tables in tables": (f"x = {'{a = ' * 20_000}", "is not TOML ("),
    "lists in lists as a deviation": (f"deviation = {'[' * 200}{']' * 200}", "has 'deviation', expected only tables"),
    "a number of 100,000 digits": (f"x = {'9' * 100_000}", "is not TOML ("),
    "a key of 20,000 parts": (f"{'a.' * 20_000}a = 1", "is not TOML (line 1 has more than 100 dots)"),
    "a key of parts with odd ends of line": ('"\u2028".a.' * 5000 + "a = 1", "is not TOML (line 1 has more than"),
    "a table with colours": ('["\\u001b[31m"]\n', "has '\\x1b[31m', expected only tables"),
    "too much": ("#" * 2**17 + "#", "cannot be read (it has 131,073 bytes, expected at most 131,072); name a file of"),
    "no tables": ("deviation = [1]\n", "has 'deviation', expected only tables [[deviation]]"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_none_is_refused(what: str, tmp_path: Path) -> None:
    head, sentence = FILES[what]
    file = toml(tmp_path, head=head)
    with pytest.raises(DeviationError) as refused:
        read_deviations(file)
    assert str(refused.value).startswith(f"{file} {sentence}")
    assert said("run", "numpy", "--deviations", str(file)).status == 2


RAW = {
    "a clause of 100,000 digits in base 16": (f"clause = 0x{'f' * 100_000}", ": clause is a int, expected the id of a"),
    "a reason of lists in lists": (f"reason = {'[' * 150}{']' * 150}", ": reason is [[["),
    "a field with colours": (r'"\u001b[31m" = 1', r" has '\x1b[31m', expected only clause, reason"),
}


@pytest.mark.parametrize("what", RAW)
def test_an_entry_that_json_cannot_write_is_refused(what: str, tmp_path: Path) -> None:
    line, sentence = RAW[what]
    entry = {k: v for k, v in ENTRY.items() if not line.startswith(k)}
    text = "\n".join(["[[deviation]]", line, *(f'{name} = "{value}"' for name, value in entry.items())])
    with pytest.raises(DeviationError) as refused:
        read_deviations(toml(tmp_path, head=text))
    assert f", deviation 1{sentence}" in str(refused.value) and len(str(refused.value)) < 400


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_bytes(b"\xff\xfe[")
    with pytest.raises(DeviationError, match="is not TOML .'utf-8' codec can't decode"):
        read_deviations(file)


@pytest.mark.parametrize("what", ["a pipe", "a folder", "5 GB of nothing", "nothing"])
def test_what_is_no_small_regular_file_is_refused(what: str, tmp_path: Path) -> None:
    file = make_odd_file(tmp_path, what)
    with pytest.raises(DeviationError, match="cannot be read"):
        read_deviations(file)
    status, text = said("run", "numpy", "--deviations", str(file))
    assert status == 2 and ("cannot be read (" in text or "is a directory" in text)


@pytest.mark.parametrize("name", ["/dev/zero", "null\0", "half\ud800"])
def test_so_is_a_device_or_what_no_file_can_be_called(name: str) -> None:
    with pytest.raises(DeviationError, match="cannot be read .(it is no regular file|no file can have this name)"):
        read_deviations(Path(name))


def test_a_reason_on_several_lines_is_one_sentence(tmp_path: Path) -> None:
    (found,) = read_deviations(toml(tmp_path, {**ENTRY, "reason": "swapped\n  since\tthen\n"}))
    assert found.reason == "swapped since then"


# ---------------------------------------------------------------- the command line


def run_with(witness: Path, folder: Path, name: str, **about: Any) -> tuple[int, str, dict[str, Any]]:
    file, report = toml(folder, {**ENTRY, "witness": str(witness), **about}), folder / "report.json"
    asked = ("--profile", "quick", "--examples", "2", "-k", EQUATIONS, "--out", str(folder / "out"))
    status, text = said("run", target(name), *asked, "--deviations", str(file), "--json", str(report))
    return status, text, json.loads(report.read_text(encoding="utf-8"))["targets"][0]


def test_a_deviation_is_told_in_the_table_the_text_and_the_statement(witness: Path, tmp_path: Path) -> None:
    status, text, written = run_with(witness, tmp_path, "swaps_input_and_forget_gates")
    assert status == PASSED and "REFUTED" not in text
    assert "the answer is that of the equations" in text and " deviation\n" in text.replace("  \n", "\n")
    assert f"\nDEVIATION  CELL-1  swapped      {ISSUE}\n" in text
    assert f"with 1 declared deviation (CELL-1: {ISSUE})" in text and "1 refuted (1 declared)" in text
    assert [(d["clause"], d["judged"]) for d in written["deviations"]] == [("CELL-1", True)]
    assert written["complaints"] == [] and [v["declared"] for v in written["verdicts"]] == [True]


def test_what_is_wrong_about_a_deviation_fails_the_run(witness: Path, tmp_path: Path) -> None:
    status, text, written = run_with(witness, tmp_path, "forward_only")
    assert (
        status == FAILED and "does not conform as declared: deviation CELL-1 is not there any more: remove it" in text
    )
    assert written["complaints"] == ["deviation CELL-1 is not there any more: remove it"]


def test_the_witness_is_looked_for_beside_the_file(witness: Path, tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "one.safetensors").write_bytes(witness.read_bytes())
    status, _, _ = run_with(Path("cases/one.safetensors"), tmp_path, "swaps_input_and_forget_gates")
    assert status == PASSED


def test_the_kinds_are_those_that_are_no_success() -> None:
    assert set(deviations.DECLARABLE) == set(Outcome) - {Outcome.HOLDS, Outcome.SUITE_ERROR}


def test_the_same_deviation_twice_is_refused(tmp_path: Path) -> None:
    again = {**ENTRY, "reason": "copied", "expires": date(2027, 1, 31)}
    with pytest.raises(DeviationError) as refused:
        read_deviations(toml(tmp_path, ENTRY, {**ENTRY, "target": "mine"}, again))
    assert str(refused.value).endswith("toml, deviation 3 repeats deviation 1 (CELL-1); keep one of them")
    assert len(read_deviations(toml(tmp_path, ENTRY, {**ENTRY, "witness": "other"}))) == 2
