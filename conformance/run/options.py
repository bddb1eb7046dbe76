"""What a run is asked to do: the record that `check` and the command line share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conformance.report.deviations import Deviation
from conformance.run.profiles import PROFILES, Profile
from lstm_spec import GRADES, Backend

SHARPEST = ("values", "gradients", "contract", "shapes", "gate_ranges", "sequences", "sizes", "gradient_flow")


@dataclass(frozen=True)
class Options:
    """What a run is asked to do. Raises ValueError if the profile or the grade does not exist."""

    profile: str = "standard"
    dtypes: tuple[str, ...] = ()  # judged if the backend claims them; empty: those of the profile
    clauses: tuple[str, ...] = ()  # globs: only properties that verify one of these
    name: str = ""  # only properties with this in their name
    grade: str = ""  # judged at this grade at the dtypes that have it; empty: at those that the backend names
    run_seed: int = 0
    examples: int | None = None  # of each property; None: as many as the profile has
    maxfail: int | None = None  # stop after this number of failures
    strict: bool = False  # a refuted SHOULD is a failure
    required: tuple[str, ...] = ()  # clauses, features and dtypes that have to be claimed
    accept_declared: bool = False  # an error model that the backend declares may pass
    diagnose: bool = True  # look for the likely cause of the first failure
    deviations: tuple[Deviation, ...] = ()
    shrink: bool = True  # look for a smaller example after the first one
    first: tuple[str, ...] = SHARPEST  # the families of properties that are tried first

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile is {self.profile!r}, expected one of {', '.join(PROFILES)}; choose one")
        if self.grade and not self.graded_dtypes:
            known = ", ".join(dict.fromkeys(name for name, _ in GRADES))
            raise ValueError(f"grade is {self.grade!r}, expected one of {known}; choose one")

    @property
    def graded_dtypes(self) -> tuple[str, ...]:
        """The dtypes that have the grade."""
        return tuple(dtype for name, dtype in GRADES if name == self.grade)

    def apply_grade(self, backend: Backend) -> Backend:
        """The backend, naming the grade at every dtype that has it."""
        return with_grades(backend, dict.fromkeys(self.graded_dtypes, self.grade))

    @property
    def is_thorough(self) -> bool:
        """Whether every property gets at least as many examples as the profile has."""
        return self.examples is None or self.examples >= PROFILES[self.profile].examples

    def make_profile(self) -> Profile:
        """The profile, with the number of examples that was asked for."""
        known = PROFILES[self.profile]
        if self.examples is None:
            return known
        asked = replace(known, examples=self.examples, narrow_share=1)
        exhaustive = known.exhaustive_examples if self.is_thorough else self.examples
        return replace(asked, long_examples=min(self.examples, known.long_examples), exhaustive_examples=exhaustive)


def with_grades(backend: Backend, grades: Mapping[str, str]) -> Backend:
    """The backend, naming these grades, by dtype, besides those that it names already."""
    about = backend.description
    return replace(backend, description=replace(about, grades={**about.grades, **grades})) if grades else backend
