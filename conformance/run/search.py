"""The search for an example that refutes a property: the only place where Hypothesis is applied."""

import math
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisWarning
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.constants_ast import Constants

from conformance.arrays import fingerprint
from conformance.extent import Extents, measure_extent, widen_extents
from conformance.outcome import Errored, Inconclusive, NotClaimed, Refuted
from conformance.problems.question import Rows, problem_of
from conformance.property import Property
from lstm_spec import Backend, Problem
from lstm_spec.modules.sessions import Session

SHRINKING = 2.0  # seconds
FAINT, CLEAR = 10.0, 100.0  # times what is allowed: below, it looks like rounding; above, it does not
SMALL_ENOUGH = 12  # the largest size of a clear example


def ignore_example(example: Any) -> None:
    """Do nothing: the `observe` of a run that nobody watches."""


def search_refutation(
    trial: "Trial", of: st.SearchStrategy[Any] | Rows, examples: int, run_seed: int, shrink: bool
) -> None:
    """Call the trial with that number of examples. Raises what the trial raises for the smallest one that fails.

    If that looks like rounding, a clear one is looked for, and raised in its place.
    """
    number = zlib.crc32(f"{run_seed}:{trial.prop.name}".encode())
    search: Callable[..., None] = _call_with_rows if isinstance(of, Rows) else _call_with_examples
    call = partial(search, of=of, many=examples, number=number)
    try:
        call(trial, shrink=shrink)
    except Refuted as smallest:
        if shrink and smallest.ratio < FAINT and trial.clear is None:
            with suppress(Exception):  # the refutation stands, whatever comes of looking further
                call(partial(trial.watch, time.perf_counter()), shrink=False)
        raise trial.choose_witness(smallest) from None


def _call_with_rows(call: Callable[[Any], None], of: Rows, many: int, number: int, shrink: bool) -> None:
    """Each row once, or so many of them, in an order that follows from the number."""
    for k in np.random.default_rng(number).permutation(of.many)[:many]:
        try:
            call(of.build(k))
        except (Refuted, Errored) as error:
            if isinstance(error, Errored) and error.is_final:
                raise
            call(of.build(_find_first(call, of, k, type(error)) if shrink else k))
            raise Flaky("it failed once and not again") from error


def _find_first(call: Callable[[Any], None], of: Rows, failed: int, error: type[Exception]) -> int:
    """The first row that fails in this way, as far as the time goes: those after one that fails often fail, too."""

    def fails(k: int) -> bool:
        try:
            call(of.build(k))
        except (Refuted, Errored) as again:
            return isinstance(again, error)
        return False

    started, low = time.perf_counter(), 0
    while low < failed:
        middle = (low + failed) // 2
        low, failed = (low, middle) if fails(middle) else (middle + 1, failed)
    before = takewhile(lambda k: time.perf_counter() - started < SHRINKING, range(failed))
    return next((k for k in before if fails(k)), failed)


def _call_with_examples(
    function: Callable[[Any], None], of: st.SearchStrategy[Any], many: int, number: int, shrink: bool
) -> None:
    explicit = settings(
        max_examples=many,
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

    def try_example(example: Any) -> None:
        function(example)

    wrapped = seed(number)(explicit(given(of)(try_example)))
    with draw_from_the_seed(), warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # the text of a large problem is long
        wrapped()


@contextmanager
def draw_from_the_seed() -> Iterator[None]:
    """Every example is drawn anew, from the seed and nothing else.

    Hypothesis also draws constants from the source of the modules that are imported, so that examples would differ from
    one machine to another; and it makes most examples of the one before, copying a part of it over another: of 60
    problems with a seed of their own, 22 had another seed. The two functions that do so are private: pyproject.toml
    pins the newest version that is known to have them, and a test fails if one is gone.
    """
    mutate = "generate_mutations_from"
    kept = providers._get_local_constants, getattr(ConjectureRunner, mutate)
    providers._get_local_constants = Constants
    setattr(ConjectureRunner, mutate, lambda runner, example: None)
    providers.CONSTANTS_CACHE.cache.clear()
    try:
        yield
    finally:
        providers._get_local_constants = kept[0]
        setattr(ConjectureRunner, mutate, kept[1])
        providers.CONSTANTS_CACHE.cache.clear()


class Trial:
    """One property on one backend, counting; shrinking stops once its time is spent."""

    def __init__(self, prop: Property, backend: Backend, observe: Callable[[Any], None]) -> None:
        self.prop, self.observe = prop, observe
        self.backend = replace(
            backend,
            forward=self._note_question("forward", backend.forward),
            gradients=backend.gradients and self._note_question("backward", backend.gradients),
            converse=backend.converse and self._note_session(backend.converse),
        )
        self.asked: Any = None
        self.loss: Any = None
        self.examples = self.inconclusive = 0
        self.last: Refuted | None = None
        self.clear: Refuted | None = None  # the simplest one that does not look like rounding
        self.failed_at: float | None = None
        self.failing: set[bytes] = set()
        self.extents: Extents = {}  # of what was answered: what is malformed has no sizes
        self.sizes = set[tuple[int, ...]]()  # of the same

    def __call__(self, example: Any) -> None:
        if self._is_time_spent() and fingerprint(example) not in self.failing:
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

    def watch(self, started: float, example: Any) -> None:
        """Try the example without raising, and remember it if it is clear; nothing once the time is spent."""
        if time.perf_counter() - started < SHRINKING and self.clear is None:
            try:
                with np.errstate(all="ignore"):
                    self.prop.refute(self.backend, example)
            except Refuted as error:
                self._remember(example, error)
            except (Errored, Inconclusive, NotClaimed):
                return

    def _is_time_spent(self) -> bool:
        return self.failed_at is not None and time.perf_counter() - self.failed_at > SHRINKING

    def _remember(self, example: Any, error: Refuted | Errored) -> None:
        self.failing.add(fingerprint(example))
        if isinstance(error, Errored) and error.is_final:
            self.failed_at = -math.inf  # no example is to blame, and none is looked for
            return
        self.failed_at = self.failed_at or time.perf_counter()
        error.problem, error.asked, error.loss = example, self.asked, self.loss
        if isinstance(error, Refuted):
            self.last = error
            is_small = max(problem_of(example).sizes) <= SMALL_ENOUGH
            self.clear = error if CLEAR < error.ratio < float("inf") and is_small else self.clear

    def choose_witness(self, smallest: Refuted) -> Refuted:
        """The smallest failure; a clear one of the same clause if the smallest looks like rounding."""
        if self.clear is None or smallest.ratio >= FAINT or self.clear.clause != smallest.clause:
            return smallest
        self.clear.smallest = smallest
        return self.clear

    def _note_question(self, which: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def ask(problem: Any, *more: Any) -> Any:
            self.asked, self.loss = problem, more[0] if more else None
            answer = function(problem, *more)
            self._note_sizes(which, problem)
            return answer

        return ask

    def _note_sizes(self, which: str, problem: Problem) -> None:
        widen_extents(self.extents, {which: measure_extent(problem)})
        self.sizes.add(problem.sizes)

    def _note_session(self, function: Callable[[Session], Any]) -> Callable[[Session], Any]:
        def converse(session: Session) -> Any:
            self.asked, self.loss = problem_of(session), None
            replies = function(session)
            for call in session.calls:
                if call.problem is not None:
                    which = "backward" if call.does == "gradients" else "forward"
                    self._note_sizes(which, call.problem)
            return replies

        return converse
