"""What a run is asked to do: the record that `check` and the command line share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import filter as filter_names
from typing import Any

import numpy as np

from conformance.report.deviations import Deviation
from conformance.run.profiles import PROFILES, Profile
from conformance.targets.lending import check_timeout
from conformance.targets.locate import suggest_name
from lstm_spec import CLAUSES, GRADES, Backend, Feature
from lstm_spec.contract import DTYPES

SHARPEST = ("values", "gradients", "contract", "shapes", "gate_ranges", "sequences", "sizes", "gradient_flow")


@dataclass(frozen=True)
class Options:
    """What a run is asked to do. Raises OptionError, a ValueError, if a value makes no sense."""

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
    budget: float | None = None  # seconds for experiments on that cause; None: as many as they usually need
    deviations: tuple[Deviation, ...] = ()
    shrink: bool = True  # look for a smaller example after the first one
    first: tuple[str, ...] = SHARPEST  # the families of properties, or their clauses, that are tried first
    compiles: bool = False  # for every size, so that few are asked; it is also measured

    def __post_init__(self) -> None:
        for option, value in vars(self).items():
            _check_type(option, value)
        for option in SEVERAL:
            object.__setattr__(self, option, tuple(getattr(self, option)))
        object.__setattr__(self, "clauses", tuple(glob.upper() for glob in self.clauses))
        for glob in self.clauses:
            if not filter_names(CLAUSES, glob):
                hint = suggest_name(glob, [*CLAUSES])
                raise OptionError("clauses", f"no clause matches {glob!r}{hint}; see lstm-conform list clauses")
        for what in self.required:
            if what not in (*CLAUSES, *Feature, *DTYPES):
                reason = f"{what!r} is no clause, feature or dtype; features are {', '.join(Feature)}"
                raise OptionError("required", reason)
        for dtype in self.dtypes:
            _require_one("dtypes", dtype, DTYPES)
        _require_one("profile", self.profile, PROFILES)
        if self.grade:
            _require_one("grade", self.grade, dict.fromkeys(name for name, _ in GRADES))

    @property
    def graded_dtypes(self) -> tuple[str, ...]:
        """The dtypes that have the grade."""
        return tuple(dtype for name, dtype in GRADES if name == self.grade)

    def apply_to(self, backend: Backend) -> Backend:
        """The backend, naming the grade at every dtype that has it; and that it compiles, if that was seen."""
        graded = with_grades(backend, dict.fromkeys(self.graded_dtypes, self.grade))
        if not self.compiles or graded.description.compiles:
            return graded
        return replace(graded, description=replace(graded.description, compiles=True))

    @property
    def is_thorough(self) -> bool:
        """Whether every property gets at least as many examples as the profile has."""
        return self.examples is None or self.examples >= PROFILES[self.profile].examples

    def make_profile(self) -> Profile:
        """The profile, with the number of examples that was asked for."""
        known = PROFILES[self.profile]
        if self.examples is None:
            return known
        asked = replace(known, examples=self.examples, option_examples=self.examples, narrow_share=1)
        exhaustive = known.exhaustive_examples if self.is_thorough else self.examples
        return replace(asked, long_examples=min(self.examples, known.long_examples), exhaustive_examples=exhaustive)


class OptionError(ValueError):
    """A value of an option makes no sense; `option` is its name, the message one sentence with the remedy."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(reason)
        self.option = option


SEVERAL = {"dtypes": str, "clauses": str, "required": str, "deviations": Deviation, "first": str}  # of this type each
READ_THEM = "conformance.report.deviations.read_deviations(file) reads them"
LEAST = {"run_seed": 0, "examples": 1, "maxfail": 1}


def _check_type(option: str, value: Any) -> None:
    """Raises OptionError unless the value has the type of the option's default, and a number is large enough."""
    default = next(field.default for field in fields(Options) if field.name == option)
    if option in SEVERAL:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection):
            how = READ_THEM if option == "deviations" else f"put them into a tuple: ({value!r},)"
            raise OptionError(option, f"{option} is {value!r}, expected several; {how}")
        if odd := [each for each in value if not isinstance(each, SEVERAL[option])]:
            how = READ_THEM if option == "deviations" else "write it in quotes"
            raise OptionError(option, f"{option} has {odd[0]!r}, expected only {SEVERAL[option].__name__}; {how}")
    elif option in LEAST:
        is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (is_number and value >= LEAST[option] or value is default is None):
            raise OptionError(option, f"{option} is {value!r}, expected a whole number of at least {LEAST[option]}")
    elif option == "budget":
        _check_budget(value)
    elif not isinstance(value, type(default)):
        wanted = "True or False" if isinstance(default, bool) else "a str; write it in quotes"
        raise OptionError(option, f"{option} is {value!r}, expected {wanted}")


def _check_budget(seconds: Any) -> None:
    """Raises OptionError unless it is None, or a number of seconds above 0 and at most a day."""
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise OptionError("budget", f"budget is {seconds!r}, expected a number of seconds; choose e.g. 5")
    try:
        check_timeout(seconds, "budget")
    except ValueError as error:
        raise OptionError("budget", str(error)) from error


def _require_one(option: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        hint = suggest_name(value, [*known])
        reason = f"{option} is {value!r}, expected one of {', '.join(known)}{hint}; choose one"
        raise OptionError(option, reason.replace(" is ", " has ", 1) if option in SEVERAL else reason)


def make_options(given: Mapping[str, Any]) -> Options:
    """The options of these names. Raises TypeError for a name that is none, OptionError for a wrong value."""
    known = [field.name for field in fields(Options)]
    for name in given:
        if name not in known:
            raise TypeError(f"there is no option {name!r}{suggest_name(name, known)}; they are {', '.join(known)}")
    return Options(**given)


def with_grades(backend: Backend, grades: Mapping[str, str]) -> Backend:
    """The backend, naming these grades, by dtype, besides those that it names already."""
    about = backend.description
    return replace(backend, description=replace(about, grades={**about.grades, **grades})) if grades else backend
