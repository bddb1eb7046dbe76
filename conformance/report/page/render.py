"""Reports as one page of HTML: first the verdict and the statement, then what failed, then everything that was asked.

Whatever comes from a target is text there: it is escaped, cut, and without what cannot be printed. No script but ours
may run on the page.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.extent import PRODUCTS
from conformance.measurements.activation_text import describe_accuracy, list_warnings
from conformance.measurements.end_to_end import format_rows
from conformance.numbers import count_things, format_times, shorten
from conformance.outcome import Outcome
from conformance.palette import write_variables
from conformance.report.experiments import QUESTIONS
from conformance.report.failures import ALSO, MORE, NUMBERS, Fact, list_facts, name_failure
from conformance.report.json import describe_suite
from conformance.report.page.pictures import HEIGHT, WIDTH, Picture, draw_failure
from conformance.report.page.rows import (
    list_clause_rows,
    list_dtypes,
    list_form_rows,
    list_property_rows,
    list_unasked,
    list_usage,
)
from conformance.report.report import Report
from conformance.report.roots import Root, keep_one_per_property, key_of
from conformance.report.statement import draw_conclusion
from conformance.report.status import Unjudged
from conformance.text import clean_line
from lstm_spec import Description

LONGEST_TEXT = 2_000  # characters
MOST_SHOWN = 100  # failures; of the others there is a line in the tables
MOST_DRAWN = 20  # of those, with pictures
OPEN = 3  # of those, not folded


class Failure(NamedTuple):
    """A failure as it is shown."""

    clauses: str
    sentence: str
    outcome: str
    dtype: str
    facts: list[Fact]
    more: list[str]  # sentences without a label
    difference: Any
    pictures: list[Picture]


def as_html(reports: list[Report], unjudged: dict[str, Unjudged]) -> str:
    """The reports, and the targets on which there is none, as one page."""
    script = _read_file("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _load_template().render(
        targets=[{**_prepare(report), "label": label} for report, label in zip(reports, _label(reports), strict=True)],
        unjudged=unjudged,
        suite=describe_suite(),
        style=Markup(f"{write_variables()}\n{_read_file('style.css')}"),
        script=Markup(script),
        digest=digest,
    )


def _label(reports: list[Report]) -> list[str]:
    """What tells the parts of the page apart for who hears it: the names, with a number where they are the same."""
    names = [report.findings.name for report in reports]
    return [f"{name} ({k})" if names.count(name) > 1 else name for k, name in enumerate(names, 1)]


@cache
def _load_template() -> Any:
    environment = Environment(
        loader=PackageLoader("conformance.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.globals |= {"WIDTH": WIDTH, "HEIGHT": HEIGHT, "OPEN": OPEN, "QUESTIONS": QUESTIONS}
    environment.globals |= {
        "shorten": shorten,
        "times": format_times,
        "count": count_things,
        "number": _format_number,
        "grade": _name_grade,
    }
    environment.filters |= {"mark_code": _mark_code, "set_indices": _set_indices}
    environment.globals["extent_names"] = (*"TBIHL", *PRODUCTS)
    return environment.get_template("page.html")


def _read_file(name: str) -> str:
    return (files("conformance.report.page") / name).read_text(encoding="utf-8")


def _clean(value: Any) -> Any:
    """Text that is not ours already, in one line that can be printed."""
    return clean_line(value, LONGEST_TEXT) if isinstance(value, str) and not isinstance(value, Markup) else value


def _mark_code(text: str) -> Markup:
    """The text, in which what stands between backticks is code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(_clean(text)))))


def _set_indices(text: str) -> Markup:
    """The text, its indices set below the line and its powers above."""
    marked = str(escape(_clean(text)))
    for mark, tag in (("_", "sub"), ("^", "sup")):
        marked = re.sub(rf"\{mark}(?:{{([^}}]*)}}|([A-Za-z0-9]+))", rf"<{tag}>\1\2</{tag}>", marked)
    return Markup(marked)


def _format_number(value: float, dtype: str) -> str:
    return f"{value:.{17 if dtype == 'float64' else 9}g}"


def _name_grade(about: Description, dtype: str) -> str:
    grade = about.grade(dtype)
    return grade if isinstance(grade, str) else "an error model of its own"


def _prepare(report: Report) -> dict[str, Any]:
    """What the template shows of a report."""
    findings, about = report.findings, report.findings.description
    roots, warnings = report.roots, [Root(v, []) for v in keep_one_per_property(report.warnings)]
    return {
        "report": report,
        "subject": f"{findings.name} {about.version}".strip(),
        "conclusion": draw_conclusion(findings),
        "examples": sum(verdict.examples for verdict in report.verdicts),
        "dtypes": list_dtypes(report),
        "failures": [_prepare_failure(report, root, k) for k, root in enumerate(roots[:MOST_SHOWN])],
        "left": len(roots[MOST_SHOWN:]),
        "warnings": [_prepare_failure(report, root, k) for k, root in enumerate(warnings[:MOST_SHOWN])],
        "remarks": _list_remarks(report),
        "clauses": (clauses := list_clause_rows(report)),
        "known": {row.clause.id for rows in clauses.values() for row in rows},  # that have a row to lead to
        "forms": list_form_rows(report),
        "properties": list_property_rows(report),
        "usage": list_usage(report),
        "unasked": list_unasked(report),
        "accuracy": [line for one in report.activations for line in (describe_accuracy(one), *list_warnings(one))],
        "end_to_end": {dtype: format_rows(rows) for dtype, rows in report.end_to_end.items() if rows},
    }


def _prepare_failure(report: Report, root: Root, number: int) -> Failure:
    verdict = root.verdict
    difference = verdict.refutation.difference if verdict.refutation else None
    path = report.cases.get(key_of(verdict)) if number < MOST_DRAWN else None
    facts = list_facts(report, root)
    return Failure(
        *name_failure(report, verdict),
        str(verdict.outcome),
        verdict.dtype,
        [(label, text) for label, text in facts if label not in (NUMBERS, ALSO, MORE)],
        [text for label, text in facts if label in (ALSO, MORE)],
        difference,
        draw_failure(difference, path) if difference and path else [],
    )


def _list_remarks(report: Report) -> list[Fact]:
    """Declared deviations, complaints about them, and what failed in the suite."""
    failed = [f"{v.property.sentence}: {v.detail}" for v in report.findings.select_verdicts(Outcome.SUITE_ERROR)]
    judged = report.findings.judged_deviations
    remarks = [
        (f"Deviation {d.clause}", f"{d.reason} {d.issue}" + ("" if d in judged else " (nothing was asked of it)"))
        for d in report.findings.deviations
    ]
    remarks += [("Deviation", complaint) for complaint in report.findings.complaints]
    return remarks + [("Suite error", f"{text}; please report it") for text in (*failed, *report.mishaps)]
