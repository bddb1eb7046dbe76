"""What a run came to: Report, its exit status, and its forms as text and JSON."""

from __future__ import annotations

import importlib.metadata as metadata
import math
import platform
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.property import Outcome, Verdict
from lstm_spec import CLAUSES, GRADES, SPECIFICATION, Description, ErrorModel, Feature
from lstm_spec.clauses import Level

if TYPE_CHECKING:
    from rich.console import Console

JSON_VERSION = 1
CORE = ("CELL", "SEQ", "SHAPE", "CONTRACT", "ACT", "NET")

PASSED, FAILED, UNUSABLE, SUITE_ERROR, NOTHING = 0, 1, 3, 4, 5
MARKS = {
    Outcome.HOLDS: ("holds", "green"),
    Outcome.REFUTED: ("REFUTED", "bold red"),
    Outcome.ERRORED: ("ERRORED", "bold red"),
    Outcome.NOT_CLAIMED: ("not claimed", "dim"),
    Outcome.INCONCLUSIVE: ("inconclusive", "yellow"),
    Outcome.SUITE_ERROR: ("suite error", "magenta"),
}


@dataclass(frozen=True)
class Asked:
    """What a run was asked for; `whole` is False where the options left properties out."""

    profile: str
    seed: int
    dtypes: tuple[str, ...]  # at which it was judged
    wanted: tuple[str, ...] = ()  # by the options; none: whatever it claims
    whole: bool = True
    thorough: bool = True  # False with fewer examples than the profile has
    strict: bool = False
    required: tuple[str, ...] = ()
    accept_declared: bool = False


@dataclass(frozen=True)
class Report:
    """The verdicts on one backend."""

    name: str
    description: Description
    gradients: bool  # whether they are judged
    asked: Asked
    verdicts: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0
    cause: str = ""  # the likely one, where something is refuted
    diagnosed: bool = False  # whether it is a known one
    unclaimed: bool = False  # whether there are gradients that it does not claim

    def counted(self, outcome: Outcome) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome is outcome]

    @property
    def failures(self) -> list[Verdict]:
        """What errored, and what is refuted where a MUST is at stake, or any clause with `strict`."""
        return [v for v in self.verdicts if v.outcome in (Outcome.REFUTED, Outcome.ERRORED) and not self._allowed(v)]

    def _allowed(self, verdict: Verdict) -> bool:
        refuted, should = verdict.outcome is Outcome.REFUTED, verdict.property.level is Level.SHOULD
        return refuted and should and not self.asked.strict

    @property
    def warnings(self) -> list[Verdict]:
        """Refuted SHOULD clauses."""
        return [v for v in self.counted(Outcome.REFUTED) if self._allowed(v)]

    @property
    def own_models(self) -> list[str]:
        """The dtypes at which the backend declares an error model of its own."""
        grades = self.description.grades
        return [dtype for dtype in self.asked.dtypes if isinstance(grades.get(dtype), ErrorModel)]

    @property
    def uncovered(self) -> list[str]:
        """Clauses of the core, and required ones, that nothing was found to hold for; only a whole run has a core."""
        families = CORE + (("GRAD", "FLOW") if self.gradients else ())
        core = [id for id in CLAUSES if id.split("-")[0] in families and CLAUSES[id].level is Level.MUST]
        core = core if self.asked.whole and not self._nothing_wanted else []
        missing = [id for id in core if not (self._covered(id) or self._excused(id))]
        return missing + [what for what in self.asked.required if not self._met(what)]

    def _outcomes(self, clause: str) -> list[set[Outcome]]:
        """What came out of the clause's properties, dtype by dtype."""
        about = [v for v in self.verdicts if clause in v.property.clauses]
        return [{v.outcome for v in about if v.dtype == dtype} for dtype in self.asked.dtypes]

    def _covered(self, clause: str) -> bool:
        return bool(self.asked.dtypes) and all(Outcome.HOLDS in found for found in self._outcomes(clause))

    def _excused(self, clause: str) -> bool:
        """What its features and shapes exclude, though never the cell; vacuous bounds, where they are accepted."""
        excuses = {Outcome.NOT_CLAIMED, Outcome.HOLDS} if not clause.startswith("CELL") else {Outcome.HOLDS}
        if self.own_models and self.asked.accept_declared:
            excuses.add(Outcome.INCONCLUSIVE)
        return bool(self.asked.dtypes) and all(found <= excuses for found in self._outcomes(clause))

    @property
    def _nothing_wanted(self) -> bool:
        """Whether the options name only dtypes that it does not claim."""
        return bool(self.description.dtypes) and bool(self.asked.wanted) and not self.asked.dtypes

    def _met(self, required: str) -> bool:
        if required in CLAUSES:
            return self._covered(required)
        if required in {dtype for _, dtype in GRADES}:
            return required in {v.dtype for v in self.counted(Outcome.HOLDS)}
        if required == Feature.GRADIENTS and not self.gradients:
            return False
        return required in self.description.features

    @property
    def status(self) -> int:
        """The exit status, as in the README's table."""
        if self.failures:
            return FAILED
        if self.counted(Outcome.SUITE_ERROR):
            return SUITE_ERROR
        if self.uncovered or (self.own_models and not self.asked.accept_declared):
            return FAILED
        if not self.asked.dtypes and not self._nothing_wanted:
            return FAILED
        if all(v.outcome in (Outcome.NOT_CLAIMED, Outcome.INCONCLUSIVE) for v in self.verdicts):
            return NOTHING
        return PASSED

    @property
    def statement(self) -> str:
        """What may be said of this backend, in one sentence."""
        if self.failures:
            return f"does not conform: {len(self.failures)} of {len(self.verdicts)} verdicts are against it"
        if not self.asked.dtypes and not self._nothing_wanted:
            known = ", ".join(dict.fromkeys(dtype for _, dtype in GRADES))
            if not self.description.dtypes:
                return f"does not conform: it claims no dtype, so nothing was asked; claim one of {known}"
            claimed = ", ".join(self.description.dtypes)
            return f"does not conform: it claims {claimed}, where no grade is defined; claim one of {known}"
        if self.counted(Outcome.SUITE_ERROR):
            return "no statement: the suite itself failed; please report it"
        if self.own_models:
            return f"measured at an error model of its own ({', '.join(self.own_models)}): not a conformance statement"
        if self.uncovered:
            return f"does not conform: not claimed, or never conclusive: {', '.join(self.uncovered)}"
        if not self.verdicts or self.status == NOTHING:
            return "no statement: the options left nothing to test"
        if not self.asked.whole:
            return "holds on this selection; nothing is said about the rest"
        if not self.asked.thorough:
            return f"no fault found{self._reservation} by fewer examples than the profile asks for, so no more is said"
        if self.asked.profile == "quick":
            return f"no fault found by quick{self._reservation}; `--profile standard` decides at every dtype it claims"
        return f"conforms to LSTM Specification {SPECIFICATION}{self._reservation} at {self._levels}"

    @property
    def _reservation(self) -> str:
        if self.unclaimed:
            return " (forward only: it has gradients, but does not claim them)"
        return "" if self.gradients else " (forward only)"

    @property
    def _levels(self) -> str:
        grades = self.description.grades
        return ", ".join(f"{dtype} ({grades.get(dtype, 'relative')})" for dtype in self.asked.dtypes)


