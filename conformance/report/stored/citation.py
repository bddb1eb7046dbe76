"""What a paper says of a report: a paragraph for each target, with everything that makes the run known again."""

from collections import defaultdict

from conformance.numbers import count_things
from conformance.outcome import Outcome
from conformance.report.statement import CONFORMS, DOES_NOT_CONFORM
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
    is_predicate = target["statement"].startswith((CONFORMS, DOES_NOT_CONFORM))
    said = f"{subject} ({target['device']}){'' if is_predicate else ':'} {target['statement'].replace('`', '')}"
    sentences = [
        clean_line(said, LONGEST),
        f"{held} of {claimed} claimed clauses held in {count_things(examples, 'example')}",
        *(f"The largest sizes {which} were {_write_sizes(target['largest'][which])}" for which in _passes(target)),
        f"Judged {_name_grades(target)}by lstm-spec {report['suite']} against LSTM Specification"
        f" {report['specification']} with profile {target['profile']} and seed {target['seed']}",
        f"SHA-256 of the report: {digest}",
    ]
    return ". ".join(sentences) + "."


def _name_grades(target: Data) -> str:
    """The dtypes and grades at which it was judged; a statement of conformance has them already."""
    dtypes = [] if target["conclusion"] == CONFORMS else dict.fromkeys(v["dtype"] for v in target["verdicts"])
    grades = {dtype: target["grades"].get(dtype, "") for dtype in dtypes}
    named = (f"{d} ({grade if isinstance(grade, str) else 'an error model of its own'})" for d, grade in grades.items())
    return clean_line(f"at {', '.join(named)}", LONGEST) + " " if grades else ""


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
