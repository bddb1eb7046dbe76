"""What a run came to: Report, what may be said of it, and its exit status."""

from dataclasses import dataclass, field

from conformance.property import Outcome, Verdict
from lstm_spec import CLAUSES, GRADES, SPECIFICATION, Description, ErrorModel, Feature
from lstm_spec.clauses import Level

CORE = ("CELL", "SEQ", "SHAPE", "CONTRACT", "ACT", "NET")

PASSED, FAILED, UNUSABLE, SUITE_ERROR, NOTHING = 0, 1, 3, 4, 5


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


def worst(statuses: list[int]) -> int:
    """The exit status of several targets."""
    return next((status for status in (FAILED, SUITE_ERROR, UNUSABLE, NOTHING) if status in statuses), PASSED)
