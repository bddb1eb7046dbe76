"""A backend that computes the formula that was found, so that other failures can be explained by it, or not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.assertions.order import turn
from conformance.diagnosis.experiments.term.formula import Formula, answer
from conformance.diagnosis.experiments.term.gradients.adjoint import differentiate_formula
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation, Swept, differentiate
from conformance.outcome import NotClaimed
from conformance.problems.form import FORWARD, form_of
from lstm_spec import Answer, Backend, Cotangents, Gradients, Packed, Parameters, Problem, State, unpack
from lstm_spec.types import Array

Sweep = Callable[[Problem, Cotangents], Swept]  # the gradients of one layer that reads forward


def make_backend_of(
    formula: Formula,
    about: Backend,
    found: Explanation | None = None,
    kind: str = "standard",
    has_own_gradients: bool = False,
) -> Backend:
    """A backend with this formula of that kind of cell in place of what another one computes, in every layer.

    Its gradients are those of the explanation, or those that follow from the formula; else it has none. Numbers are
    rounded at the end only. It raises NotClaimed for other kinds, projections and clips.
    """

    def sweep(problem: Problem, d: Cotangents) -> Swept:
        with np.errstate(all="ignore"):
            return differentiate(found, problem, d, formula) if found else differentiate_formula(formula, problem, d)

    return replace(
        about,
        name="the formula",
        forward=lambda problem: _run(formula, kind, problem).answer,
        gradients=partial(_differentiate, formula, kind, sweep) if found or has_own_gradients else None,
        converse=None,
    )


class Run(NamedTuple):
    """The answer of a network, and what each of its layers reads."""

    answer: Answer
    inputs: list[Array]


def _run(formula: Formula, kind: str, problem: Problem) -> Run:
    """The answer of a network whose every layer and direction is the formula; not if it has a projection or a clip."""
    form, x, states, inputs = form_of(problem), problem.x, list[State](), list[Array]()
    if form.kind != kind or form.projection or form.clip:
        raise NotClaimed(f"a formula of the cell {kind!r} without a projection and a clip")
    for k in range(len(problem.parameters)):
        ys = []
        for d in range(len(problem.directions)):
            y, last = _read(formula, take_cell(problem, k, d, x))
            ys.append(turn(problem, d, y))
            states.append(last)
        inputs.append(x)
        x = np.concatenate(ys, axis=2)
    final = State(*(_round(problem, np.concatenate(parts)) for parts in zip(*states, strict=True)))
    return Run(Answer(_round(problem, x), final), inputs)


def take_cell(problem: Problem, k: int, d: int, x: Array) -> Problem:
    """The problem of one layer in one direction, in the order in which it reads x."""
    place = slice(row := k * len(problem.directions) + d, row + 1)
    state = State(*(a[place] for a in problem.state))
    one = replace(problem, parameters=((problem.parameters[k][d],),), directions=FORWARD, state=state)
    return replace(one, x=turn(problem, d, x))


def split_by_length(problem: Problem) -> Iterator[tuple[int, Array, Problem]]:
    """Each length but 0, which samples have it, and the problem of these alone."""
    T, B, _, _ = problem.sizes
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    for n in np.unique(lengths[lengths > 0]):
        some = lengths == n
        state = State(*(a[:, some] for a in problem.state))
        yield n, some, replace(problem, x=problem.x[:n, some], state=state, lengths=None)


def _read(formula: Formula, problem: Problem) -> tuple[Array, State]:
    """y and the final state of one layer that reads forward: of the samples of each length together, in float64."""
    T, B, _, H = problem.sizes
    y, h, c = np.zeros((T, B, H)), *(a.astype(np.float64) for a in problem.state)
    for n, some, part in split_by_length(problem):
        with np.errstate(all="ignore"):
            found = answer(formula, part)
        y[:n, some], h[:, some], c[:, some] = found.y, *found.state
    return y, State(h, c)


# ---------------------------------------------------------------- gradients


def _differentiate(
    formula: Formula, kind: str, sweep: Sweep, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """The same with gradients: from the last layer down, each direction is swept by itself."""
    (answered, inputs), D, H = _run(formula, kind, problem), len(problem.directions), problem.sizes[3]
    rows: list[list[Parameters]] = [[] for _ in inputs]
    states, dy = [State(a, a) for a in problem.state.h], d.y.astype(np.float64)
    narrow = partial(_round, problem)
    for k in reversed(range(len(inputs))):
        below = np.zeros(inputs[k].shape)
        for n in range(D):
            place = slice(k * D + n, k * D + n + 1)
            own = Cotangents(turn(problem, n, dy[..., n * H : (n + 1) * H]), State(*(a[place] for a in d.state)))
            swept = _sweep_lengths(sweep, take_cell(problem, k, n, inputs[k]), own)
            rows[k].append(unpack(Packed(*map(narrow, swept.parameters))))
            states[place] = [State(*map(narrow, swept.state))]
            below += turn(problem, n, swept.x)
        dy = below
    return answered, Gradients(tuple(map(tuple, rows)), narrow(dy), State(*map(np.stack, zip(*states, strict=True))))


def _sweep_lengths(sweep: Sweep, problem: Problem, d: Cotangents) -> Swept:
    """The gradients of one layer that reads forward: of the samples of each length together."""
    T, B, I, H = problem.sizes
    sums = [np.zeros((4 * H, I)), np.zeros((4 * H, H)), np.zeros(4 * H)]
    x, state = np.zeros((T, B, I)), State(*(a[0].astype(np.float64) for a in d.state))
    for n, some, part in split_by_length(problem):
        swept = sweep(part, Cotangents(d.y[:n, some], State(*(a[:, some] for a in d.state))))
        sums = [a + b for a, b in zip(sums, swept.parameters, strict=True)]
        x[:n, some], state.h[some], state.c[some] = swept.x, *swept.state
    return Swept(Packed(*sums), x, state)


def _round(problem: Problem, a: Array) -> Array:
    return np.asarray(a.astype(problem.dtype))
