"""Problems and losses with a NaN in one place, and what that surely enters: dense numbers, no bound, no lengths."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.problems.question import Context, Question, Recipe
from conformance.problems.sizes import ALONE, nearest_sizes
from lstm_spec import Problem, Shapes, State
from lstm_spec.types import Array

ALL = slice(None)


class Struck(NamedTuple):
    """A question with a NaN, and what it enters at once: a reader (layer · D + direction), samples, steps and units."""

    question: Question
    name: str
    reader: int
    samples: slice = ALL
    steps: slice = ALL
    units: slice = ALL  # whose gates
    shown: slice = ALL  # whose hidden state
    gates: str = "ifgo"

    def mark_outputs(self) -> Array:
        """Where y is NaN: everywhere above, and what the reader shows if it is of the last layer."""
        problem = self.question.problem
        T, B, _, _ = problem.sizes
        D, P = len(problem.directions), problem.P
        layer, d = divmod(self.reader, D)
        marked = np.zeros((T, B, D, P), bool)
        if layer < len(problem.parameters) - 1:
            marked[self.steps, self.samples] = True
        else:
            marked[self.steps, self.samples, d, self.shown] = True
        return marked.reshape(T, B, D * P)


def leave_a_seat(of: Recipe) -> Recipe:
    """Examples to which a sample can be added: the shapes allow one more."""

    def recipe(context: Context) -> Any:
        about = context.description
        nearest_sizes("B", (2,), about.shapes.B, 2)  # raises NotClaimed
        pool = tuple((T, B - 1, I, H) for T, B, I, H in ALONE)
        return of(replace(context, pool=pool, description=replace(about, shapes=one_sample_fewer(about.shapes))))

    return recipe


def one_sample_fewer(shapes: Shapes) -> Shapes:
    """The shapes of a batch to which one more sample is added."""
    B = shapes.B
    return replace(shapes, B=range(B.start - 1, B.stop - 1, B.step))


def strike_problem(question: Question, seed: int) -> Iterator[Struck]:
    """A NaN in each of x, h_0 and c_0, and in each kind of parameter: W, U, b, and p and R if there are any."""
    rng, problem = np.random.default_rng(seed), question.problem
    state, reverse = problem.state, problem.directions == ("reverse",)
    x, (t, b, _) = _strike_array(rng, problem.x)
    steps = slice(t + 1) if reverse else slice(t, None)
    yield Struck(_ask(question, x=x), "x", 0, slice(b, b + 1), steps)
    h, (k, b, _) = _strike_array(rng, state.h)
    yield Struck(_ask(question, state=State(h, state.c)), "h_0", k, slice(b, b + 1))
    c, (k, b, u) = _strike_array(rng, state.c)
    asked, units = _ask(question, state=State(state.h, c)), slice(u, u + 1)
    yield Struck(asked, "c_0", k, slice(b, b + 1), ALL, units, _mix_units(problem, units))
    for part in "WUbpR":
        yield from _strike_parameter(rng, question, part)


def _strike_parameter(rng: np.random.Generator, question: Question, part: str) -> Iterator[Struck]:
    """A NaN in such an array of one layer, direction and gate; none if there is no such array."""
    problem, rows = question.problem, [list(row) for row in question.problem.parameters]
    layer, d = int(rng.integers(len(rows))), int(rng.integers(len(rows[0])))
    p: Any = rows[layer][d]
    letters = "".join(k for k, gate in p.gates.items() if getattr(gate, part, None) is not None)
    if part == "R" and p.R is not None:
        struck, (j, u) = _strike_array(rng, p.R)
        name, shown, rows[layer][d] = "R", slice(j, j + 1), p._replace(R=struck)
    elif letters:
        letter = letters[rng.integers(len(letters))]
        gate = p.gates[letter]
        struck, (u, *_) = _strike_array(rng, getattr(gate, part))
        name, shown = f"{letter}.{part}", _mix_units(problem, slice(u, u + 1))
        rows[layer][d] = p._replace(**{letter: gate._replace(**{part: struck})})
    else:
        return
    asked = _ask(question, parameters=tuple(map(tuple, rows)))
    yield Struck(asked, name, layer * len(rows[0]) + d, ALL, ALL, slice(u, u + 1), shown)


def strike_loss(question: Question, seed: int) -> Iterator[Struck]:
    """A NaN in each of the cotangents dy, dh_T and dc_T."""
    rng, (problem, d) = np.random.default_rng(seed), question
    P, D, last = problem.P, len(problem.directions), len(problem.parameters) - 1
    y, (t, b, j) = _strike_array(rng, d.y)
    units = _mix_units(problem, slice(j % P, j % P + 1))
    asked = Question(problem, replace(d, y=y))
    yield Struck(asked, "dy", last * D + j // P, slice(b, b + 1), slice(t, t + 1), units)
    h, (k, b, j) = _strike_array(rng, d.state.h)
    units, asked = _mix_units(problem, slice(j, j + 1)), Question(problem, replace(d, state=State(h, d.state.c)))
    yield Struck(asked, "dh_T", k, slice(b, b + 1), _last_read(problem, k % D), units)
    c, (k, b, u) = _strike_array(rng, d.state.c)
    asked = Question(problem, replace(d, state=State(d.state.h, c)))
    yield Struck(asked, "dc_T", k, slice(b, b + 1), _last_read(problem, k % D), slice(u, u + 1), ALL, "ifg")


def _last_read(problem: Problem, direction: int) -> slice:
    return slice(0, 1) if problem.directions[direction] == "reverse" else slice(-1, None)


def _mix_units(problem: Problem, units: slice) -> slice:
    """A projection mixes all units."""
    return units if problem.layer.R is None else ALL


def _strike_array(rng: np.random.Generator, a: Array) -> tuple[Array, tuple[int, ...]]:
    place = tuple(int(rng.integers(n)) for n in a.shape)
    struck = a.copy()
    struck[place] = np.nan
    return frozen(struck), place


def _ask(question: Question, **changes: Any) -> Question:
    return question._replace(problem=replace(question.problem, **changes))