def worst(statuses: list[int]) -> int:
    """The exit status of several targets."""
    return next((status for status in (FAILED, SUITE_ERROR, UNUSABLE, NOTHING) if status in statuses), PASSED)


# ---------------------------------------------------------------- JSON


def as_json(reports: list[Report], unusable: dict[str, str]) -> dict[str, Any]:
    """The reports as JSON data; `version` counts changes of this form."""
    return {
        "version": JSON_VERSION,
        "suite": metadata.version("lstm-spec"),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in ("numpy", "hypothesis")},
        "specification": SPECIFICATION,
        "exit_status": worst([r.status for r in reports] + [UNUSABLE] * len(unusable)),
        "targets": [_target(report) for report in reports],
        "unavailable": [{"name": name, "reason": reason} for name, reason in unusable.items()],
    }


def _target(report: Report) -> dict[str, Any]:
    about = report.description
    return {
        "name": report.name,
        "version": about.version,
        "device": about.device,
        "features": sorted(about.features),
        "shapes": {k: [size.start, size.stop, size.step] for k, size in vars(about.shapes).items()},
        "grades": {d: g if isinstance(g := about.grades.get(d, "relative"), str) else vars(g) for d in about.dtypes},
        "profile": report.asked.profile,
        "seed": report.asked.seed,
        "whole": report.asked.whole,
        "statement": report.statement,
        "exit_status": report.status,
        "likely_cause": report.cause,
        "seconds": round(report.seconds, 3),
        "verdicts": [_verdict(verdict) for verdict in report.verdicts],
    }


def _number(value: float) -> float | str:
    """JSON has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    prop, refutation = verdict.property, verdict.refutation
    found = {
        "property": prop.name,
        "family": prop.family,
        "clauses": list(prop.clauses),
        "level": str(prop.level),
        "dtype": verdict.dtype,
        "outcome": str(verdict.outcome),
        "detail": verdict.detail,
        "examples": verdict.examples,
        "inconclusive": verdict.inconclusive,
    }
    if refutation and refutation.clause:
        found["clause"] = refutation.clause
    if refutation and refutation.asked is not None:
        found["sizes"] = dict(zip("TBIH", refutation.asked.sizes, strict=True))
    if refutation and refutation.difference:
        difference = refutation.difference
        numbers = {k: _number(getattr(difference, k)) for k in ("expected", "allowed", "got", "ratio")}
        found["difference"] = {"quantity": difference.quantity, "where": difference.where, **numbers}
    return found


# ---------------------------------------------------------------- text


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
    grade = about.grades.get(verdict.dtype, "relative")
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
