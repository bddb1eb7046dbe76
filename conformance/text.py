"""Reports as people read them: the table, the refutations, and the statement."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from conformance.property import Difference, Outcome, Verdict, broken
from conformance.report import PASSED, Report, Root, one_per_property, stage_of
from lstm_spec import CLAUSES, Description, error_model
from lstm_spec.accuracy import DEFAULT_GRADES

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.cases import Step
    from conformance.deviations import Deviation
    from conformance.selftest import Score, Sight
    from lstm_spec import Problem

MARKS = {
    Outcome.HOLDS: ("holds", "green"),
    Outcome.REFUTED: ("REFUTED", "bold red"),
    Outcome.ERRORED: ("ERRORED", "bold red"),
    Outcome.NOT_CLAIMED: ("not claimed", "dim"),
    Outcome.INCONCLUSIVE: ("inconclusive", "yellow"),
    Outcome.SUITE_ERROR: ("suite error", "magenta"),
}
FULL = 3  # failures told in full, and the first of each stage; those that may follow from them are listed
STEPS = 20  # steps beyond what is allowed that are shown
LABEL = "  {:<18}"


def print_report(console: Console, report: Report) -> None:
    """The table, the refutations, and the statement."""
    if report.verdicts:
        console.print(_table(report))
    roots, warnings = report.roots, one_per_property(report.warnings)
    firsts = {stage_of(root.verdict): root.verdict for root in reversed(roots)}.values()
    told = [root for k, root in enumerate(roots) if k < FULL or root.verdict in firsts]
    for root in told:
        _print_lines(console, failure_lines(report, root), "bold red")
    _print_rest(console, [root.verdict for root in roots if root not in told])
    for verdict in warnings:
        _print_lines(console, failure_lines(report, Root(verdict, []), "WARNING"), "yellow")
    for deviation in report.deviations:
        _print_lines(console, _deviation_lines(report, deviation), "yellow")
    for verdict in report.counted(Outcome.SUITE_ERROR):
        text = f"{verdict.property.name}: {verdict.detail}"
        console.print(f"[magenta]suite error[/]  {_escaped(text)}; please report it", highlight=False, soft_wrap=True)
    print_statement(console, report)


def _print_lines(console: Console, lines: list[str], style: str) -> None:
    """The first word of the first line is the title, the second word what it is about."""
    from rich.text import Text

    title, _, rest = lines[0].partition("  ")
    about, gap, said = rest.partition("  ")
    text = Text("\n").append(title, style).append("  ").append(about, "bold").append(gap + said)
    console.print(text.append("".join(f"\n{line}" for line in lines[1:])), soft_wrap=True)


def _print_rest(console: Console, verdicts: list[Verdict]) -> None:
    """What was refuted later, a line each."""
    if verdicts:
        console.print("\nalso refuted, perhaps because of that", highlight=False)
    for verdict in verdicts:
        said = f"  {str(verdict.outcome).upper()}  {verdict.property.sentence}"
        console.print(said, highlight=False, soft_wrap=True)


def _deviation_lines(report: Report, deviation: Deviation) -> list[str]:
    if deviation not in report.judged_deviations:
        return [f"DEVIATION  {deviation.clause}  is not judged: nothing that was asked is about it"]
    return [f"DEVIATION  {deviation.clause}  {deviation.reason}      {deviation.issue}"]


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
    if report.deviating(verdict):
        mark, style = "deviation", "yellow"
    elif verdict in report.warnings:
        mark, style = "warning", "yellow"
    share = (
        f" ({verdict.inconclusive} inconclusive)" if verdict.inconclusive and verdict.outcome is Outcome.HOLDS else ""
    )
    return f"[{style}]{mark}[/]{share}"


def failure_lines(report: Report, root: Root, title: str = "") -> list[str]:
    """One failure: the sentence that is not true, where and by how much, why, what follows, and how to see it again."""
    verdict = root.verdict
    ids, sentence = broken(verdict), verdict.property.sentence
    first = bool(report.failures) and verdict is report.failures[0]
    ids = (report.culprit,) if first and report.culprit in ids else ids
    subject, by = _subject(report, verdict.dtype), [LABEL.format("by") + sentence]
    if len(ids) == 1:
        clause = CLAUSES[ids[0]]
        sentence = f"{clause.sentence.rstrip('.')}{': ' if clause.equation else ''}{clause.equation}"
    named = " ".join(ids) if len(ids) <= FULL else f"{ids[0]} … {ids[-1]}"
    lines = [f"{title or str(verdict.outcome).upper()}  {named}  {sentence}      {subject}"]
    lines += (by if len(ids) == 1 else []) + _evidence(verdict)
    if report.cause and first:
        lines.append(LABEL.format("likely cause") + report.cause)
    also = dict.fromkeys(id for v in root.following if (id := broken(v)[0]) not in ids)  # what it is about comes first
    lines += [f"  also refuted because of this: {', '.join(also)}"] if also else []
    return lines + _reproduction(report, verdict, first)


def _subject(report: Report, dtype: str) -> str:
    about, grade = report.description, report.description.grade(dtype)
    level = grade if isinstance(grade, str) else "an error model of its own"
    return f"{f'{report.name} {about.version}'.strip()} ({about.device}, {dtype}, {level})"


def _evidence(verdict: Verdict) -> list[str]:
    """Where it is first seen, in units of what is allowed; why, where that does not say it; how small it was found."""
    from conformance.problems import described, problem_of

    refutation, lines = verdict.refutation, [LABEL.format("because") + verdict.detail]
    raised = refutation or verdict.error
    if raised is None or raised.problem is None:
        return lines
    if refutation and refutation.difference:
        asked = problem_of(refutation.asked or refutation.problem)
        lines = lines if verdict.detail != refutation.reason else []
        lines += _difference(refutation.difference, asked, verdict.dtype)
    return [*lines, LABEL.format("smallest found") + described(raised.asked or raised.problem)]


def _difference(found: Difference, asked: Problem, dtype: str) -> list[str]:
    where = "".join(f"{_place(axis, k, asked)}, " for axis, k in found.where.items())
    digits = 17 if dtype == "float64" else 9
    allowed = f"±{_short(found.allowed)} (derived)" if found.allowed else "no difference"
    times = f"   {_times(found.ratio)} × allowed" if found.allowed else ""
    lines = [
        f"{LABEL.format('first difference')}{where}output {found.quantity}",
        f"    expected {found.expected:.{digits}g}   allowed {allowed}   got {found.got:.{digits}g}{times}",
    ]
    return lines + _condition(found, error_model(DEFAULT_GRADES[dtype], dtype).u)


def _condition(found: Difference, u: float) -> list[str]:
    """A warning where rounding may cost more than half of the digits that the dtype has."""
    share = found.allowed / abs(found.expected) if found.expected else 0
    if not u**0.5 < share < float("inf"):
        return []
    size = f"{_short(100 * share)} %" if share < 10 else f"{_times(share)} times its size"
    return [f"{LABEL.format('ill-conditioned')}rounding alone may move it by {size}, more than half of its digits"]


def _short(x: float) -> str:
    """Two digits; 1.6e-6."""
    return re.sub(r"e([+-])0*", r"e\1", f"{x:.2g}").replace("e+", "e")


def _times(ratio: float) -> str:
    """Two digits; 38 000."""
    if ratio == float("inf"):
        return "∞"
    return f"{float(f'{ratio:.2g}'):,.0f}".replace(",", " ") if 100 <= ratio < 1e6 else _short(ratio)


def _reproduction(report: Report, verdict: Verdict, first: bool) -> list[str]:
    """The command that asks the case again; under the first failure also how many cases there are besides."""
    path = report.cases.get((verdict.property.name, verdict.dtype))
    if path is None or report.origin is None:
        return []
    device = ["--device", report.origin.device] if report.origin.device else []
    command = shlex.join(["lstm-conform", "reproduce", str(path), report.origin.target, *device])
    others = len(report.cases) - 1
    more = f"and {others} more case{'s' if others > 1 else ''} in {path.parent}/"
    return [LABEL.format("reproduce") + command] + ([LABEL.format("") + more] if first and others else [])


def step_lines(steps: list[Step]) -> list[str]:
    """A case step by step; of steps in a row that are within what is allowed, the one that is furthest off."""
    groups = [(key, list(found)) for key, found in groupby(steps, lambda step: (step.quantity, step.ratio <= 1))]
    return [line for (_, within), found in groups for line in _group_lines(found, within)]


def _group_lines(found: list[Step], within: bool) -> list[str]:
    if within and len(found) > FULL:
        largest = max(found, key=lambda step: step.ratio)
        return [_step_line(largest, f"t={found[0].t}…{found[-1].t}")]
    lines = [_step_line(step, "" if step.t is None else f"t={step.t}") for step in found[:STEPS]]
    return lines + ([f"  and {len(found) - STEPS} more steps beyond what is allowed"] if len(found) > STEPS else [])


def _step_line(step: Step, place: str) -> str:
    return f"  {place:<8}largest error of {step.quantity:<5} {_short(step.error)}, {_times(step.ratio)} × allowed"


def _place(axis: str, k: int, asked: Problem) -> str:
    if axis == "gate row":
        H, gates = asked.sizes[3], "igo" if asked.layer.f is None else "ifgo"
        return f"gate {gates[k // H]}, unit {k % H}"
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
    declared = sum(report.deviating(verdict) for verdict in report.verdicts)
    tally += f" ({declared} declared)" if declared else ""
    examples = sum(v.examples for v in report.verdicts)
    style = "bold red" if report.status != PASSED else "yellow" if report.judged_deviations else "green"
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
    for told in _information(report):
        console.print(f"  {told}", highlight=False, soft_wrap=True)


def _information(report: Report) -> list[str]:
    """What was measured besides, and decides nothing."""
    from conformance.activations import sentence, warnings
    from conformance.end_to_end import lines

    told = []
    for found in report.activations:
        told += [_escaped(sentence(found)), *(f"[yellow]warning[/]  {_escaped(said)}" for said in warnings(found))]
    for dtype, rows in report.end_to_end.items():
        head = f"end to end at {dtype}, for information only: the whole answer beside a free float64 run"
        told += [head, *(f"  {_escaped(line)}" for line in lines(rows))] if rows else []
    return told


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


# ---------------------------------------------------------------- what the judge sees


def print_score(console: Console, score: Score, dtype: str, profile: str) -> None:
    """The mistakes that were refuted, by family; what is below the bound and what was missed, by name."""
    from rich.table import Table

    table = Table("family", "refuted", "that can be seen", box=None, pad_edge=False, header_style="bold")
    for family, (refuted, visible) in score.families.items():
        table.add_row(family, str(refuted), str(visible))
    console.print(table)
    lines = [f"missed  {s.name}: {_margin(s)}" for s in score.missed]
    lines += [f"below the bound  {s.name}: {_margin(s)}" for s in score.below]
    refuted, visible = score.raw
    lines.append(
        f"at {dtype}, {profile} refutes {refuted} of the {visible} known mistakes that can be seen there "
        f"({score.macro:.1%} over families), in {score.seconds:.2g} s at the median"
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _margin(sight: Sight) -> str:
    if not sight.tried:
        return "it changed no bit of any answer, at this dtype and profile"
    return f"what it changes, and its own rounding, come to {sight.margin:.3g} × what is allowed"
