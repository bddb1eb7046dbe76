"""The search for an example that refutes a property: the only place where Hypothesis is applied."""

import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisWarning

from conformance.arrays import fingerprint
from conformance.outcome import Errored, Inconclusive, Refuted
from conformance.property import Property
from lstm_spec import Backend

SHRINKING = 2.0  # seconds


def nobody(example: Any) -> None:
    pass


def search(trial: "Trial", strategy: Any, examples: int, run_seed: int, shrink: bool) -> None:
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


class Trial:
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
