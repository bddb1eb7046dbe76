"""Who compiles for every new size is found out by the clock, and asked few sizes."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.network import assert_network_gradients_conform
from conformance.assertions.probes import leave_room
from conformance.faults.catalogue import FAULTS
from conformance.measurements.compiling import compiles_for_each_size, note_compiling
from conformance.outcome import Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.covering import DENSE, LOSS
from conformance.problems.form import Form
from conformance.problems.sizes import ALONE, POOL, QUICK
from conformance.report.json import as_json
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
        answer = NUMPY.forward(problem)  # and not of what is malformed
        note("forward", problem)
        return answer

    def gradients(problem: Any, d: Any) -> Any:
        answer = NUMPY.differentiate(problem, d)
        note("gradients", problem)
        return answer

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
    few = {tuple(sizes) for sizes in as_json([report], {})["targets"][0]["sizes"]}
    assert report.status == 0 and len(asked) < 26, "each is compiled, with its gradient or without"
    assert f"it compiles for every size, so only {len(few)} were asked" in report.statement
    assert few >= {*QUICK} and len({sizes for *_, sizes in asked} - few) < 4, "those of what is only measured"


def test_standard_asks_more_sizes_than_quick() -> None:
    told = replace(NUMPY, description=replace(CORE, compiles=True))
    report = check(told, profile="standard", clauses=("CELL-1",))
    asked = {*report.findings.compiled_sizes}
    assert asked >= {*POOL} > {*QUICK} and len(POOL) == 24


def test_what_is_cut_is_cut_into_sizes_that_are_asked_anyway() -> None:
    """So are single steps, and the sample that stands beside another one."""
    told = replace(NUMPY, description=replace(CORE, compiles=True))
    for clauses in (("SEQ-3",), ("SEQ-5",), ("GRAD-6",), ("NUM-1",)):
        report = check(told, profile="quick", clauses=clauses)
        others = {*report.findings.compiled_sizes} - {*POOL} - {(T, B + 1, *width) for T, B, *width in POOL}
        assert report.status == 0 and len(others) <= 3, others


@pytest.mark.parametrize(("directions", "left"), [(("forward",), 23), (("forward", "reverse"), 3)])
def test_a_question_with_probes_has_the_sizes_of_one_without(directions: Any, left: int) -> None:
    """Some of its inputs are left out for them, if it compiles, and only then."""
    (sizes,), asked = ALONE, set[Any]()
    problem = build_problem(np.dtype("float32"), Form(directions=directions), sizes, DENSE, 0)
    d = build_loss(problem, LOSS, 0)
    slow = compile_slowly(asked, 0.0)
    told = replace(slow, description=replace(CORE, compiles=True))
    assert leave_room(told, problem).sizes[2] == left and leave_room(slow, problem) is problem
    assert_network_gradients_conform(told, problem, d)
    assert {one for *_, one in asked} == {sizes}
    assert_network_gradients_conform(slow, problem, d)
    assert {one for *_, one in asked} > {sizes}
    with pytest.raises(Refuted):
        wrong = FAULTS["swaps_input_and_forget_gates"].backend()
        assert_network_gradients_conform(replace(wrong, description=told.description), problem, d)


def test_sessions_are_of_few_sizes_too() -> None:
    """Of one, if every way of calling is compiled for itself."""
    asked = set[Any]()

    class Noting(REFERENCE_MODULE.build):  # type: ignore[name-defined, misc]
        def make_problem(self, *given: Any) -> Any:
            problem = super().make_problem(*given)
            asked.add(problem.sizes)
            return problem

    claimed = CORE.features | {Feature.STATEFUL, Feature.OMITS_BIAS, Feature.PARTIAL_GRADIENTS}
    noting = Implementation("noting", Noting, replace(CORE, features=claimed, compiles=True))
    for clauses, most in ((("MOD-1", "MOD-5"), 6), (("MOD-4", "MOD-8"), 1)):
        asked.clear()
        report = check(noting, clauses=clauses, profile="quick", examples=12)
        assert report.status == 0 and 0 < len(asked) <= most, asked
