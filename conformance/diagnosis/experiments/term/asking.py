"""One step of many samples, asked of a backend: dense, and with gates opened or shut."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen, limits
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term.formula import NOTHING, Formula, list_elsewhere, write_formula
from conformance.problems.form import Form
from conformance.problems.question import Question, with_gates
from lstm_spec import Gate, Parameters, Problem, State
from lstm_spec.types import Array

SAMPLES, WIDTH, STEPS = 48, 8, 4
FILLINGS = ("dense", "contracting", "contracting", "dense", "within-1", "dense")
OPEN = (1e6, 40.0)  # added to a bias: that even z / (1 + |z|) is 1, but for rounding; less if that overflows
ROUGHLY, AT_MOST = 2.0**8, 2.0**-5
LATER = ("x[t+1]", "x[T−1]", "x[T−1−t]")
ELSEWHERE = (*LATER, "x[t−1]", "x[0]", "x[t−1 mod T]", "x[t+1 mod T]")  # what a gate may read in the place of x
FAR = 32.0  # every fourth sample reads inputs so many times larger, and the next one such cell states


class Seen(NamedTuple):
    """One step: the question, what was answered in float64, and how far rounding may be off, roughly."""

    problem: Problem
    y: Array  # (B, H)
    h: Array
    c: Array
    room: Array  # (B, H)
    elsewhere: Mapping[str, Array] = NOTHING  # x, h and c of other steps, by name

    @property
    def layer(self) -> Parameters:
        """The parameters of the only layer."""
        return self.problem.layer

    @property
    def x(self) -> Array:
        """What the step reads (B, I)."""
        return self.problem.x[0].astype(np.float64)

    @property
    def state(self) -> State:
        """The state before the step, (B, H)."""
        return State(*(a[0].astype(np.float64) for a in self.problem.state))

    def is_near(self, found: Array, expected: Array) -> bool:
        """Whether they are the same but for rounding."""
        return is_near(found, expected, self.room)


def is_near(found: Array, expected: Array, room: Array) -> bool:
    """Whether they are the same but for rounding; NaN is near nothing."""
    return bool((np.abs(found - expected) <= room).all())


def measure_room(dtype: str, *arrays: Array) -> Array:
    """What rounding comes to, roughly, where numbers of this size are added up."""
    unit = min(ROUGHLY * float(limits(np.dtype(dtype)).eps), AT_MOST)
    return np.asarray(unit * np.maximum(1, np.max([np.abs(a.astype(np.float64)) for a in arrays], axis=0)))


@dataclass
class Asking:
    """A laboratory that is asked one step of the plain form of its kind.

    `few`: samples of several steps; `width`: the number of inputs and of units.
    """

    laboratory: Laboratory
    cell: Formula | None = None  # what is known of the answers, if they are not those of the equations
    few: int = 6
    reading: str = ""  # the only gate that reads x, if it is the only one
    width: tuple[int, int] = (WIDTH, WIDTH)

    @property
    def formula(self) -> Formula:
        """The formula of the answers."""
        return self.cell or write_formula(self.form.kind)

    @property
    def form(self) -> Form:
        """One layer that reads forward, with the cell of the laboratory's form."""
        return Form(kind=self.laboratory.form.kind)

    def make_question(self, T: int = 1, B: int = SAMPLES, seed: int = 0, far: float = FAR) -> Question:
        """Dense numbers, not too large; some inputs are, if there are enough samples."""
        plain = replace(self.laboratory, form=self.form)
        question = plain.make_question((T, B, *self.width), seed, FILLINGS)
        problem, x, c = question.problem, question.problem.x.copy(), question.problem.state.c.copy()
        x[:, ::4] *= far
        c[:, 1::4] *= far
        problem = replace(problem, x=frozen(x), state=State(problem.state.h, frozen(c)))
        if self.reading:
            problem = with_gates(problem, lambda k, gate: gate if k == self.reading else _blind(gate))
        return question._replace(problem=problem)

    def see(self, opened: Mapping[str, int] | None = None, c: float | None = None, far: float = FAR) -> Seen:
        """The dense question answered, with gates opened (1) or shut (-1), and cell states of c if it is given."""
        for bias in OPEN:
            seen = self._see({k: bias * sign for k, sign in (opened or {}).items()}, c, far)
            if np.isfinite(seen.c).all() and np.isfinite(seen.h).all():
                break
        return seen

    def see_later(self) -> Seen | None:
        """The last of several steps, from the states that shorter questions end with.

        None if what comes later changes what was answered before.
        """
        problem, states, answers = self.make_question(STEPS, far=1.0).problem, [], []
        for T in range(STEPS + 1):
            if T:
                self.laboratory.check_time()
                answers.append(self.laboratory.answer(replace(problem, x=frozen(problem.x[:T].copy()))))
            states.append(State(*(a[0].astype(np.float64) for a in (answers[-1] if T else problem).state)))
        if not np.array_equal(answers[-1].y[:-1], answers[-2].y):
            return None
        before, after = states[-2], states[-1]
        x = problem.x.astype(np.float64)
        elsewhere = {k: a for k, a in list_elsewhere(x, states[:-1]).items() if k not in LATER}
        last = replace(problem, x=frozen(problem.x[-1:].copy()), state=State(*(frozen(a[None]) for a in before)))
        room = measure_room(self.laboratory.dtype, before.c, *after)
        return Seen(last, answers[-1].y[-1].astype(np.float64), *after, room, elsewhere)

    def _see(self, added: Mapping[str, float], c: float | None, far: float) -> Seen:
        self.laboratory.check_time()
        problem = with_gates(self.make_question(far=far).problem, lambda k, gate: _shift(gate, added.get(k, 0.0)))
        if c is not None:
            problem = replace(problem, state=State(problem.state.h, frozen(np.full_like(problem.state.c, c))))
        found = self.laboratory.answer(problem)
        y, new_h, new_c = (np.asarray(a, np.float64) for a in (found.y[0], found.state.h[0], found.state.c[0]))
        return Seen(problem, y, new_h, new_c, measure_room(self.laboratory.dtype, problem.state.c[0], new_h, new_c))


def _blind(gate: Gate) -> Gate:
    return gate._replace(W=frozen(np.zeros_like(gate.W)))


def _shift(gate: Gate, by: float) -> Gate:
    return gate._replace(b=frozen((gate.b + gate.b.dtype.type(by)).astype(gate.b.dtype)))
