"""Whether a network's answer is close enough: each layer and direction, from what the implementation itself returned.

What cannot be seen from outside is made visible by `widening`, and where that is not possible step by step: with T = 1
the final states are the outputs of all layers, and with B = 1 the gradient of a bias is a gate gradient.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.assertions import widening, widening_plan
from conformance.assertions.comparison import (
    STATE,
    STEP,
    Comparison,
    assert_observed,
    assert_same,
    assert_within,
    breaking,
    model_of,
)
from conformance.assertions.network_order import name_place, part_of, turn_bounded, turned, valid_steps
from conformance.assertions.network_shapes import assert_network_answer_shaped
from conformance.outcome import Inconclusive, NotClaimed
from conformance.tolerance.conclusive import CONCLUSIVE
from conformance.tolerance.layer import Reading, Trajectory, make_reading, observe, select
from conformance.tolerance.rounding import Bounded, exact
from lstm_spec import Answer, Backend, ErrorModel, Parameters, Problem, State
from lstm_spec.types import Array

Outputs = list[Bounded]  # of each layer, (T, B, D*P)


# ---------------------------------------------------------------- forward


class Seen(NamedTuple):
    """What was asked, how it was answered, and what each layer returned on the way."""

    problem: Problem
    answer: Answer
    outputs: Outputs


def assert_network_conforms(backend: Backend, problem: Problem) -> None:
    """Refuted unless the backend's answer is that of the equations, layer by layer.

    Inconclusive where rounding may have grown too much for that to say anything.
    """
    for seen in looked_into(backend, problem):
        reads = assert_seen_conforms(seen, model_of(backend, problem))
        assert_conclusive(reads)


def looked_into(backend: Backend, problem: Problem) -> Iterator[Seen]:
    """The problem in a form, or in several, in which every layer can be seen."""
    if not can_pass(backend, problem):
        yield from (seen for seen, _ in step_by_step(backend, problem))
        return
    plan = widening_plan.plan_for(backend, problem, probes=False)
    wide = widening.widened(plan) if plan.L > 1 else problem
    exactly = plan.L == 1 or widening.passes_exactly(backend, problem)
    answer = backend.forward(wide)
    assert_network_answer_shaped(answer, wide)
    yield Seen(wide, answer, widening.outputs(plan, answer.y, model_of(backend, problem), exactly))
    if plan.L > 1:
        yield from (seen for seen, _ in step_by_step(backend, problem))


def can_pass(backend: Backend, problem: Problem) -> bool:
    """Whether it is one layer, or its cells can pass on what others return."""
    grade = backend.description.grade(problem.dtype.name)
    return len(problem.parameters) == 1 or (problem.variant.kind in widening_plan.PASSED_ON and grade == "relative")


def step_by_step(backend: Backend, problem: Problem) -> Iterator[tuple[Seen, Problem]]:
    """One step at a time of the first sequence, each from the state that the one before left; none if T = 0."""
    if 1 not in backend.description.shapes.T or 1 not in backend.description.shapes.B:
        raise NotClaimed("its shapes exclude T = 1 or B = 1, at which a stack could be looked into")
    state = State(*(frozen(a[:, :1].copy()) for a in problem.state))
    for x in problem.x[:, :1] if problem.lengths is None else problem.x[: problem.lengths[0], :1]:
        one = replace(problem, x=frozen(x[None].copy()), state=state, lengths=None)
        answer = backend.forward(one)
        assert_network_answer_shaped(answer, one)
        D = len(one.directions)
        inner = [
            exact(np.concatenate(list(answer.state.h[k : k + D]), axis=-1)[None])
            for k in range(0, len(answer.state.h) - D, D)
        ]
        yield Seen(one, answer, [*inner, exact(answer.y)]), one
        state = answer.state


def assert_seen_conforms(seen: Seen, model: ErrorModel) -> list[list[Trajectory]]:
    """Refuted unless each layer's outputs follow from those of the layer below; the passes, by layer and direction."""
    problem, answer, outputs = seen
    valid, reads = valid_steps(problem), []
    if not len(problem.x):
        assert_same("the final h", answer.state.h, problem.state.h, STATE, "SHAPE-5")
        assert_same("the final c", answer.state.c, problem.state.c, STATE, "SHAPE-5")
        return []
    x = exact(np.where(valid, problem.x, 0))
    for layer, row in enumerate(problem.parameters):
        got = outputs[layer]
        assert_padding_zero(f"y{name_place(problem, layer)}", got.value, valid, "LEN-2")
        passes, expected = [], []
        for d, p in enumerate(row):
            r = reading_of(problem, layer, d, p, x)
            mine = Bounded(*(turned(problem, d, part_of(problem, d, a)) for a in got))
            passes.append(observe(r, mine, model))
            expected.append(turn_bounded(problem, d, passes[-1].h))
        wanted = select(valid, Bounded(*(np.concatenate(a, axis=-1) for a in zip(*expected, strict=True))))
        clean = select(valid, got)
        assert_observed(
            Comparison(f"y{name_place(problem, layer)}", STEP, clean.value, wanted.value, wanted.error + clean.error)
        )
        for d, passed in enumerate(passes):
            _assert_final_state(seen, layer, d, passed)
        reads.append(passes)
        x = clean
    return reads


def reading_of(problem: Problem, layer: int, d: int, p: Parameters, x: Bounded) -> Reading:
    k = layer * len(problem.directions) + d
    state = State(*(a[k] for a in problem.state))
    return make_reading(p, problem.variant, problem.dtype, turn_bounded(problem, d, x), state, valid_steps(problem))


def assert_padding_zero(quantity: str, a: Array, valid: Array, clause: str) -> None:
    beyond = np.where(valid, 0, a)
    with breaking(clause):
        assert_within(Comparison(f"{quantity} beyond the length", STEP, beyond, np.zeros(()), np.zeros(())))


def _assert_final_state(seen: Seen, layer: int, d: int, passed: Trajectory) -> None:
    """h is the last output that was read, to the last bit where that is known; c follows from the pass."""
    problem, answer, outputs = seen
    k, B = layer * len(problem.directions) + d, problem.x.shape[1]
    lengths = valid_steps(problem).sum(axis=0)[:, 0]
    last, rows = np.maximum(lengths - 1, 0), np.arange(B)
    mine = Bounded(*(turned(problem, d, part_of(problem, d, a)) for a in outputs[layer]))
    h, room = mine.value[last, rows], mine.error[last, rows]
    some = (lengths > 0)[:, None]
    h, room = np.where(some, h, problem.state.h[k]), np.where(some, room, 0.0)
    place = name_place(problem, layer, d)
    with breaking(
        "DIR-3" if problem.directions[d] == "reverse" else "LEN-3" if problem.lengths is not None else "SEQ-3"
    ):
        assert_within(Comparison(f"the final h{place}", ("batch", "unit"), answer.state.h[k], h, room))
    empty = Bounded(np.where(some, passed.last.value, problem.state.c[k]), np.where(some, passed.last.error, 0))
    assert_observed(Comparison(f"c_T{place}", ("batch", "unit"), answer.state.c[k], *empty))


def assert_conclusive(reads: list[list[Trajectory]]) -> None:
    if any(np.nan_to_num(passed.h.error, nan=np.inf).max(initial=0) > CONCLUSIVE for row in reads for passed in row):
        raise Inconclusive("rounding may have grown too much")
