"""Property times backend to Verdict: the only place where Hypothesis is applied."""

import hashlib
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import FailedHealthCheck, Flaky, HypothesisWarning, Unsatisfiable

import conformance.properties  # noqa: F401  fills the registry
from conformance.problems import Context
from conformance.property import (
    PROPERTIES,
    Errored,
    Inconclusive,
    NotClaimed,
    Outcome,
    Property,
    Refuted,
    Verdict,
)
from conformance.report import Asked, Report
from conformance.trajectories import subnormals_are_kept
from lstm_spec import GRADES, Answer, Backend, Feature, Gate, Gradients, Parameters, State
from lstm_spec.validation import check_backend

SHRINKING = 2.0  # seconds


@dataclass(frozen=True)
class Profile:
    """How many examples a property gets, how far their sizes go, and what is left out."""

    name: str
    examples: int
    reach: str
    dtypes: tuple[str, ...] | None = None  # None: every claimed one
    long_examples: int = 0  # of properties that are slow


PROFILES = {
    "quick": Profile("quick", 20, "quick", ("float32",), 4),
    "standard": Profile("standard", 60, "standard", None, 8),
    "full": Profile("full", 400, "full", None, 40),
    "soak": Profile("soak", 120, "soak", None, 60),
}


def _nobody(example: Any) -> None:
    pass


def judge(
    prop: Property,
    backend: Backend,
    dtype: str,
    profile: Profile,
    run_seed: int = 0,
    observe: Callable[[Any], None] = _nobody,
) -> Verdict:
    """Try to refute one property of one backend at one dtype; `observe` sees every example before it is tried."""
    started = time.perf_counter()
    missing = [feature for feature in prop.features if not backend.offers(feature)]
    if missing:
        return Verdict(prop, dtype, Outcome.NOT_CLAIMED, f"it does not claim {', '.join(missing)}")
    trial = _Trial(prop, guarded(backend), observe)
    outcome, detail, refutation = Outcome.HOLDS, "", None
    try:
        context = Context(np.dtype(dtype), backend.description, profile.reach)
        examples = profile.long_examples if prop.long else profile.examples
        _search(trial, prop.on(context), examples, run_seed, prop)
    except NotClaimed as error:
        outcome, detail = Outcome.NOT_CLAIMED, str(error)
    except Refuted as error:
        outcome, detail, refutation = Outcome.REFUTED, error.reason, error
    except Errored as error:
        outcome, detail = Outcome.ERRORED, str(error)
    except Flaky:
        refutation = trial.last or Refuted("it failed once and not again")
        refutation.clause = "CONTRACT-2"
        outcome, detail = Outcome.REFUTED, f"the same question did not fail again: {refutation.reason}"
    except (Unsatisfiable, FailedHealthCheck) as error:
        outcome, detail = Outcome.SUITE_ERROR, f"no examples could be made: {_line(error)}"
    except Exception as error:
        outcome, detail = Outcome.SUITE_ERROR, f"{type(error).__name__}: {_line(error)}"
    if outcome is Outcome.HOLDS and trial.inconclusive == trial.examples:
        outcome, detail = Outcome.INCONCLUSIVE, "every example lies outside the domain of the bound"
    seconds = time.perf_counter() - started
    return Verdict(prop, dtype, outcome, detail, trial.examples, trial.inconclusive, seconds, refutation)


def _search(trial: "_Trial", strategy: Any, examples: int, run_seed: int, prop: Property) -> None:
    explicit = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
        backend="hypothesis",
    )
    number = zlib.crc32(f"{run_seed}:{prop.name}".encode())

    def body(example: Any) -> None:
        trial(example)

    wrapped = seed(number)(explicit(given(strategy)(body)))  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # it finds the text of a large problem too long
        wrapped()


