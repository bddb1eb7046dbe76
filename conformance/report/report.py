"""What a run came to: Report, what may be said of it, and its exit status."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conformance.outcome import Outcome
from conformance.report.deviations import Deviation
from conformance.verdict import Verdict, broken
from lstm_spec import CLAUSES, GRADES, SPECIFICATION, Description, ErrorModel, Feature
from lstm_spec.clauses import Level

if TYPE_CHECKING:
    from conformance.measurements.activations import Accuracy
    from conformance.measurements.end_to_end import Row
from conformance.report.stages import STAGES, names_a_clause, stage_of
from conformance.report.status import CORE, FAILED, NOTHING, PASSED, SUITE_ERROR
from conformance.targets.origin import Origin


class Root(NamedTuple):
    """A failure, and those that follow from it."""

    verdict: Verdict
    following: list[Verdict]


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
    culprit: str = ""  # the clause that it breaks, where it is one
    unclaimed: bool = False  # whether there are gradients that it does not claim
    deviations: tuple[Deviation, ...] = ()  # that are declared for it
    complaints: tuple[str, ...] = ()  # about those, a sentence each
    activations: tuple["Accuracy", ...] = ()  # by dtype; for information, as is the next
    end_to_end: dict[str, list["Row"]] = field(default_factory=dict)  # by dtype
    origin: Origin | None = None  # where it was judged from the command line
    cases: dict[tuple[str, str], Path] = field(default_factory=dict)  # by property and dtype: where its case lies

    def counted(self, outcome: Outcome) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome is outcome]

    @property
    def failures(self) -> list[Verdict]:
        """What errored, and what is refuted where a MUST is at stake, or any clause with `strict`; by STAGES."""
        failed = [v for v in self.verdicts if v.outcome in (Outcome.REFUTED, Outcome.ERRORED) and not self._allowed(v)]
        return sorted((v for v in failed if not self.deviating(v)), key=stage_of)

    @property
    def roots(self) -> list[Root]:
        """The failures, one of a property, those that follow from an earlier one folded under it."""
        left, found = one_per_property(self.failures), list[Root]()
        while left:
            first, rest = left[0], left[1:]
            follows = [self._follows(verdict, first, not found) for verdict in rest]
            found.append(Root(first, [v for v, yes in zip(rest, follows, strict=True) if yes]))
            left = [v for v, yes in zip(rest, follows, strict=True) if not yes]
        return found

    def _follows(self, verdict: Verdict, root: Verdict, diagnosed: bool) -> bool:
        """A later stage, the same clause, or the same stage where the cause of this root (the first) is known.

        Nothing follows from an exception but the same exception, which is told once.
        """
        here, there = STAGES[stage_of(root)], STAGES[stage_of(verdict)]
        same = names_a_clause(verdict) and names_a_clause(root) and broken(verdict) == broken(root)
        if root.outcome is Outcome.ERRORED:
            return False
        return there.name in here.shows_in.split() or same or (there == here and diagnosed and self.diagnosed)

    def deviating(self, verdict: Verdict) -> bool:
        """Whether the verdict is one that is declared."""
        return any(deviation.covers(verdict) for deviation in self.deviations)

    @property
    def judged_deviations(self) -> list[Deviation]:
        """Those declared whose clause was asked about."""
        return [d for d in self.deviations if any(d.clause in (*v.property.clauses, *broken(v)) for v in self.verdicts)]

    def _allowed(self, verdict: Verdict) -> bool:
        refuted, should = verdict.outcome is Outcome.REFUTED, verdict.property.level is Level.SHOULD
        return refuted and should and not self.asked.strict

    @property
    def warnings(self) -> list[Verdict]:
        """Refuted SHOULD clauses."""
        return [v for v in self.counted(Outcome.REFUTED) if self._allowed(v) and not self.deviating(v)]

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
        core = [id for id in core if id not in {deviation.clause for deviation in self.deviations}]
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
        if self.failures or self.complaints:
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
        return self._found + (self._declared if self.status == PASSED else "")

    @property
    def _declared(self) -> str:
        """The deviations that it conforms with."""
        named = ", ".join(f"{d.clause}: {d.issue}" for d in self.judged_deviations)
        many = len(self.judged_deviations)
        return f" with {many} declared deviation{'s' if many > 1 else ''} ({named})" if many else ""

    @property
    def _found(self) -> str:
        if self.failures:
            return f"does not conform: {len(self.failures)} of {len(self.verdicts)} verdicts are against it"
        if self.complaints:
            return f"does not conform as declared: {'; '.join(self.complaints)}"
        if not self.asked.dtypes and not self._nothing_wanted:
            known = ", ".join(dict.fromkeys(dtype for _, dtype in GRADES))
            return f"does not conform: it claims no dtype, so nothing was asked; claim one of {known}"
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
        return ", ".join(f"{dtype} ({self.description.grade(dtype)})" for dtype in self.asked.dtypes)


def one_per_property(verdicts: list[Verdict]) -> list[Verdict]:
    """The first verdict of each property; of the same exception again and again, the first."""
    first = {verdict.property.name: verdict for verdict in reversed(verdicts)}
    raised = {v.detail if v.outcome is Outcome.ERRORED else name: v for name, v in first.items()}
    return list(raised.values())[::-1]
