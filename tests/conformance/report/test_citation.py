"""What a paper can say of a report names everything that makes the run known again, and counts the clauses."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Outcome
from conformance.report.json import as_json
from conformance.report.status import PASSED, UNUSABLE
from conformance.report.stored.citation import count_clauses, write_paragraphs
from tests.helpers.messages import assert_one_sentence
from tests.helpers.reports import make_report, make_verdict, write_report
from tests.helpers.specimens import said

Data = dict[str, Any]


def verdicts(**outcomes: str) -> list[Data]:
    """A verdict for each outcome; the name has its clauses, separated by _."""
    return [
        {"clauses": name.strip("_").replace("__", " ").split(), "outcome": outcome}
        for name, outcome in outcomes.items()
    ]


@pytest.mark.parametrize(
    "found, counts",
    [
        (verdicts(A="holds", B="holds"), (2, 2)),
        (verdicts(A="holds", B="refuted"), (1, 2)),
        (verdicts(A="holds", A_="refuted"), (0, 1)),
        (verdicts(A__B="holds", B="errored", C="not claimed"), (1, 2)),
        (verdicts(A="holds", B="inconclusive", C="suite error"), (1, 3)),
        (verdicts(A="not claimed"), (0, 0)),
        ([], (0, 0)),
    ],
)
def test_a_clause_held_if_all_that_was_asked_about_it_did(found: list[Data], counts: tuple[int, int]) -> None:
    assert count_clauses(found) == counts


def test_the_paragraph_of_a_run_has_what_makes_it_known_again(tmp_path: Path) -> None:
    report = write_report(tmp_path, "numpy", "--profile", "quick", "--seed", "7")
    status, text = said("statement", str(tmp_path / "report.json"))
    (target,) = report["targets"]
    sizes = target["largest"]["forward"]
    known = [
        f"numpy {target['version']} ({target['device']}): {target['statement']}. ",
        "Judged at float32 (relative) by lstm-spec ",
        f" claimed clauses held in {sum(v['examples'] for v in target['verdicts']):,} examples. ",
        f"The largest sizes forward were T = {sizes['T']:,}, B = {sizes['B']:,}, ",
        f"lstm-spec {report['suite']} against LSTM Specification {report['specification']} ",
        "with profile quick and seed 7. ",
        hashlib.sha256((tmp_path / "report.json").read_bytes()).hexdigest(),
    ]
    assert status == PASSED
    assert [part for part in known if part not in text] == [] and text.count("\n") == 1


@pytest.mark.parametrize(
    ("conclusion", "statement", "parts"),
    [
        ("conforms", "conforms to it at float32 (relative)", ("(cpu) conforms to it", "Judged by lstm-spec ")),
        (
            "does not conform",
            "does not conform: 1 of 2",
            ("(cpu) does not conform: 1", "Judged at float32 (relative) by"),
        ),
        (
            "no fault found",
            "no fault; `run` decides",
            ("(cpu): no fault; run decides. ", "Judged at float32 (relative) by"),
        ),
    ],
)
def test_the_paragraph_is_made_of_sentences_and_names_the_grade_once(
    conclusion: str, statement: str, parts: tuple[str, ...]
) -> None:
    report = json.loads(json.dumps(as_json([make_report(make_verdict(Outcome.HOLDS))], {})))
    report["targets"][0] |= {"conclusion": conclusion, "statement": statement}
    text = write_paragraphs(report, "0")
    assert [part for part in parts if part not in text] == [] and text.count("(relative)") == 1


def test_whatever_a_target_says_is_one_line(tmp_path: Path) -> None:
    report = write_report(tmp_path, "numpy", "--profile", "quick")
    evil = "x\n\x1b[31m" * 10_000
    report["targets"][0] |= {"statement": evil, "version": evil}
    report["unavailable"] = [{"name": evil, "reason": evil}]
    first, second = write_paragraphs(report, "0").split("\n\n")
    assert first.isprintable() and second.isprintable() and len(first + second) < 8_000


def test_a_target_that_was_not_judged_is_named() -> None:
    data = json.loads(json.dumps(as_json([], {}))) | {"unavailable": [{"name": "mine", "reason": "it is nowhere"}]}
    assert write_paragraphs(data, "0") == "mine was not judged: it is nowhere."


def test_without_a_report_one_sentence_says_so(tmp_path: Path) -> None:
    status, text = said("statement", str(tmp_path / "none.json"))
    assert status == UNUSABLE
    assert_one_sentence(text, "none.json cannot be read (", "name a file that `lstm-conform run --json` wrote")
