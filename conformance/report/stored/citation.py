"""What a paper says of a report: a paragraph for each target, with everything that makes the run known again."""

from collections import defaultdict

from conformance.numbers import count_things
from conformance.outcome import Outcome
from conformance.report.stored.read import Data
from conformance.text import clean_line

LONGEST = 1_000  # characters of a statement
SIZES = "TBIHL"


def write_paragraphs(report: Data, digest: str) -> str:
    """The paragraphs about the targets of a report, whose file has that SHA-256."""
    said = [_write_paragraph(target, report, digest) for target in report["targets"]]
    said += [f"{clean_line(one['name'])} was not judged: {clean_line(one['reason'])}." for one in report["unavailable"]]
    return "\n\n".join(said)


def _write_paragraph(target: Data, report: Data, digest: str) -> str:
    subject = " ".join(filter(None, (target["name"], target["version"])))
    held, claimed = count_clauses(target["verdicts"])
    examples = sum(verdict["examples"] for verdict in target["verdicts"])
    sentences = [
        clean_line(f"{subject} ({target['device']}) {target['statement']}", LONGEST),
        f"{held} of {claimed} claimed clauses held in {count_things(examples, 'example')}",
        *(f"The largest sizes {which} were {_write_sizes(target['largest'][which])}" for which in _passes(target)),
        f"Judged by lstm-spec {report['suite']} against LSTM Specification {report['specification']}"
        f" with profile {target['profile']} and seed {target['seed']}",
        f"SHA-256 of the report: {digest}",
    ]
    return ". ".join(sentences) + "."


def _passes(target: Data) -> list[str]:
    return sorted(target["largest"], reverse=True)  # forward, backward


def _write_sizes(extent: Data) -> str:
    return ", ".join(f"{letter} = {extent[letter]:,}" for letter in SIZES)


def count_clauses(verdicts: list[Data]) -> tuple[int, int]:
    """How many clauses held, and how many were claimed: a clause holds if everything that was asked about it does."""
    outcomes: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        if verdict["outcome"] != Outcome.NOT_CLAIMED:
            for clause in verdict["clauses"]:
                outcomes[clause].add(verdict["outcome"])
    return sum(found == {Outcome.HOLDS} for found in outcomes.values()), len(outcomes)
