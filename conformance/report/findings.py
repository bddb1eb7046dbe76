"""What a run was asked, and what came of it: data, without the rules that judge it."""

from dataclasses import dataclass, field

from conformance.outcome import Outcome
from conformance.report.deviations import Deviation
from conformance.report.status import Cut
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import Description, ErrorModel


@dataclass(frozen=True)
class Request:
    """What a run was asked for; `is_whole` is False if the options left properties out."""

    profile: str
    seed: int
    dtypes: tuple[str, ...]  # at which it was judged
    wanted: tuple[str, ...] = ()  # by the options; empty: whatever the backend claims
    is_whole: bool = True
    is_thorough: bool = True  # False with fewer examples than the profile has
    strict: bool = False
    required: tuple[str, ...] = ()
    accept_declared: bool = False
    unmatched: str = ""  # why no property has the name that was asked for


@dataclass(frozen=True)
class Findings:
    """The verdicts on one backend, and what has to be known to judge them."""

    name: str
    description: Description
    offers_gradients: bool
    request: Request
    verdicts: list[Verdict] = field(default_factory=list)
    hides_gradients: bool = False  # whether it has gradients that it does not claim
    deviations: tuple[Deviation, ...] = ()  # that are declared for it
    complaints: tuple[str, ...] = ()  # about those, a sentence each
    lenient: "Findings | None" = None  # at other named grades, if the backend passes at those, and not at its own
    cut: Cut | None = None  # if the run ended before its time
    unread: tuple[str, ...] = ()  # why σ or tanh cannot be read though its shapes allow it, a clause each

    def select_verdicts(self, outcome: Outcome) -> list[Verdict]:
        """The verdicts with that outcome."""
        return [verdict for verdict in self.verdicts if verdict.outcome is outcome]

    def is_declared(self, verdict: Verdict) -> bool:
        """Whether the verdict is a declared deviation."""
        return any(deviation.covers(verdict) for deviation in self.deviations)

    @property
    def compiled_sizes(self) -> list[tuple[int, ...]]:
        """The sizes T, B, I, H that it was asked, if it compiles for each."""
        return sorted({sizes for verdict in self.verdicts for sizes in verdict.compiled or ()})

    @property
    def other_grades(self) -> dict[str, str]:
        """By dtype the named grade at which the backend passes, where that is not its own."""
        other = self.lenient.description.grades if self.lenient else {}
        return {dtype: str(g) for dtype, g in other.items() if g != self.description.grade(dtype)}

    @property
    def judged_deviations(self) -> list[Deviation]:
        """The declared deviations whose clause a property was asked about."""
        about = [{*v.property.clauses, *find_broken_clauses(v)} for v in self.verdicts]
        return [d for d in self.deviations if any(d.clause in clauses for clauses in about)]

    @property
    def own_models(self) -> list[str]:
        """The dtypes at which the backend declares its own error model."""
        return [d for d in self.request.dtypes if isinstance(self.description.grades.get(d), ErrorModel)]
