"""Gradients, and answers of 16 bits, that are wrong at some sizes of some forms are seen in every run."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome
from conformance.problems.covering import BREADTHS
from conformance.problems.network_rows import FORMS, list_free_rows
from conformance.property import find_property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from lstm_spec import Answer, Cotangents, Gradients, Parameters, Problem

When = Callable[[Problem], bool]
GRADIENTS = "forms_that_are_large_in_several_sizes_have_their_gradients"


def halve_in_the_last_layer(found: Gradients, part: str) -> Gradients:
    """The gradients with those of one part of the top layer halved."""
    *rows, top = found.parameters

    def change(p: Parameters) -> Parameters:
        if part == "R":
            return p._replace(R=None if p.R is None else p.R / p.R.dtype.type(2))
        k = "g" if part != "p" else next(k for k, gate in p.gates.items() if gate.p is not None)
        gate = getattr(p, k)
        return p._replace(**{k: gate._replace(**{part: getattr(gate, part) / gate.b.dtype.type(2)})})

    return replace(found, parameters=(*rows, tuple(map(change, top))))


def is_stack_of(H: int, problem: Problem) -> bool:
    return len(problem.parameters) > 1 and problem.sizes[3] == H


WRONG: dict[str, tuple[str, str, When]] = {
    "dU above, of more than 2,048 steps and samples": (
        "U",
        "quick",
        lambda p: len(p.parameters) > 1 and p.x.shape[0] * p.x.shape[1] > 2048,
    ),
    "dW above, of more than 64 units": ("W", "quick", lambda p: len(p.parameters) > 1 and p.sizes[3] > 64),
    "dp, of more than 256 steps": ("p", "quick", lambda p: p.variant.kind == "peephole" and len(p.x) > 256),
    "dp, of more than 16 steps, samples and units": (
        "p",
        "quick",
        lambda p: p.variant.kind == "peephole" and min(*p.x.shape[:2], p.sizes[3]) > 16,
    ),
    "dR, of more than 512 steps and samples": (
        "R",
        "quick",
        lambda p: p.layer.R is not None and p.x.shape[0] * p.x.shape[1] > 512,
    ),
    "db in two directions, of more than 16 steps, samples and units": (
        "b",
        "quick",
        lambda p: len(p.directions) > 1 and min(*p.x.shape[:2], p.sizes[3]) > 16,
    ),
    **{f"dW above, of {H} units": ("W", "standard", partial(is_stack_of, H)) for H in (16, 64, 128, 256)},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_gradient_that_is_wrong_at_some_sizes_of_a_form_is_refuted(name: str) -> None:
    part, profile, when = WRONG[name]

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, halve_in_the_last_layer(found, part) if when(problem) else found

    wrong = replace(NUMPY, gradients=gradients)
    verdict = judge_property(find_property(GRADIENTS), wrong, "float32", PROFILES[profile], 0, shrink=False)
    assert verdict.outcome is Outcome.REFUTED and name.split()[0].rstrip(",") in str(verdict.detail), verdict.detail


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("k", range(4))
def test_an_answer_of_16_bits_that_is_wrong_at_one_large_size_is_refuted(dtype: str, k: int) -> None:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return replace(answer, y=-answer.y) if problem.sizes[k] == 256 else answer

    wrong, prop = replace(NUMPY, forward=forward), find_property("sizes_of_every_kind_are_read_alike")
    verdict = judge_property(prop, wrong, dtype, PROFILES["standard"], 0, shrink=False)
    assert verdict.outcome is Outcome.REFUTED, verdict.detail


@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_every_form_is_large_in_two_and_in_three_sizes(profile: str) -> None:
    rows = list(list_free_rows(BREADTHS[profile]))
    for form in FORMS:
        sizes = [row.sizes for row in rows if row.form == form]
        assert any(min(T, B, H) > 20 for T, B, _, H, *_ in sizes) and any(s[0] > 40 for s in sizes), form
        assert any(sorted(s)[-2] > 33 for s in sizes), form
        if profile != "quick":
            for one, two in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
                assert any(s[one] > 64 and s[two] > 64 for s in sizes), (form, one, two)


def test_a_free_run_of_every_row_says_something() -> None:
    for dtype in ("float32", "bfloat16"):
        verdict = judge_property(find_property(GRADIENTS), NUMPY, dtype, PROFILES["quick"], 0)
        assert verdict.outcome is Outcome.HOLDS and not verdict.inconclusive, verdict
        assert verdict.examples == len(set(list_free_rows(BREADTHS["quick"])))
