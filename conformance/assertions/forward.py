"""Whether an answer is that of the equations: each layer in each direction, from what the backend itself returned."""

from typing import NamedTuple

import numpy as np

from conformance.assertions.comparison import (
    STATE,
    STEP,
    Comparison,
    assert_agree,
    assert_observed,
    assert_same,
    assert_within,
    breaking,
    model_of,
)
from conformance.assertions.order import mark_valid_steps, name_place, read_direction, turn_bounded
from conformance.assertions.overflow import assert_finite_enough
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Inconclusive
from conformance.tolerance.audit import recall_forward
from conformance.tolerance.conclusive import is_conclusive, largest_conclusive_error, measure_width
from conformance.tolerance.layer import observe_forward, run_free
from conformance.tolerance.reading import Reading, Trajectory, make_reading, select
from conformance.tolerance.rounding import Bounded, exact, narrow, shown, with_oracle
from conformance.tolerance.trajectories import free_trajectory, observed_trajectory
from lstm_spec import Answer, Backend, ErrorModel, Problem, State
from lstm_spec.types import Array

FINAL = ("batch", "unit")


class Seen(NamedTuple):
    """A question, its answer, and what each layer returned on the way, (T, B, D*P)."""

    problem: Problem
    answer: Answer
    outputs: list[Bounded]


def assert_conforms(backend: Backend, answer: Answer, problem: Problem) -> Trajectory | None:
    """Refuted unless a plain problem's answer is right, each step judged from the states the backend returned.

    Returns the trajectory it was compared with; None for an empty sequence.
    """
    assert_answer_shaped(answer, problem)
    passes = assert_seen_conforms(Seen(problem, answer, [exact(answer.y)]), model_of(backend, problem))
    return passes[0][0] if passes else None


def assert_seen_conforms(seen: Seen, model: ErrorModel) -> list[list[Trajectory]]:
    """Refuted unless each layer's outputs follow from those of the layer below; the passes, by layer and direction."""
    problem, answer, outputs = seen
    valid, passes = mark_valid_steps(problem), list[list[Trajectory]]()
    if not len(problem.x):
        assert_same("the final h", answer.state.h, problem.state.h, STATE, "SHAPE-5")
        assert_same("the final c", answer.state.c, problem.state.c, STATE, "SHAPE-5")
        return []
    assert_finite_enough(answer, problem)
    for layer, got in enumerate(outputs):
        x = read_below(seen, layer, model)
        place, clean = name_place(problem, layer), select(valid, got)
        assert_padding_zero(f"y{place}", got.value, valid, "LEN-2")
        passes.append([_observe_direction(seen, layer, d, x, model) for d in range(len(problem.directions))])
        expected = join_outputs(problem, passes[-1])
        room = expected.error + clean.error
        assert_observed(Comparison(f"y{place}", STEP, clean.value, expected.value, room))
        for d, passed in enumerate(passes[-1]):
            _assert_final_state(seen, layer, d, passed, model)
    return passes


def join_outputs(problem: Problem, passes: list[Trajectory]) -> Bounded:
    """What a layer returns (T, B, D*P), from its pass in each direction."""
    turned = (turn_bounded(problem, d, passed.h) for d, passed in enumerate(passes))
    whole = Bounded(*(np.concatenate(a, axis=-1) for a in zip(*turned, strict=True)))
    return select(mark_valid_steps(problem), whole)


def read_below(seen: Seen, layer: int, model: ErrorModel) -> Bounded:
    """What a layer reads (T, B, ·): the inputs, or what the layer below returned, which may be wider inside."""
    valid = mark_valid_steps(seen.problem)
    if layer == 0:
        return exact(np.where(valid, seen.problem.x, 0))
    return select(valid, shown(seen.outputs[layer - 1], model.wide_h, with_oracle(model)))


def _observe_direction(seen: Seen, layer: int, d: int, x: Bounded, model: ErrorModel) -> Trajectory:
    outputs = read_direction(seen.problem, d, seen.outputs[layer])
    known = recall_forward(seen.problem, outputs.value)
    return observe_forward(read_layer(seen.problem, layer, d, x), outputs, model, known)


def read_layer(problem: Problem, layer: int, d: int, x: Bounded) -> Reading:
    """The reading of one layer in one direction that is given x (T, B, ·)."""
    k = layer * len(problem.directions) + d
    state, valid = State(*(a[k] for a in problem.state)), mark_valid_steps(problem)
    p, x = problem.parameters[layer][d], turn_bounded(problem, d, x)
    return make_reading(p, problem.variant, problem.dtype, x, state, valid)


def assert_padding_zero(quantity: str, a: Array, valid: Array, clause: str) -> None:
    """Refuted unless a (T, B, ·) is 0 beyond the lengths."""
    if not valid.all():
        with breaking(clause):
            beyond = np.where(valid, 0, a)
            assert_within(Comparison(f"{quantity} beyond the length", STEP, beyond, np.zeros(()), np.zeros(())))


def find_final_state(seen: Seen, layer: int, d: int, passed: Trajectory) -> tuple[Bounded, Bounded]:
    """h (B, P) where the sequence ends, as the layer returned it at that step, and c (B, H) as it follows there."""
    problem, k = seen.problem, layer * len(seen.problem.directions) + d
    lengths = mark_valid_steps(problem).sum(axis=0)
    last, rows = np.maximum(lengths[:, 0] - 1, 0), np.arange(len(lengths))
    h = (a[last, rows] for a in read_direction(problem, d, seen.outputs[layer]))
    pairs = zip((h, passed.last), (problem.state.h[k], problem.state.c[k]), strict=True)
    found = [[np.where(lengths > 0, a, b) for a, b in zip(q, (before, 0.0), strict=True)] for q, before in pairs]
    return Bounded(*found[0]), Bounded(*found[1])


