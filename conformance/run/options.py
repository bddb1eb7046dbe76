"""What a run is asked to do: the record that `check` and the command line share."""

from dataclasses import dataclass, replace

from conformance.report.deviations import Deviation
from conformance.run.profiles import PROFILES, Profile

SHARPEST = ("values", "gradients", "contract", "shapes", "gate_ranges", "sequences", "gradient_flow")


@dataclass(frozen=True)
class Options:
    """What a run is asked to do. Raises ValueError if the profile does not exist."""

    profile: str = "standard"
    dtypes: tuple[str, ...] = ()  # judged if the backend claims them; empty: those of the profile
    clauses: tuple[str, ...] = ()  # globs: only properties that verify one of these
    name: str = ""  # only properties with this in their name
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

    @property
    def is_thorough(self) -> bool:
        """Whether every property gets at least as many examples as the profile has."""
        return self.examples is None or self.examples >= PROFILES[self.profile].examples

    def make_profile(self) -> Profile:
        """The profile, with the number of examples that was asked for."""
        known = PROFILES[self.profile]
        if self.examples is None:
            return known
        long_examples = min(self.examples, known.long_examples)
        return replace(known, examples=self.examples, long_examples=long_examples, narrow_share=1)
