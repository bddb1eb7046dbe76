"""Who compiles for every new size is found out by the clock, and asked few sizes."""

import time
from dataclasses import replace
from typing import Any

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.measurements.compiling import compiles_for_each_size, note_compiling
from conformance.problems.sizes import POOL
from conformance.run.check import check
from lstm_spec import REFERENCE_MODULE, Backend, Feature, Implementation, Shapes, multiple_of
from lstm_spec.contract import Description

CORE = Description(dtypes=("float32",), features=frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC}))
SECONDS = 0.1


def compile_slowly(seen: set[Any], seconds: float = SECONDS, shapes: Shapes = CORE.shapes) -> Backend:
    """NumPy, which sleeps whenever it is asked a new size."""

    def note(which: str, problem: Any) -> None:
        key = (which, problem.x.shape, problem.sizes)
        if key not in seen:
            seen.add(key)
            time.sleep(seconds)

    def forward(problem: Any) -> Any:
        note("forward", problem)
        return NUMPY.forward(problem)

    def gradients(problem: Any, d: Any) -> Any:
        note("gradients", problem)
        return NUMPY.differentiate(problem, d)

    return Backend("compiled", forward, gradients, replace(CORE, shapes=shapes))


@pytest.mark.parametrize("shapes", [CORE.shapes, Shapes(H=multiple_of(4))], ids=["any", "multiples"])
def test_a_compiler_is_found_out(shapes: Shapes) -> None:
    assert compiles_for_each_size(compile_slowly(set(), shapes=shapes), "float32")
    assert note_compiling(compile_slowly(set())).description.compiles


def test_what_is_slow_once_or_always_compiles_nothing() -> None:
    def slow(problem: Any) -> Any:
        time.sleep(0.05)
        return NUMPY.forward(problem)

    once = compile_slowly(
        {("forward", (k, 2, 2), (k, 2, 2, 3)) for k in (4, 5)} | {("forward", (5, 3, 2), (5, 3, 2, 3))}
    )
    for backend in (NUMPY, once, replace(NUMPY, forward=slow)):
        assert not compiles_for_each_size(backend, "float32")


def test_what_raises_and_what_has_one_size_only_compiles_nothing() -> None:
    def fail(problem: Any) -> Any:
        raise RuntimeError

    one = Shapes(*(range(3, 4) for _ in range(4)))
    for backend in (replace(NUMPY, forward=fail), compile_slowly(set(), shapes=one)):
        assert not compiles_for_each_size(backend, "float32")


def test_few_sizes_are_asked_and_the_report_says_so() -> None:
    asked: set[Any] = set()
    report = check(note_compiling(compile_slowly(asked, 0.0)), profile="quick")
    assert len(asked) > 600 and "compiles" not in report.statement
    asked.clear()
    told = compile_slowly(asked, 0.0)
    told = replace(told, description=replace(told.description, compiles=True))
    report = check(told, profile="quick")
    assert report.status == 0 and 24 <= len(asked) < 200
    assert f"it compiles for every size, so only {len(POOL)} were asked" in report.statement
    assert len({sizes for which, _, sizes in asked if sizes in POOL}) == len(POOL) == 24


def test_sessions_are_of_few_sizes_too() -> None:
    asked = set[Any]()

    class Noting(REFERENCE_MODULE.build):  # type: ignore[name-defined, misc]
        def make_problem(self, *given: Any) -> Any:
            problem = super().make_problem(*given)
            asked.add(problem.sizes)
            return problem

    about = replace(CORE, features=CORE.features | {Feature.STATEFUL}, compiles=True)
    report = check(Implementation("noting", Noting, about), clauses=("MOD-1", "MOD-5"), profile="quick", examples=12)
    assert report.status == 0 and len(asked) < 40