class _Trial:
    """One property on one backend, counting; shrinking stops once its time is spent."""

    def __init__(self, prop: Property, backend: Backend, observe: Callable[[Any], None]) -> None:
        self.prop, self.observe = prop, observe
        self.backend = replace(
            backend,
            forward=self._noted(backend.forward),
            gradients=backend.gradients and self._noted(backend.gradients),
        )
        self.asked: Any = None
        self.examples = self.inconclusive = 0
        self.last: Refuted | None = None
        self.failed_at: float | None = None
        self.failing: set[bytes] = set()

    def __call__(self, example: Any) -> None:
        if self._time_is_spent() and fingerprint(example) not in self.failing:
            return
        try:
            if self.failed_at is None:
                self.examples += 1
                self.observe(example)
            with np.errstate(all="ignore"):
                self.prop.refute(self.backend, example)
        except Inconclusive:
            self.inconclusive += self.failed_at is None
        except (Refuted, Errored) as error:
            self._remember(example, error)
            raise

    def _time_is_spent(self) -> bool:
        return self.failed_at is not None and time.perf_counter() - self.failed_at > SHRINKING

    def _remember(self, example: Any, error: Exception) -> None:
        self.failed_at = self.failed_at or time.perf_counter()
        self.failing.add(fingerprint(example))
        if isinstance(error, Refuted):
            error.problem, error.asked, self.last = example, self.asked, error

    def _noted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(problem: Any, *more: Any) -> Any:
            self.asked = problem
            return function(problem, *more)

        return call


def fingerprint(example: Any) -> bytes:
    """The same for examples that hold the same bits."""
    digest = hashlib.blake2b(digest_size=16)
    for leaf in _leaves(example):
        digest.update(leaf)
    return digest.digest()


def _leaves(example: Any) -> Iterator[bytes]:
    if isinstance(example, np.ndarray):
        yield repr((example.shape, example.dtype.name)).encode() + np.ascontiguousarray(example).tobytes()
    elif is_dataclass(example):
        for field in fields(example):
            yield from _leaves(getattr(example, field.name))
    elif isinstance(example, tuple | list):
        for part in example:
            yield from _leaves(part)
    else:
        yield repr(example).encode()


def guarded(backend: Backend) -> Backend:
    """The backend behind a border: what it raises becomes Errored, what is no answer at all is Refuted."""
    gradients = backend.gradients
    return replace(
        backend,
        forward=_border(backend.forward, _is_answer),
        gradients=None if gradients is None else _border(gradients, _is_pair),
    )


def _border(function: Callable[..., Any], check: Callable[[Any], None]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            result = function(*arguments)
        except (Exception, SystemExit) as error:
            raise Errored(f"it raised {type(error).__name__}: {_line(error)}") from error
        if not subnormals_are_kept():
            raise Errored(f"it switched subnormal numbers off for the whole process; {KEEP_SUBNORMALS}")
        check(result)
        return result

    return call


KEEP_SUBNORMALS = "do not link it with -ffast-math, or restore the floating-point state before returning"


def _is_answer(result: Any) -> None:
    if not (isinstance(result, Answer) and isinstance(result.state, State)):
        raise Refuted(
            f"forward returned a {type(result).__name__}, expected an lstm_spec.Answer; return Answer(y, State(h, c))",
            clause="SHAPE-1",
        )


def _is_pair(result: Any) -> None:
    if not (isinstance(result, tuple) and len(result) == 2 and _is_gradients(result[1])):
        raise Refuted(
            f"gradients returned a {type(result).__name__}, expected (Answer, Gradients); "
            "return the answer of the pass that was differentiated, too",
            clause="SHAPE-3",
        )
    _is_answer(result[0])


def _is_gradients(found: Any) -> bool:
    if not (isinstance(found, Gradients) and isinstance(found.state, State)):
        return False
    layers = found.parameters
    if not (isinstance(layers, tuple) and layers and layers[0] and isinstance(layers[0][0], Parameters)):
        return False
    return all(isinstance(gate, Gate) for gate in layers[0][0][:4])


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["(no message)"])[0]


def properties(clauses: tuple[str, ...] = (), name: str = "") -> list[Property]:
    """The properties that verify one of the clauses (globs) and have `name` in their name."""
    from fnmatch import fnmatchcase

    return [
        prop
        for prop in PROPERTIES
        if name in prop.name
        and (not clauses or any(fnmatchcase(clause, glob) for clause in prop.clauses for glob in clauses))
    ]


