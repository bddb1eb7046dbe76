"""Reports as people read them: the table, the refutations, and the statement."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from conformance.property import Outcome, Verdict
from conformance.report import PASSED, Report
from lstm_spec import CLAUSES, Description

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {
    Outcome.HOLDS: ("holds", "green"),
    Outcome.REFUTED: ("REFUTED", "bold red"),
    Outcome.ERRORED: ("ERRORED", "bold red"),
    Outcome.NOT_CLAIMED: ("not claimed", "dim"),
    Outcome.INCONCLUSIVE: ("inconclusive", "yellow"),
    Outcome.SUITE_ERROR: ("suite error", "magenta"),
}
FULL = 3  # refutations told in full where the cause is not known; the others often follow from them


def print_report(console: Console, report: Report) -> None:
    """The table, the refutations, and the statement."""
    if report.verdicts:
        console.print(_table(report))
    failures, warnings = _one_per_property(report.failures), _one_per_property(report.warnings)
    told = 1 if report.diagnosed else FULL
    for verdict in failures[:told]:
        print_refutation(console, report, verdict, str(verdict.outcome).upper())
    if report.cause:
        console.print(f"  likely cause    {_escaped(report.cause)}", highlight=False, soft_wrap=True)
    _print_consequences(console, report, failures[told:])
    for verdict in warnings:
        print_refutation(console, report, verdict, "WARNING")
    for verdict in report.counted(Outcome.SUITE_ERROR):
        text = f"{verdict.property.name}: {verdict.detail}"
        console.print(f"[magenta]suite error[/]  {_escaped(text)}; please report it", highlight=False, soft_wrap=True)
    print_statement(console, report)


def _print_consequences(console: Console, report: Report, verdicts: list[Verdict]) -> None:
    """What was refuted later: in one line where the cause is known, else a line each."""
    clauses = dict.fromkeys(id for v in verdicts for id in v.property.clauses)
    if verdicts and report.diagnosed:
        console.print(f"  also refuted because of this: {', '.join(clauses)}", highlight=False, soft_wrap=True)
    elif verdicts:
        console.print("\nalso refuted, perhaps because of that", highlight=False)
        for verdict in verdicts:
            said = f"  {str(verdict.outcome).upper()}  {verdict.property.sentence}"
            console.print(said, highlight=False, soft_wrap=True)


def _one_per_property(verdicts: list[Verdict]) -> list[Verdict]:
    """The first verdict of each property; of the same exception again and again, the first."""
    first = {verdict.property.name: verdict for verdict in reversed(verdicts)}
    raised = {v.detail if v.outcome is Outcome.ERRORED else name: v for name, v in first.items()}
    return list(raised.values())[::-1]


def _table(report: Report) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("property", overflow="fold")
    table.add_column("clauses", style="dim", overflow="fold", max_width=30)
    dtypes = list(dict.fromkeys(v.dtype for v in report.verdicts))
    for dtype in dtypes:
        table.add_column(dtype, no_wrap=True)
    found = {(v.property.name, v.dtype): v for v in report.verdicts}
    family = ""
    for prop in dict.fromkeys(v.property for v in report.verdicts):
        if prop.family != family:
            family = prop.family
            table.add_row(f"[bold cyan]{family.replace('_', ' ')}[/]")
        cells = [_cell(found.get((prop.name, dtype)), report) for dtype in dtypes]
        table.add_row(f"  {prop.sentence}", " ".join(prop.clauses), *cells)
    return table


def _cell(verdict: Verdict | None, report: Report) -> str:
    if verdict is None:
        return ""
    mark, style = MARKS[verdict.outcome]
    if verdict in report.warnings:
        mark, style = "warning", "yellow"
    share = (
        f" ({verdict.inconclusive} inconclusive)" if verdict.inconclusive and verdict.outcome is Outcome.HOLDS else ""
    )
    return f"[{style}]{mark}[/]{share}"


def print_refutation(console: Console, report: Report, verdict: Verdict, title: str) -> None:
    """One refutation: the clause's sentence first, then where and by how much."""
    refutation = verdict.refutation
    ids, about = verdict.property.clauses, report.description
    broken = (refutation.clause if refutation else "") or (ids[0] if len(ids) == 1 else "")
    grade = about.grade(verdict.dtype)
    subject, device = _escaped(f"{report.name} {about.version}".strip()), _escaped(about.device)
    level = grade if isinstance(grade, str) else "an error model of its own"
    style = "yellow" if title == "WARNING" else "bold red"
    if broken:
        said = f"[bold]{broken}[/]  {CLAUSES[broken].sentence}  {CLAUSES[broken].equation}".rstrip()
        lines = [f"[{style}]{title}[/]  {said}", f"  by              {verdict.property.sentence}"]
    else:
        lines = [f"[{style}]{title}[/]  [bold]{' '.join(ids)}[/]  {verdict.property.sentence}"]
    lines.append(f"  in              {subject} ({device}, {verdict.dtype}, {level})")
    lines.append(f"  because         {_escaped(verdict.detail)}")
    console.print("\n" + "\n".join(lines + _evidence(verdict)), highlight=False, soft_wrap=True)