def _assert_final_state(seen: Seen, layer: int, d: int, passed: Trajectory, m: ErrorModel) -> None:
    """h is the last output that was read, to the last bit where that is known; c follows from the pass."""
    problem, answer, outputs = seen
    place, k = name_place(problem, layer, d), layer * len(problem.directions) + d
    (h, room), c = find_final_state(seen, layer, d, passed)
    if layer + 1 < len(outputs):  # read from a copy, which who is wider inside may round the other way at a tie
        room = room + 2 * m.u * np.where(mark_valid_steps(problem).any(axis=0), np.abs(h), 0.0)
    clause = "DIR-3" if problem.directions[d] == "reverse" else "LEN-3" if problem.lengths is not None else "SEQ-3"
    if room.any():
        with breaking(clause):
            h, room = narrow_final(Bounded(h, room), m)
            assert_within(Comparison(f"the final h{place}", FINAL, answer.state.h[k], h, room))
    elif h.shape == answer.state.c[k].shape and h.any() and (answer.state.c[k] == h).all():
        with breaking(clause):
            assert_same(f"the final h{place} (it looks swapped with the final c)", answer.state.h[k], h, FINAL)
    else:
        assert_same(f"the final h{place}", answer.state.h[k], h, FINAL, clause)
    assert_observed(Comparison(f"c_T{place}", FINAL, answer.state.c[k], *c))


def narrow_final(h: Bounded, m: ErrorModel) -> Bounded:
    """A final h that is returned beside the output that it is: each is rounded by itself."""
    return narrow(narrow(h, m.wide_h, m), m.wide_h, m)


def assert_conclusive(passes: list[list[Trajectory]], model: ErrorModel) -> None:
    """Inconclusive if rounding may have grown too much somewhere."""
    errors = [measure_width(passed.h).ravel() for row in passes for passed in row]
    if not is_conclusive(~(np.concatenate([*errors, []]) <= largest_conclusive_error(model)), model):
        raise Inconclusive("rounding may have grown too much")


def assert_steps_conform(backend: Backend, y: Array, problem: Problem) -> None:
    """Refuted unless the outputs y of all steps are those of the equations; the final state is not looked at."""
    if len(y):
        expected = observed_trajectory(problem, y, model_of(backend, problem))
        assert_observed(Comparison("y", STEP, y, *expected.h))


# ---------------------------------------------------------------- free runs


def free_run(backend: Backend, problem: Problem, handed_on: bool = False) -> Trajectory:
    """The equations run from the initial state of a plain problem; Inconclusive if rounding may have grown too much."""
    model = model_of(backend, problem)
    expected = free_trajectory(problem, model, handed_on)
    if not expected.h.error.max(initial=0) <= largest_conclusive_error(model):  # NaN is not conclusive
        raise Inconclusive("rounding may have grown too much")
    return expected


def assert_conforms_freely(backend: Backend, problem: Problem) -> bool:
    """Refuted unless the answer to a network, T >= 1, is that of the equations run from the initial states.

    False if rounding may have grown too much for that to say anything; then nothing is refuted.
    """
    _, passes = assert_runs_freely(problem, backend.forward(problem), model_of(backend, problem))
    return bool(passes)


def require_conclusive(conclusive: bool) -> None:
    """Raises Inconclusive if a free run said nothing."""
    if not conclusive:
        raise Inconclusive("rounding may have grown too much")


def assert_runs_freely(problem: Problem, answer: Answer, model: ErrorModel) -> tuple[Seen, list[list[Trajectory]]]:
    """Refuted unless that is the answer to the network; the passes of its layers, none where they say nothing."""
    assert_answer_shaped(answer, problem)
    seen, passes = run_layers_freely(problem, answer, model)
    if passes:
        assert_within(Comparison("y", STEP, answer.y, *seen.outputs[-1]))
    for layer, row_of_passes in enumerate(passes):
        for d, passed in enumerate(row_of_passes):
            _assert_final_state(seen, layer, d, passed, model)
    return seen, passes


def run_layers_freely(problem: Problem, answer: Answer, model: ErrorModel) -> tuple[Seen, list[list[Trajectory]]]:
    """The passes of the network's layers, T >= 1; none if rounding may have grown too much for them to say anything."""
    seen, passes = Seen(problem, answer, []), list[list[Trajectory]]()
    for layer, row in enumerate(problem.parameters):
        x = read_below(seen, layer, model)
        passes.append([run_free(read_layer(problem, layer, d, x), model) for d in range(len(row))])
        seen.outputs.append(join_outputs(problem, passes[-1]))
    if any(not q.error.max(initial=0) <= largest_conclusive_error(model) for q in seen.outputs):
        return seen, []
    return seen, passes


def assert_answers_agree(
    backend: Backend, one: tuple[Problem, Answer], other: tuple[Problem, Answer], handed_on: bool = False
) -> None:
    """Refuted unless two plain problems that mean the same got the same answer, as far as rounding allows (free runs).

    `handed_on`: the state may have been returned at some steps, and read again.
    """
    (p, a), (q, b) = one, other
    assert_answer_shaped(a, p)
    assert_answer_shaped(b, q)
    mine, yours = free_run(backend, p, handed_on), free_run(backend, q, handed_on)
    assert_agree("y", STEP, a.y, b.y, mine.h.error, yours.h.error)
    assert_agree("c_T", FINAL, a.state.c[0], b.state.c[0], mine.last.error, yours.last.error)
    assert_agree("h_T", FINAL, a.state.h[0], b.state.h[0], mine.h.error[-1], yours.h.error[-1])
