"""What a run came to: Report, what may be said of it, its exit status, and what follows from what."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conformance.deviations import Deviation
from conformance.property import Outcome, Verdict, broken
from lstm_spec import CLAUSES, GRADES, SPECIFICATION, Description, ErrorModel, Feature
from lstm_spec.clauses import Level

if TYPE_CHECKING:
    from conformance.activations import Accuracy
    from conformance.end_to_end import Row

CORE = ("CELL", "SEQ", "SHAPE", "CONTRACT", "ACT", "NET")

PASSED, FAILED, UNUSABLE, SUITE_ERROR, NOTHING = 0, 1, 3, 4, 5


class Stage(NamedTuple):
    """Clauses that depend on the same, and what else is refuted where they are."""

    name: str
    clauses: str  # ids, or the families of ids
    shows_in: str  # later stages


NETWORKS = "variants lengths directions layers network-gradients"
STAGES = (  # first what the others depend on
    Stage("shape", "SHAPE-1 SHAPE-4", f"dtype one-step many-steps gradients flow empty numbers {NETWORKS}"),
    Stage("dtype", "SHAPE-2", f"one-step many-steps gradients flow empty numbers {NETWORKS}"),
    Stage(
        "memory", "CONTRACT-1 CONTRACT-2", f"strides one-step many-steps memory-of-gradients gradients flow {NETWORKS}"
    ),
    Stage("strides", "CONTRACT-4", "one-step many-steps memory-of-gradients gradients flow"),
    Stage("one-step", "ACT CELL ACC", f"many-steps gradients flow numbers {NETWORKS}"),
    Stage("many-steps", "SEQ NET-1 NET-2", f"gradients flow numbers {NETWORKS}"),
    Stage("shape-of-gradients", "SHAPE-3", "memory-of-gradients gradients flow empty network-gradients"),
    Stage("memory-of-gradients", "", "gradients flow network-gradients"),
    Stage("gradients", "GRAD", "flow empty network-gradients"),
    Stage("flow", "FLOW", ""),
    Stage("numbers", "NUM", "lengths"),
    Stage("variants", "VAR", "lengths directions layers network-gradients"),
    Stage("lengths", "LEN-1 LEN-2 LEN-3 LEN-4", "directions layers network-gradients"),
    Stage("directions", "DIR", "layers network-gradients"),
    Stage("layers", "NET-3 NET-4 NET-6 NET-7 NET-8", "network-gradients"),
    Stage("network-gradients", "LEN-5 LEN-6 NET-5", ""),
    Stage("empty", "SHAPE-5 SHAPE-6", ""),
    Stage("manners", "CONTRACT-3 LEN-7", ""),
)
OF_GRADIENTS = {  # where a property stands that asks for gradients
    "memory": "memory-of-gradients",
    "strides": "memory-of-gradients",
    "one-step": "gradients",
    "many-steps": "gradients",
    **dict.fromkeys(("variants", "lengths", "directions", "layers"), "network-gradients"),
}
ORDER = [stage.name for stage in STAGES]


def stage_of(verdict: Verdict) -> int:
    """Which of STAGES a failing verdict shows to be broken.

    It is the last one that the property needs, for the earlier ones have properties of their own; but the first one
    in the family contract, which compares answers with themselves, and where there is no answer.
    """
    prop, ids = verdict.property, broken(verdict)
    if prop.family == "values" and ids == ("CONTRACT-2",) and not _named(verdict):
        ids = ("SEQ-1",)  # it compares with the equations
    errored = verdict.outcome is Outcome.ERRORED
    first = errored or prop.family == "contract"
    name = STAGES[(min if first else max)(_stage(id) for id in ids)].name
    name = "one-step" if errored and name in ("memory", "strides") else name  # where there is no answer, none is kept
    return ORDER.index(OF_GRADIENTS.get(name, name) if Feature.GRADIENTS in prop.features else name)


def _named(verdict: Verdict) -> bool:
    return bool(verdict.refutation and verdict.refutation.clause)


def _stage(id: str) -> int:
    return next(k for k, stage in enumerate(STAGES) if {id, id.split("-")[0]} & set(stage.clauses.split()))


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


class Origin(NamedTuple):
    """How a backend was named on the command line, and the seed of the run."""

    target: str
    seed: int
    device: str | None = None


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
        same = _named(verdict) and _named(root) and broken(verdict) == broken(root)
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


def worst(statuses: list[int]) -> int:
    """The exit status of several targets."""
    return next((status for status in (FAILED, SUITE_ERROR, UNUSABLE, NOTHING) if status in statuses), PASSED)
