"""Where answers are wrong is said by the simplest rule that all trials agree with."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.patterns import fit_pattern
from conformance.diagnosis.experiments.where import find_place
from conformance.problems.form import BOTH, Form
from lstm_spec import Answer, Array, Backend, Cotangents, Gradients, Problem, State
from tests.planted.conditional import add_one, at_places

SIZES = (4, 2, 3, 5)
ALL = slice(None)


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        ([(5, {4}), (9, {8})], "the last unit"),
        ([(5, {4}), (9, {4, 5, 6, 7, 8})], "units from 4 on"),
        ([(5, {4}), (9, {4})], "unit 4"),
        ([(5, {4}), (10, {8, 9})], "the units beyond whole blocks of 4"),
        ([(9, {3, 7}), (12, {3, 7, 11})], "every fourth unit (unit 3, 7, …)"),
        ([(9, {7, 8}), (12, {10, 11})], "the last 2 units"),
        ([(9, {0, 1, 2}), (12, {0, 1, 2})], "units up to 2"),
        ([(9, {0, 1, 2, 3}), (12, {0, 1, 2, 3, 4, 5})], "the first half of the units"),
        ([(2, {0, 1}), (3, {0, 1, 2})], ""),
    ],
)
def test_the_simplest_rule_is_found(trials: list[tuple[int, set[int]]], words: str) -> None:
    pattern = fit_pattern([(n, frozenset(wrong)) for n, wrong in trials])
    assert pattern is not None and pattern.describe_places("unit") == words


def test_no_rule_is_made_up() -> None:
    assert fit_pattern([(9, frozenset({1, 2, 7})), (9, frozenset({0}))]) is None and fit_pattern([]) is None


@pytest.mark.parametrize(
    ("backend", "form", "sizes", "sentence"),
    [
        (at_places(add_one(slice(-1, None))), Form(), SIZES, "the last sample"),
        (at_places(add_one(ALL, slice(128, None))), Form(), (2, 1, 2, 131), "units from 128 on"),
        (at_places(add_one(ALL, slice(1, None, 3))), Form(), SIZES, "every third unit (unit 1, 4, …)"),
        (at_places(add_one(), steps="every fourth"), Form(), SIZES, "every fourth step (step 3, 7, …)"),
        (at_places(add_one(), steps="first"), Form(), SIZES, "the first step"),
        (at_places(add_one(), direction=1), Form(1, BOTH), SIZES, "direction reverse"),
        (at_places(add_one(), layer=1), Form(3), SIZES, "layer 1 first, and what reads it"),
        (at_places(add_one(ALL, slice(1)), layer=1), Form(2), SIZES, "the first unit, layer 1"),
        (at_places(add_one()), Form(), SIZES, "every output, everywhere"),
    ],
)
def test_a_mistake_in_one_place_is_located(backend: Backend, form: Form, sizes: tuple[int, ...], sentence: str) -> None:
    found = find_place(Laboratory(backend, "float32", form, seconds=60), sizes)  # type: ignore[arg-type]
    assert found is not None and (found.sentence, found.is_certain) == (sentence, True)
    assert any(said == "wrong" for _, said in found.tried)


def test_an_output_that_is_wrong_alone_is_named() -> None:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return replace(answer, state=State(answer.state.h, answer.state.c * 2))

    found = find_place(Laboratory(replace(NUMPY, forward=forward), "float32", seconds=60), SIZES)
    assert found is not None and found.sentence == "only c_T"


def change_gradients(change: Callable[[Gradients], Gradients]) -> Backend:
    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, change(found)

    return replace(NUMPY, gradients=gradients)


def _spoil_forget_gate(g: Gradients) -> Gradients:
    p = g.parameters[0][0]
    return replace(g, parameters=((p._replace(f=p.f and p.f._replace(U=p.f.U * 2)),),))


def _spoil_early_steps(g: Gradients) -> Gradients:
    x: Array = np.array(g.x)
    x[:-2] *= 3
    return replace(g, x=x)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_spoil_forget_gate, "only dU; rows of the forget gate"),
        (_spoil_early_steps, "only dx; all steps but the last 2"),
    ],
)
def test_gradients_are_located(change: Callable[[Gradients], Gradients], sentence: str) -> None:
    laboratory = Laboratory(change_gradients(change), "float32", backward=True, seconds=60)
    found = find_place(laboratory, SIZES)
    assert found is not None and (found.sentence, found.is_certain) == (sentence, True)


@pytest.mark.parametrize("form", [Form(), Form(2, BOTH)])
def test_a_right_backend_is_wrong_nowhere(form: Form) -> None:
    assert find_place(Laboratory(NUMPY, "float32", form, seconds=60), SIZES) is None
