"""A fact arrives, is kept across a gap, and is forgotten on request: what the gates do, and what the memories hold.

One cell with weights set by hand, so that each gate answers to one input. The memories are those of the backend, which
is run step by step from the state that it returned; the gates are those of the equations in that state (CELL-1 to
CELL-4).
"""

from typing import NamedTuple

import numpy as np

from lstm_spec import Backend, Gate, Parameters, Problem, State
from lstm_spec.equations import sigmoid
from lstm_spec.types import Array

STEPS = 60
FACT, LET_IN, FORGET, SHOW = range(4)  # the inputs: a value, and three orders
OPEN = 8.0  # σ(8) = 0.9997
EVENTS = {  # by step: what happens, and which inputs are 1
    2: ("a passer-by, who is not let in", (FACT,)),
    9: ("the hero appears", (FACT, LET_IN)),
    20: ("what about the hero?", (SHOW,)),
    35: ("what about the hero?", (SHOW,)),
    44: ("the hero dies", (FORGET,)),
    54: ("what about the hero?", (SHOW,)),
}


class History(NamedTuple):
    """Gates and memories step by step, each (T,)."""

    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    h: Array


def make_story(dtype: str) -> Problem:
    """The sequence, and a cell that understands it."""
    x = np.zeros((STEPS, 1, 4), dtype)
    for t, (_, inputs) in EVENTS.items():
        x[t, 0, list(inputs)] = 1

    def gate(which: int, weight: float, bias: float) -> Gate:
        W = np.zeros((1, 4), dtype)
        W[0, which] = weight
        return Gate(W, np.zeros((1, 1), dtype), np.full(1, bias, dtype))

    i, f = gate(LET_IN, 2 * OPEN, -OPEN), gate(FORGET, -2 * OPEN, OPEN)
    g, o = gate(FACT, 1.5, 0.0), gate(SHOW, 2 * OPEN, -OPEN)
    zero = np.zeros((1, 1, 1), dtype)
    return Problem(((Parameters(i, f, g, o),),), x, State(zero, zero))


def follow_story(backend: Backend, problem: Problem) -> History:
    """What happens in the cell while the backend reads the story. Raises ValueError if it returns what is no number."""
    p, s, rows = problem.layer, problem.state, []
    assert p.i and p.f and p.o, "the standard cell has them"
    for t in range(len(problem.x)):
        x, h = problem.x[t, 0].astype(np.float64), s.h[0, 0].astype(np.float64)
        i, f, o = (sigmoid(gate.W @ x + gate.U @ h + gate.b) for gate in (p.i, p.f, p.o))
        g = np.tanh(p.g.W @ x + p.g.U @ h + p.g.b)
        s = backend.forward(Problem(problem.parameters, problem.x[t : t + 1], s)).state
        _check_numbers(s, t)
        rows.append([float(a.ravel()[0]) for a in (i, f, g, o, s.c, s.h)])
    return History(*np.array(rows).T)


def _check_numbers(s: State, t: int) -> None:
    for letter, array in zip("hc", s, strict=True):
        value = float(array.ravel()[0])
        if not np.isfinite(value):
            raise ValueError(f"{letter} is {value} after step {t}, expected a number")


BARS = " ▁▂▃▄▅▆▇█"


def draw_bars(values: Array) -> str:
    """One character for each value, the higher the larger; a value outside of 0 to 1 is drawn as the nearer end."""
    levels = np.clip(np.nan_to_num(values), 0, 1) * (len(BARS) - 1)
    return "".join(BARS[round(level)] for level in levels)
