"""Reports as Markdown, e.g. for the summary of a job: first the statement, then what failed, then the clause families.

Whatever comes from a target is escaped: it is text there, and neither Markdown nor HTML.
"""

import html
import string
from collections import Counter
from collections.abc import Iterable

from conformance.numbers import count_things, format_times, shorten
from conformance.outcome import Outcome
from conformance.report.failures import failure_lines, find_shown_clauses
from conformance.report.report import Report
from conformance.report.roots import Root, keep_one_per_property
from conformance.report.status import FAILED, PASSED, Unjudged
from conformance.text import clean_line
from conformance.verdict import Verdict, join_clauses

START = "<!-- lstm-conform -->"  # so that a later run knows the file
MOST = 40  # failures in the table; a summary on GitHub has at most 1 MiB
IN_FULL = 10  # of those, with all that is known
LONGEST_TEXT = 400  # characters of a cell
LONGEST_DETAILS = 5_000
ICONS = {PASSED: "✅", FAILED: "❌"}
MARKUP = {ord(c): f"&#{ord(c)};" for c in string.punctuation if c not in ",;-()/'="}
WORDS = {Outcome.HOLDS: "hold", Outcome.SUITE_ERROR: "not judged: suite error"}
AGAINST = (Outcome.REFUTED, Outcome.ERRORED)


def as_markdown(reports: list[Report], unjudged: dict[str, Unjudged]) -> str:
    """The reports, and the targets on which there is none, as one document."""
    parts = [START, *map(_format_report, reports)]
    parts += [f"## ⚠ {escape_text(name)}\n\n**{escape_text(one.reason)}**" for name, one in unjudged.items()]
    return "\n\n".join(parts) + "\n"


def escape_text(text: str, most: int = LONGEST_TEXT) -> str:
    """The text as one line that is text wherever it stands in Markdown, also in a cell of a table."""
    return clean_line(text, most).translate(MARKUP)


def _format_report(report: Report) -> str:
    findings, about = report.findings, report.findings.description
    subject = escape_text(f"{findings.name} {about.version}".strip() + f" ({about.device})")
    asked = f"profile {findings.request.profile}, seed {findings.request.seed}"
    examples = sum(verdict.examples for verdict in report.verdicts)
    parts = [
        f"## {ICONS.get(report.status, '⚠')} {subject}",
        f"**{escape_text(report.statement, 2_000)}**",
        f"{escape_text(asked)}; {count_things(examples, 'example')} in {report.seconds:.1f} s",
        *_format_failures("What failed", report, report.roots),
        *([f"**Likely cause:** {escape_text(report.cause.sentence, 2_000)}"] if report.cause.sentence else []),
        *_format_details(report),
        *_format_failures("Warnings", report, [Root(v, []) for v in keep_one_per_property(report.warnings)]),
        *_format_remarks(report),
        *_format_families(report),
    ]
    return "\n\n".join(parts)


def _format_failures(title: str, report: Report, roots: list[Root]) -> list[str]:
    if not roots:
        return []
    head = ("clause", "dtype", "what is not so", "expected", "got", "allowed", "error / allowed")
    more = [f"and {len(roots) - MOST} more"] if len(roots) > MOST else []
    return [f"### {title}", _make_table(head, (_make_row(report, root.verdict) for root in roots[:MOST])), *more]


def _make_row(report: Report, verdict: Verdict) -> list[str]:
    ids, raised = find_shown_clauses(report, verdict), verdict.refutation
    what = f"{verdict.property.sentence}: {verdict.detail}" if verdict.detail else verdict.property.sentence
    cells = [escape_text(join_clauses(ids)), escape_text(verdict.dtype), escape_text(what)]
    if raised is None or raised.difference is None:
        return [*cells, "", "", "", ""]
    found, digits = raised.difference, 17 if verdict.dtype == "float64" else 9
    numbers = (f"{found.expected:.{digits}g}", f"{found.got:.{digits}g}", f"± {shorten(found.allowed)}")
    return [*cells, *map(escape_text, (*numbers, format_times(found.ratio)))]


def _format_details(report: Report) -> list[str]:
    """What the terminal shows of the first failures, folded."""
    return [_fold_lines(failure_lines(report, root)) for root in report.roots[:IN_FULL]]


def _fold_lines(lines: list[str]) -> str:
    title, *rest = (line if line.isprintable() else clean_line(line) for line in lines)
    text = html.escape("\n".join([title, *rest])[:LONGEST_DETAILS])
    return f"<details><summary>{html.escape(title[:LONGEST_TEXT])}</summary>\n\n<pre>{text}</pre>\n\n</details>"


def _format_remarks(report: Report) -> list[str]:
    """Declared deviations, complaints about them, and what failed in the suite."""
    failed = [f"{v.property.sentence}: {v.detail}" for v in report.findings.select_verdicts(Outcome.SUITE_ERROR)]
    lines = [f"deviation {d.clause}: {d.reason} {d.issue}" for d in report.findings.deviations]
    lines += [*report.findings.complaints, *(f"suite error: {text}" for text in (*failed, *report.mishaps))]
    return ["\n".join(f"- {escape_text(line)}" for line in lines)] if lines else []


def _format_families(report: Report) -> list[str]:
    """How many verdicts there are of each outcome, by clause family and dtype."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for verdict in report.verdicts:
        for family in list_families(report, verdict):
            counts.setdefault((family, verdict.dtype), Counter())[_name_outcome(verdict, report)] += 1
    dtypes = list(dict.fromkeys(verdict.dtype for verdict in report.verdicts))
    rows = ([name, *(_format_counts(counts.get((name, d))) for d in dtypes)] for name in sorted({f for f, _ in counts}))
    return ["### Clause families", _make_table(("family", *dtypes), rows)] if counts else []


def list_families(report: Report, verdict: Verdict) -> set[str]:
    """The families of the clauses that hold, or of those that are broken."""
    has_failed = verdict.outcome in AGAINST
    ids = find_shown_clauses(report, verdict) if has_failed else verdict.property.clauses
    return {id.split("-")[0] for id in ids}


def _name_outcome(verdict: Verdict, report: Report) -> str:
    if report.findings.is_declared(verdict):
        return "as declared"
    return "refuted SHOULD" if verdict in report.warnings else WORDS.get(verdict.outcome, str(verdict.outcome))


def _format_counts(found: Counter[str] | None) -> str:
    """The counts, what is against the target first."""
    counted = sorted((found or {}).items(), key=lambda part: (part[0] not in AGAINST, part))
    return ", ".join(f"**{many} {word}**" if word in AGAINST else f"{many} {word}" for word, many in counted)


def _make_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are escaped already."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
