"""Property times backend to Verdict: the only place where Hypothesis is applied."""

import hashlib
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import FailedHealthCheck, Flaky, HypothesisWarning, Unsatisfiable

import conformance.properties  # noqa: F401  fills the registry
from conformance.border import guarded, line
from conformance.problems import Context
from conformance.property import (
    Errored,
    Inconclusive,
    NotClaimed,
    Outcome,
    Property,
    Refuted,
    Verdict,
)
from lstm_spec import Backend

SHRINKING = 2.0  # seconds


@dataclass(frozen=True)
class Profile:
    """How many examples a property gets, how far their sizes go, and what is left out."""

    name: str
    examples: int
    reach: str
    dtypes: tuple[str, ...] | None = None  # None: every claimed one
    long_examples: int = 0  # of properties that are slow
    further_examples: int = 1  # of properties of features beyond the core
    narrow_share: int = 3  # one in so many of those with 16 bits, where there is less to be seen

    def examples_of(self, prop: Property, dtype: str) -> int:
        many = self.long_examples if prop.long else self.further_examples if prop.further else self.examples
        return max(1, many // self.narrow_share) if np.dtype(dtype).itemsize == 2 else many


PROFILES = {
    "quick": Profile("quick", 20, "quick", ("float32",), 4, 4),
    "standard": Profile("standard", 60, "standard", None, 8, 12),
    "full": Profile("full", 400, "full", None, 40, 100),
    "soak": Profile("soak", 120, "soak", None, 100, 60),
}


Judging = Callable[[list[tuple[Property, str]], Profile, int, bool], Iterator[Verdict]]  # of a seed; whether to shrink


def nobody(example: Any) -> None:
    pass


def judge(
    prop: Property,
    backend: Backend,
    dtype: str,
    profile: Profile,
    run_seed: int = 0,
    observe: Callable[[Any], None] = nobody,
    shrink: bool = True,
) -> Verdict:
    """Try to refute one property of one backend at one dtype; `observe` sees every example before it is tried.

    `shrink`: look for a smaller example once one is found.
    """
    started = time.perf_counter()
    missing = [feature for feature in prop.features if not backend.offers(feature)]
    if not prop.is_of(dtype):
        return Verdict(prop, dtype, Outcome.NOT_CLAIMED, f"it is judged at {', '.join(prop.dtypes)} only")
    if missing:
        return Verdict(prop, dtype, Outcome.NOT_CLAIMED, f"it does not claim {', '.join(missing)}")
    trial = _Trial(prop, guarded(backend), observe)
    outcome, detail, refutation, raised = Outcome.HOLDS, "", None, None
    try:
        context = Context(np.dtype(dtype), backend.description, profile.reach)
        _search(trial, prop.on(context), profile.examples_of(prop, dtype), run_seed, shrink)
    except NotClaimed as error:
        outcome, detail = Outcome.NOT_CLAIMED, str(error)
    except Refuted as error:
        outcome, detail, refutation = Outcome.REFUTED, error.reason, error
    except Errored as error:
        outcome, detail, raised = Outcome.ERRORED, str(error), error
    except Flaky:
        refutation = trial.last or Refuted("it failed once and not again")
        refutation.clause = "CONTRACT-2"
        outcome, detail = Outcome.REFUTED, f"the same question did not fail again: {refutation.reason}"
    except (Unsatisfiable, FailedHealthCheck) as error:
        outcome, detail = Outcome.SUITE_ERROR, f"no examples could be made: {line(error)}"
    except Exception as error:
        outcome, detail = Outcome.SUITE_ERROR, f"{type(error).__name__}: {line(error)}"
    if outcome is Outcome.HOLDS and trial.inconclusive == trial.examples:
        outcome, detail = Outcome.INCONCLUSIVE, "every example lies outside the domain of the bound"
    counts = (trial.examples, trial.inconclusive, time.perf_counter() - started)
    return Verdict(prop, dtype, outcome, detail, *counts, refutation, raised)


def _search(trial: "_Trial", strategy: Any, examples: int, run_seed: int, shrink: bool) -> None:
    explicit = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
        backend="hypothesis",
    )
    number = zlib.crc32(f"{run_seed}:{trial.prop.name}".encode())

    def body(example: Any) -> None:
        trial(example)

    wrapped = seed(number)(explicit(given(strategy)(body)))  # type: ignore[no-untyped-call]
    with _of_the_seed_alone(), warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # it finds the text of a large problem too long
        wrapped()


@contextmanager
def _of_the_seed_alone() -> Iterator[None]:
    """No constants from the source of whatever is imported: Hypothesis would draw them, here others than elsewhere."""
    of_hypothesis: Any = sys.modules.get("hypothesis.internal.conjecture.providers")
    taken = getattr(of_hypothesis, "_get_local_constants", None)  # private: where there is none, none are drawn
    if not taken:
        yield
        return
    of_hypothesis._get_local_constants = of_hypothesis.Constants
    of_hypothesis.CONSTANTS_CACHE.cache.clear()
    try:
        yield
    finally:
        of_hypothesis._get_local_constants = taken
        of_hypothesis.CONSTANTS_CACHE.cache.clear()


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
        self.loss: Any = None
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

    def _remember(self, example: Any, error: Refuted | Errored) -> None:
        self.failed_at = self.failed_at or time.perf_counter()
        self.failing.add(fingerprint(example))
        error.problem, error.asked, error.loss = example, self.asked, self.loss
        if isinstance(error, Refuted):
            self.last = error

    def _noted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(problem: Any, *more: Any) -> Any:
            self.asked, self.loss = problem, more[0] if more else None
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
