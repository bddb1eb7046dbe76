"""Inputs that are always 0 and whose weights are the identity: their gradient is the gate gradient, exactly.

W' = [W | 1], x' = [x, 0]. The forward pass is unchanged, for exact zeros add no rounding, and dx' = W'^T dz hands over
dz itself through the public interface.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.backward import assert_gate_gradients_conform, assert_part_conforms, name_parts
from conformance.assertions.shapes import assert_gradients_shaped
from conformance.outcome import Inconclusive, NotClaimed
from conformance.problems.question import Question, with_gates
from conformance.tolerance.trajectories import ORDER
from lstm_spec import Answer, Backend, Cotangents, Feature, Gate, Gradients, Parameters, Problem
from lstm_spec.types import Array

LARGEST_PROBED, PASSES = 2**25, 16  # weights of a problem with probes, unless that would take more passes


class Probed(NamedTuple):
    """One pass: its answer, its gradients without the probes, and its gate gradients."""

    answer: Answer
    gradients: Gradients
    dz: Array  # (T, B, 4H), in the order of trajectories.ORDER


def leave_room(backend: Backend, problem: Problem) -> Problem:
    """The problem, without its last inputs if the backend compiles for each size, so that with probes it has as many.

    A stack needs more units, too; it stays as it is, and so does a problem with few inputs.
    """
    rows = len(problem.directions) * len(problem.layer.gates) * problem.sizes[3]
    left = problem.sizes[2] - rows
    if not backend.description.compiles or len(problem.parameters) > 1 or left < 1:
        return problem
    fewer = with_gates(problem, lambda _, gate: gate._replace(W=frozen(gate.W[:, :left].copy())))
    return replace(fewer, x=frozen(problem.x[:, :, :left].copy()))


def probe_gates(backend: Backend, problem: Problem, d: Cotangents) -> Probed:
    """The backend's gradients, its gate gradients among them; in blocks of columns where its shapes ask for it."""
    _, _, I, H = problem.sizes
    blocks, first = [], None
    plan = plan_blocks(I, 4 * H, backend.description.shapes.I)
    if len(plan) > 1 and not backend.offers(Feature.DETERMINISTIC):
        raise NotClaimed("its shapes need several passes for the probes, and no two of its passes are the same")
    for rows, width in plan:
        wide = add_probes(problem, rows, width)
        answer, gradients = backend.differentiate(wide, d)
        assert_gradients_shaped(gradients, wide)
        blocks.append(gradients.x[:, :, I : I + len(rows)])
        first = first or (answer, drop_probes(gradients, I))
    assert first is not None
    return Probed(*first, np.concatenate(blocks, axis=2))


def plan_blocks(I: int, rows: int, allowed: range) -> list[tuple[range, int]]:
    """Which gate rows are probed in which pass, and the number of inputs of that pass."""
    affordable = max(I + rows // PASSES, LARGEST_PROBED // rows)
    largest = fit_inputs(min(I + rows, affordable), allowed)
    if largest <= I:
        outside = NotClaimed if len(allowed) == 1 else Inconclusive
        raise outside(f"its shapes leave no room for probes beside {I} inputs")
    room = min(largest - I, rows)
    return [(range(k, min(k + room, rows)), largest) for k in range(0, rows, room)]


def fit_inputs(n: int, allowed: range) -> int:
    """The smallest allowed size that holds n, else the largest there is."""
    steps = max(0, -(-(n - allowed.start) // allowed.step))
    return allowed[min(steps, len(allowed) - 1)] if allowed else 0


def add_probes(problem: Problem, rows: range, width: int) -> Problem:
    """The problem with so many inputs, the new ones zero, probing these rows of the packed gates."""
    T, B, I, H = problem.sizes
    probes = np.zeros((4 * H, width - I), problem.dtype)
    probes[list(rows), range(len(rows))] = 1
    block = dict(zip(ORDER, np.split(probes, 4), strict=True))
    wide = with_gates(problem, lambda k, gate: gate._replace(W=frozen(np.concatenate([gate.W, block[k]], axis=1))))
    x = np.concatenate([problem.x, np.zeros((T, B, width - I), problem.dtype)], axis=2)
    return replace(wide, x=frozen(x))


def drop_probes(gradients: Gradients, I: int) -> Gradients:
    """The gradients without those of the probes."""
    layer = gradients.parameters[0][0]
    i, f, g, o = (gate._replace(W=gate.W[:, :I]) for gate in layer[:4] if isinstance(gate, Gate))
    return Gradients(((Parameters(i, f, g, o),),), gradients.x[:, :, :I], gradients.state)


def assert_all_conform(backend: Backend, question: Question, *quantities: str) -> Probed:
    """Refuted unless the gate gradients, and the gradients named (all of them without a name), are the equations'."""
    problem, d = leave_room(backend, question.problem), question.d
    found = probe_gates(backend, problem, d)
    expected = assert_gate_gradients_conform(backend, problem, d, found.answer, found.dz)
    named = name_parts(found.gradients, expected)
    for quantity in quantities or named:
        assert_part_conforms(named[quantity], problem, found.dz)
    return found
