"""The tables of the page: clause by clause, form by form and property by property, each by dtype."""

from collections import Counter
from itertools import accumulate
from typing import NamedTuple

from conformance.outcome import Outcome
from conformance.property import Property
from conformance.report.failures import find_shown_clauses
from conformance.report.reported import Reported
from conformance.tenths import Counts
from conformance.verdict import Verdict
from lstm_spec import CLAUSES, Clause, Feature

FAILING = (Outcome.REFUTED, Outcome.ERRORED)
DECLARED, WARNING = "as declared", "refuted, a SHOULD"
UNDECIDED = "not decided"  # all properties of a clause break another one
MILD = (Outcome.INCONCLUSIVE, Outcome.HOLDS, Outcome.NOT_CLAIMED)
WORST_FIRST = (*FAILING, Outcome.SUITE_ERROR, WARNING, DECLARED, *MILD)


class Cell(NamedTuple):
    """The outcomes at a dtype, the worst first, and how many verdicts have each."""

    dtype: str
    counts: dict[str, int]
    remark: str = ""

    @property
    def worst(self) -> str:
        return next(iter(self.counts), "")

    @property
    def text(self) -> str:
        """What is not as it should be, as a share of what was asked; else that it holds, or why there is nothing."""
        asked = sum(many for name, many in self.counts.items() if name != Outcome.NOT_CLAIMED)
        odd = {name: many for name, many in self.counts.items() if name not in (Outcome.HOLDS, Outcome.NOT_CLAIMED)}
        if odd and asked > 1:
            return ", ".join(f"{many} of {asked} {name}" for name, many in odd.items())
        return self.worst or UNDECIDED


class ClauseRow(NamedTuple):
    clause: Clause
    cells: list[Cell]


class PropertyRow(NamedTuple):
    property: Property
    cells: list[Cell]


class FormRow(NamedTuple):
    name: str
    cells: list[Cell]


class Usage(NamedTuple):
    """How much of what is allowed the comparisons of an output used."""

    quantity: str
    counts: list[int]  # by tenths; the last is of those that used more
    total: int
    median: str
    most: str


class Unasked(NamedTuple):
    """Properties that nobody asked, and why."""

    reason: str
    dtypes: str
    properties: list[Property]


def list_dtypes(report: Reported) -> list[str]:
    """The dtypes at which there are verdicts."""
    return list(dict.fromkeys(verdict.dtype for verdict in report.verdicts))


def list_clause_rows(report: Reported) -> dict[str, list[ClauseRow]]:
    """By family, the clauses that a property verifies; a failure counts at the clause that it breaks."""
    by_clause: dict[str, list[Verdict]] = {}
    for verdict in report.verdicts:
        broken = find_shown_clauses(report, verdict) if verdict.outcome in FAILING else verdict.property.clauses
        for id in {*verdict.property.clauses, *broken}:
            by_clause.setdefault(id, []).extend([verdict] if id in broken else [])
    rows: dict[str, list[ClauseRow]] = {}
    for id, clause in CLAUSES.items():
        if id in by_clause:
            rows.setdefault(id.split("-")[0], []).append(ClauseRow(clause, _make_cells(report, by_clause[id])))
    return rows


def list_form_rows(report: Reported) -> list[FormRow]:
    """What the properties are about: one layer of the standard cell first, then each feature with its gradients."""
    by_form: dict[str, list[Verdict]] = {}
    for verdict in report.verdicts:
        by_form.setdefault(_name_form(verdict.property), []).append(verdict)
    return [FormRow(name, _make_cells(report, found)) for name, found in by_form.items()]


def _name_form(prop: Property) -> str:
    named = [str(feature) for feature in prop.features if feature is not Feature.GRADIENTS]
    gradients = [str(Feature.GRADIENTS)] if Feature.GRADIENTS in prop.features else []
    return ", ".join([*(named or ["any network" if prop.beyond_core else "one layer"]), *gradients])


def list_property_rows(report: Reported) -> dict[str, list[PropertyRow]]:
    """By family, the properties that were asked at some dtype at least."""
    by_property: dict[Property, list[Verdict]] = {}
    for verdict in report.verdicts:
        by_property.setdefault(verdict.property, []).append(verdict)
    rows: dict[str, list[PropertyRow]] = {}
    for prop, found in by_property.items():
        if any(verdict.outcome is not Outcome.NOT_CLAIMED for verdict in found):
            rows.setdefault(prop.family, []).append(PropertyRow(prop, _make_cells(report, found)))
    return rows


def _make_cells(report: Reported, verdicts: list[Verdict]) -> list[Cell]:
    cells = []
    for dtype in list_dtypes(report):
        found = [verdict for verdict in verdicts if verdict.dtype == dtype]
        counts = Counter(name_outcome(report, verdict) for verdict in found)
        ordered = {name: counts[name] for name in WORST_FIRST if counts[name]}
        few = sum(verdict.inconclusive for verdict in found if verdict.outcome is Outcome.HOLDS)
        cells.append(Cell(dtype, ordered, f"{few} inconclusive" if few and len(found) == 1 else ""))
    return cells


def name_outcome(report: Reported, verdict: Verdict) -> str:
    """The outcome, or why it does not count against the target."""
    if report.findings.is_declared(verdict):
        return DECLARED
    return WARNING if verdict in report.warnings else str(verdict.outcome)


def list_unasked(report: Reported) -> list[Unasked]:
    """The properties that were not asked, by the reason."""
    found: dict[str, dict[Property, list[str]]] = {}
    for verdict in report.findings.select_verdicts(Outcome.NOT_CLAIMED):
        found.setdefault(verdict.detail, {}).setdefault(verdict.property, []).append(verdict.dtype)
    return [
        Unasked(reason, ", ".join(dict.fromkeys(d for dtypes in props.values() for d in dtypes)), list(props))
        for reason, props in found.items()
    ]


def list_usage(report: Reported) -> dict[str, list[Usage]]:
    """By dtype, how much of what is allowed the comparisons of each output used."""
    return {dtype: list(map(_summarize_usage, used.items())) for dtype, used in report.used.items()}


def _summarize_usage(found: tuple[str, Counts]) -> Usage:
    quantity, counts = found
    sums = list(accumulate(counts))
    median, most = (next(k for k, seen in enumerate(sums) if seen >= share * sums[-1]) for share in (0.5, 1.0))
    return Usage(quantity, counts, sums[-1], _name_tenth(median), _name_tenth(most))


def _name_tenth(k: int) -> str:
    return f"{10 * (k + 1)} %" if k < 10 else "more than 100 %"
