"""A backend that computes the formula that was found, so that other failures can be explained by it, or not."""

from dataclasses import replace
from functools import partial

import numpy as np

from conformance.assertions.order import turn
from conformance.diagnosis.experiments.term.formula import Formula, answer
from conformance.diagnosis.experiments.term.gradient import Explanation, differentiate
from conformance.outcome import NotClaimed
from conformance.problems.form import FORWARD, Form, form_of
from lstm_spec import Answer, Backend, Cotangents, Gradients, Packed, Problem, State, unpack
from lstm_spec.types import Array


def make_backend_of(
    formula: Formula, about: Backend, found: Explanation | None = None, kind: str = "standard"
) -> Backend:
    """A backend with this formula of that kind of cell in place of what another one computes, in every layer.

    Its gradients are those of the explanation, of one plain layer; without one it has none. Numbers are rounded at the
    end only. It raises NotClaimed for other forms.
    """
    forward = partial(_answer, formula, kind)

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answered = forward(problem)
        if found is None or form_of(problem) != Form(kind=kind):
            raise NotClaimed("gradients of one layer that reads forward")
        with np.errstate(all="ignore"):
            swept = differentiate(found, problem, d, formula)
        narrow = partial(_round, problem)
        parameters = unpack(Packed(*map(narrow, swept.parameters)))
        state = State(*(narrow(a[None]) for a in swept.state))
        return answered, Gradients(((parameters,),), narrow(swept.x), state)

    return replace(about, name="the formula", forward=forward, gradients=gradients if found else None, converse=None)


def _answer(formula: Formula, kind: str, problem: Problem) -> Answer:
    """The answer of a network whose every layer and direction is the formula; not if it has a projection or a clip."""
    form, x, states, D = form_of(problem), problem.x, list[State](), len(problem.directions)
    if form.kind != kind or form.projection or form.clip:
        raise NotClaimed(f"a formula of the cell {kind!r} without a projection and a clip")
    for k, row in enumerate(problem.parameters):
        ys = []
        for d, p in enumerate(row):
            place = slice(k * D + d, k * D + d + 1)
            state = State(*(a[place] for a in problem.state))
            one = replace(problem, parameters=((p,),), directions=FORWARD, x=turn(problem, d, x), state=state)
            y, last = _read(formula, one)
            ys.append(turn(problem, d, y))
            states.append(last)
        x = np.concatenate(ys, axis=2)
    final = State(*(_round(problem, np.concatenate(parts)) for parts in zip(*states, strict=True)))
    return Answer(_round(problem, x), final)


def _read(formula: Formula, problem: Problem) -> tuple[Array, State]:
    """y and the final state of one layer that reads forward: of the samples of each length together, in float64."""
    T, B, _, H = problem.sizes
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    y, h, c = np.zeros((T, B, H)), *(a.astype(np.float64) for a in problem.state)
    for n in np.unique(lengths[lengths > 0]):
        some = lengths == n
        state = State(*(a[:, some] for a in problem.state))
        with np.errstate(all="ignore"):
            found = answer(formula, replace(problem, x=problem.x[:n, some], state=state, lengths=None))
        y[:n, some], h[:, some], c[:, some] = found.y, *found.state
    return y, State(h, c)


def _round(problem: Problem, a: Array) -> Array:
    return np.asarray(a.astype(problem.dtype))