def _evidence(verdict: Verdict) -> list[str]:
    from conformance.problems import described, problem_of

    lines: list[str] = []
    refutation = verdict.refutation
    if refutation is None or refutation.problem is None:
        return lines
    difference = refutation.difference
    if difference:
        where = ", ".join(
            _place(axis, k, problem_of(refutation.asked or refutation.problem).sizes[3])
            for axis, k in difference.where.items()
        )
        allowed = f"±{difference.allowed:.2g} (derived)" if difference.allowed else "no difference"
        times = f"   {difference.ratio:,.3g} × allowed" if difference.ratio < float("inf") else ""
        lines.append(f"  first difference  {where}{', ' if where else ''}output {difference.quantity}")
        lines.append(f"    expected {difference.expected:.9g}   allowed {allowed}   got {difference.got:.9g}{times}")
    lines.append(f"  smallest found  {described(refutation.asked or refutation.problem)}")
    return lines


def _place(axis: str, k: int, H: int) -> str:
    if axis == "gate row":
        return f"gate {'ifgo'[k // H]}, unit {k % H}"
    return f"t={k}" if axis == "t" else f"{axis} {k}"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def print_statement(console: Console, report: Report) -> None:
    """Who was asked what, and what may be said."""
    about, counts = report.description, Counter(v.outcome for v in report.verdicts)
    subject, device = _escaped(f"{report.name} {about.version}".strip()), _escaped(about.device)
    tally = ", ".join(f"{counts[outcome]} {MARKS[outcome][0].lower()}" for outcome in Outcome if counts[outcome])
    if report.warnings:
        tally += f" ({len(report.warnings)} of a SHOULD)"
    examples = sum(v.examples for v in report.verdicts)
    style = "green" if report.status == PASSED else "bold red"
    console.print(
        f"\n[bold]{subject}[/] ({device}) [{style}]{_escaped(report.statement)}[/]",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"  {tally or 'nothing tried'}; {examples:,} examples in {report.seconds:.1f} s; "
        f"profile {report.asked.profile}, seed {report.asked.seed}{_shapes(about)}",
        highlight=False,
        soft_wrap=True,
    )


def _shapes(about: Description) -> str:
    """The shapes it was restricted to, if any."""
    from lstm_spec.contract import Shapes

    free = vars(Shapes())
    limited = [f"{k} {_range(size)}" for k, size in vars(about.shapes).items() if size != free[k]]
    return f"; shapes {', '.join(limited)}" if limited else ""


def _range(size: range) -> str:
    if not size:
        return "none"
    return f"in {size[0]}…{size[-1]}" + (f" by {size.step}" if size.step > 1 else "")
