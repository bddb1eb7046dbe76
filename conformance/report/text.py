"""Reports as people read them: the table, the refutations, and the statement."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from typing import TYPE_CHECKING, Any

from conformance.extent import Extent
from conformance.numbers import count_things
from conformance.outcome import Outcome
from conformance.property import Property
from conformance.report.failures import FULL, failure_lines
from conformance.report.reported import Reported
from conformance.report.roots import Root, keep_one_per_property
from conformance.report.stages import find_stage
from conformance.report.status import PASSED
from conformance.verdict import Verdict
from lstm_spec import Description

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.report.deviations import Deviation

WIDTH = 150  # columns, without a terminal
HTML = '<pre style="white-space: pre-wrap">{code}</pre>'
MARKS = {
    Outcome.HOLDS: ("holds", "green"),
    Outcome.REFUTED: ("REFUTED", "bold red"),
    Outcome.ERRORED: ("ERRORED", "bold red"),
    Outcome.NOT_CLAIMED: ("not claimed", "dim"),
    Outcome.INCONCLUSIVE: ("inconclusive", "yellow"),
    Outcome.SUITE_ERROR: ("suite error", "magenta"),
}


def format_text(report: Reported) -> str:
    """What the terminal shows of a report, without colours."""
    return "\n".join(line.rstrip() for line in _record_report(report).export_text().rstrip().split("\n"))


def format_html(report: Reported) -> str:
    """What the terminal shows of a report, as HTML with its colours."""
    return _record_report(report).export_html(inline_styles=True, code_format=HTML)


def _record_report(report: Reported) -> Console:
    from rich.console import Console

    console = Console(file=StringIO(), width=WIDTH, record=True, force_jupyter=False)
    print_report(console, report)
    return console


def print_report(console: Console, report: Reported, table: bool = True) -> None:
    """The statement, what failed, the table of all verdicts if it is wanted, and what was measured besides."""
    print_statement(console, report)
    _print_failures(console, report)
    if report.verdicts and table:
        console.print("", _make_table(report), *_fold_unclaimed(report), sep="\n")
    for line in ["", *_information_lines(report)]:
        console.print(f"  {line}" if line else "", highlight=False, soft_wrap=True)


def _print_failures(console: Console, report: Reported) -> None:
    roots, warnings = report.roots, keep_one_per_property(report.warnings)
    firsts = {find_stage(root.verdict): root.verdict for root in reversed(roots)}.values()
    in_full = [root for k, root in enumerate(roots) if k < FULL or root.verdict in firsts]
    for root in in_full:
        _print_lines(console, failure_lines(report, root), "bold red")
    _print_rest(console, [root.verdict for root in roots if root not in in_full])
    for verdict in warnings:
        _print_lines(console, failure_lines(report, Root(verdict, []), "WARNING"), "yellow")
    for deviation in report.findings.deviations:
        _print_lines(console, _deviation_lines(report, deviation), "yellow")
    failed = report.findings.select_verdicts(Outcome.SUITE_ERROR)
    for text in [*(f"{verdict.property.name}: {verdict.detail}" for verdict in failed), *report.mishaps]:
        console.print(
            f"[magenta]suite error[/]  {escape_markup(text)}; please report it", highlight=False, soft_wrap=True
        )


def _print_lines(console: Console, lines: list[str], style: str) -> None:
    """Print a title, what it is about and the rest; they are separated by two spaces."""
    from rich.text import Text

    title, _, rest = lines[0].partition("  ")
    about, gap, sentence = rest.partition("  ")
    text = Text("\n").append(title, style).append("  ").append(about, "bold").append(gap + sentence)
    console.print(text.append("".join(f"\n{line}" for line in lines[1:])), soft_wrap=True)


def _print_rest(console: Console, verdicts: list[Verdict]) -> None:
    """Failures that are only listed, one per line."""
    if verdicts:
        console.print("\nalso refuted, perhaps because of that", highlight=False)
    for verdict in verdicts:
        line = f"  {str(verdict.outcome).upper()}  {verdict.property.sentence}"
        console.print(line, highlight=False, soft_wrap=True)


def _deviation_lines(report: Reported, deviation: Deviation) -> list[str]:
    if deviation not in report.findings.judged_deviations:
        return [f"DEVIATION  {deviation.clause}  is not judged: no property that was asked is about it"]
    return [f"DEVIATION  {deviation.clause}  {deviation.reason}      {deviation.issue}"]


def _make_table(report: Reported) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("property", overflow="fold")
    table.add_column("clauses", style="dim", overflow="fold", max_width=30)
    dtypes = list(dict.fromkeys(v.dtype for v in report.verdicts))
    for dtype in dtypes:
        table.add_column(dtype, no_wrap=True)
    found = {(v.property.name, v.dtype): v for v in report.verdicts}
    family, unclaimed = "", _list_unclaimed(report)
    for prop in dict.fromkeys(v.property for v in report.verdicts if v.property not in unclaimed):
        if prop.family != family:
            family = prop.family
            table.add_row(f"[bold cyan]{family.replace('_', ' ')}[/]")
        cells = [_format_cell(found.get((prop.name, dtype)), report) for dtype in dtypes]
        table.add_row(f"  {prop.sentence}", " ".join(prop.clauses), *cells)
    return table


def _list_unclaimed(report: Reported) -> list[Property]:
    """The properties that were asked at no dtype, because nothing is claimed that they are about."""
    is_declared = report.findings.is_declared
    asked = {v.property for v in report.verdicts if v.outcome is not Outcome.NOT_CLAIMED or is_declared(v)}
    return list(dict.fromkeys(v.property for v in report.verdicts if v.property not in asked))


def _fold_unclaimed(report: Reported) -> list[str]:
    """One line about them, if there are any: how many, and which features they need."""
    unclaimed, claimed = _list_unclaimed(report), report.findings.description.features
    needed = dict.fromkeys(str(feature) for prop in unclaimed for feature in prop.features if feature not in claimed)
    many = f"{len(unclaimed)} propert{'y' if len(unclaimed) == 1 else 'ies'}"
    return [f"[dim]not claimed[/]  {many}{': ' * bool(needed)}{', '.join(needed)}"] if unclaimed else []


def _format_cell(verdict: Verdict | None, report: Reported) -> str:
    if verdict is None:
        return ""
    mark, style = MARKS[verdict.outcome]
    if report.findings.is_declared(verdict):
        mark, style = "deviation", "yellow"
    elif verdict in report.warnings:
        mark, style = "warning", "yellow"
    share = (
        f" ({verdict.inconclusive} inconclusive)" if verdict.inconclusive and verdict.outcome is Outcome.HOLDS else ""
    )
    return f"[{style}]{mark}[/]{share}"


def escape_markup(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def print_statement(console: Console, report: Reported) -> None:
    """The backend, the statement, and the counts."""
    about, counts = report.findings.description, Counter(v.outcome for v in report.verdicts)
    subject, device = escape_markup(f"{report.findings.name} {about.version}".strip()), escape_markup(about.device)
    should = {Outcome.REFUTED: f" ({len(report.warnings)} of a SHOULD)"} if report.warnings else {}
    tally = ", ".join(f"{counts[o]} {MARKS[o][0].lower()}{should.get(o, '')}" for o in Outcome if counts[o])
    declared = sum(report.findings.is_declared(verdict) for verdict in report.verdicts)
    tally += f" ({declared} declared)" if declared else ""
    examples = sum(v.examples for v in report.verdicts)
    style = "bold red" if report.status != PASSED else "yellow" if report.findings.judged_deviations else "green"
    console.print(
        f"[bold]{subject}[/] ({device}) [{style}]{escape_markup(report.statement)}[/]",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"  {tally or 'nothing tried'}; {count_things(examples, 'example')} in {report.seconds:.1f} s; "
        f"profile {report.findings.request.profile}, seed {report.findings.request.seed}{_format_shapes(about)}",
        highlight=False,
        soft_wrap=True,
    )


def _information_lines(report: Reported) -> list[str]:
    """How large the questions were, and what was measured and decides nothing."""
    from conformance.measurements.activation_text import describe_accuracy, list_warnings
    from conformance.measurements.end_to_end import format_rows

    extents = sorted(report.extents.items(), reverse=True)  # forward, backward
    printed = [f"largest asked {which}: {_format_extent(extent)}" for which, extent in extents]
    if sizes := report.findings.compiled_sizes:
        from conformance.problems.sizes import POOL

        known = ["·".join(map(str, one)) for one in POOL if one in sizes]
        printed.append(f"compiles per size, T·B·I·H: {', '.join(known)}; and {len(sizes) - len(known)} made of these")
    for found in report.activations:
        printed += [
            escape_markup(describe_accuracy(found)),
            *(f"[yellow]warning[/]  {escape_markup(warning)}" for warning in list_warnings(found)),
        ]
    for dtype, rows in report.end_to_end.items():
        head = f"end to end at {dtype}, for information only: the whole answer beside a free float64 run"
        printed += [head, *(f"  {escape_markup(line)}" for line in format_rows(rows))] if rows else []
    return printed


def _format_extent(extent: Extent) -> str:
    return ", ".join(f"{'·'.join(letters)} {size:,}" for letters, size in extent.items())


def _format_shapes(about: Description) -> str:
    """The shapes that the backend is restricted to, if any."""
    from lstm_spec.contract import Shapes

    free = vars(Shapes())
    limited = [f"{k} {_format_range(size)}" for k, size in vars(about.shapes).items() if size != free[k]]
    return f"; shapes {', '.join(limited)}" if limited else ""


def _format_range(size: range) -> str:
    if not size:
        return "none"
    return f"in {size[0]}…{size[-1]}" + (f" by {size.step}" if size.step > 1 else "")