def check(
    backend: Backend,
    *,
    profile: str = "standard",
    dtypes: tuple[str, ...] = (),
    clauses: tuple[str, ...] = (),
    name: str = "",
    run_seed: int = 0,
    examples: int | None = None,
    maxfail: int | None = None,
    strict: bool = False,
    required: tuple[str, ...] = (),
    accept_declared: bool = False,
    diagnose: bool = True,
    progress: Callable[[Verdict], None] = lambda verdict: None,
    observe: Callable[[Any], None] = _nobody,
) -> Report:
    """Judge a backend; the Report says whether it conforms.

    Raises ValueError for a profile that does not exist, ValueError or TypeError for a description that says nothing.

    `dtypes` are those to be judged of the ones it claims (none given: as the profile says), `clauses` and `name` select
    properties, `maxfail` stops after so many failures, `diagnose` looks for the likely cause of the first one;
    `progress` is called with each verdict, `observe` with each example.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}, expected one of {', '.join(PROFILES)}; choose one")
    check_backend(backend)
    how = PROFILES[profile]
    chosen, at = selected(backend, how, dtypes, clauses, name)
    how = how if examples is None else replace(how, examples=examples, long_examples=min(examples, how.long_examples))
    thorough = how.examples >= PROFILES[profile].examples
    asked = Asked(profile, run_seed, at, dtypes, chosen == PROPERTIES, thorough, strict, required, accept_declared)
    offered = backend.offers(Feature.GRADIENTS)
    unclaimed = backend.gradients is not None and not offered
    report = Report(backend.name, backend.description, offered, asked, unclaimed=unclaimed)
    started = time.perf_counter()
    for prop, dtype in ((prop, dtype) for dtype in at for prop in chosen):
        verdict = judge(prop, backend, dtype, how, run_seed, observe)
        report.verdicts.append(verdict)
        progress(verdict)
        if maxfail is not None and len(report.failures) >= maxfail:
            report = replace(report, asked=replace(asked, whole=False))
            break
    report = _diagnosed(report, backend, how) if diagnose else report
    return replace(report, seconds=time.perf_counter() - started)


def _diagnosed(report: Report, backend: Backend, how: Profile) -> Report:
    """The report with the likely cause of what it refutes; of a shape or a broken contract no values need be asked."""
    if _holds_at_absolute(report, backend, how):
        hint = (
            'all of it holds at grade "absolute": name that in Description.grades if σ or tanh is made from the other'
        )
        return replace(report, cause=hint)
    values = [v for v in report.failures if v.property.family not in ("shapes", "contract")]
    refuted = [v for v in values if v.outcome is Outcome.REFUTED and v is report.failures[0]]
    if not refuted:
        return report
    from conformance.diagnosis import diagnose

    with np.errstate(all="ignore"):
        found = diagnose(guarded(backend), refuted[0].dtype)
    return replace(report, cause=found.sentence, diagnosed=bool(found.fitting)) if found else report


def _holds_at_absolute(report: Report, backend: Backend, how: Profile) -> bool:
    """Whether what was refuted at grade relative is not at grade absolute."""
    if any(v.property.family in ("shapes", "contract") for v in report.failures):
        return False  # a broken contract may mend itself when asked again
    at = {v.dtype for v in report.failures}
    named = backend.description.grades
    if not at or any(named.get(d, "relative") != "relative" or ("absolute", d) not in GRADES for d in at):
        return False
    lenient = replace(
        backend, description=replace(backend.description, grades={**named, **dict.fromkeys(at, "absolute")})
    )
    again = (judge(v.property, lenient, v.dtype, how, report.asked.seed) for v in report.failures)
    return all(verdict.outcome is Outcome.HOLDS for verdict in again)


def planned(backend: Backend, profile: str, dtypes: tuple[str, ...], clauses: tuple[str, ...], name: str) -> int:
    """How many verdicts such a run will bring."""
    chosen, at = selected(backend, PROFILES[profile], dtypes, clauses, name)
    return len(chosen) * len(at)


def selected(
    backend: Backend, profile: Profile, dtypes: tuple[str, ...], clauses: tuple[str, ...], name: str
) -> tuple[list[Property], tuple[str, ...]]:
    """The properties and the dtypes of a run: what the backend claims of the dtypes wanted, or of the profile's."""
    claimed = tuple(d for d in backend.description.dtypes if any(at == d for _, at in GRADES))
    wanted = dtypes or profile.dtypes or claimed
    at = tuple(d for d in claimed if d in wanted)
    return properties(clauses, name), at if at or dtypes else claimed[:1]
