"""The problems of the diagnosis: dense, and different in every gate, so that different mistakes look different.

Sizes are those nearest to the tables below that the backend's Shapes allow.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.outcome import NotClaimed
from conformance.problems.build import tame_problem
from conformance.problems.question import Question, change_arrays
from conformance.problems.sizes import nearest_sizes
from lstm_spec import Cotangents, ErrorModel, Gate, Parameters, Problem, Shapes, State
from lstm_spec.types import Array

Sizes = tuple[int, int, int, int]

DENSE: tuple[Sizes, ...] = ((4, 3, 3, 4), (5, 2, 4, 3), (6, 2, 2, 5))  # T, B, I, H
CORNERS: tuple[tuple[Sizes, dict[str, float]], ...] = (  # with factors of b and c_0
    ((3, 3, 4, 4), {}),  # square
    ((4, 2, 3, 4), {"b": 12}),  # saturated
    ((4, 2, 3, 4), {"c": 120}),  # large cells
    ((4, 2, 3, 4), {"c": 0}),  # no cell state
    ((1, 1, 3, 4), {"b": 150}),  # far out; one step of one sample, for NaN would spread to all others
    ((230, 2, 2, 2), {}),  # long
    ((530, 1, 2, 2), {}),  # longer
)
FEW: Sizes = (1, 4, 2, 2)
MANY: Sizes = (1, 16, 4096, 8)
REPEATED = 8  # problems, for an error that is a mean over them


@dataclass(frozen=True, eq=False)
class Probes:
    """Questions that are asked together; the error model says how far right answers may be off, if that is known."""

    where: str
    questions: tuple[Question, ...]
    model: ErrorModel | None = None

    @property
    def summands(self) -> int:
        """The number of products that a gate adds up."""
        return sum(self.questions[0].problem.sizes[2:])


class Summands(NamedTuple):
    """Probes of one step with few and with many summands in a gate."""

    few: Probes
    many: Probes


def make_probe(number: int, sizes: Sizes, dtype: str, b: float = 1, c: float = 4) -> Question:
    """A dense problem, different in every gate, unit, sample and step, with dense cotangents."""
    T, B, I, H = sizes
    rng = np.random.default_rng(1000 + number)

    def draw(*shape: int, scale: float = 1) -> Array:
        return frozen((rng.standard_normal(shape) * scale).astype(dtype))

    W, U = min(1, 2 / np.sqrt(I)), min(0.5, 2.5 / H)
    i, f, g, o = (Gate(draw(H, I, scale=W), draw(H, H, scale=U), draw(H, scale=b)) for _ in "ifgo")
    state = State(draw(1, B, H), draw(1, B, H, scale=c))
    problem = Problem(((Parameters(i, f, g, o),),), draw(T, B, I), state)
    return Question(problem, Cotangents(draw(T, B, H), State(draw(1, B, H), draw(1, B, H))))


@cache
def make_plain_probes(dtype: str, model: ErrorModel, shapes: Shapes) -> tuple[Probes, ...]:
    """The dense probes of the plain LSTM, then its corners one by one; none if the shapes leave no problem.

    Cached, because the answers of the faults are cached by their probes.
    """
    try:
        dense = tuple(
            _tame_question(make_probe(n, fit_sizes(sizes, shapes), dtype), model) for n, sizes in enumerate(DENSE)
        )
        corners = tuple(
            _tame_question(make_probe(10 + n, fit_sizes(sizes, shapes), dtype, **factors), model)
            for n, (sizes, factors) in enumerate(CORNERS)
        )
    except NotClaimed:
        return ()
    places = (f"a probe of T, B, I, H = {corner.problem.sizes}" for corner in corners)
    described = (Probes(where, (corner,), model) for where, corner in zip(places, corners, strict=True))
    return Probes(f"{len(dense)} dense probes", dense, model), *described


@cache
def make_summands(dtype: str, model: ErrorModel, shapes: Shapes) -> Summands:
    """The probes that show whether an error grows with the summands. Raises NotClaimed if the shapes leave none."""
    few, many = fit_sizes(FEW, shapes), fit_sizes(MANY, shapes)
    questions = tuple(make_probe(100 + n, few, dtype, c=1) for n in range(REPEATED))
    widest = make_probe(200, many, dtype, c=1)
    return Summands(Probes("few summands", questions, model), Probes("many summands", (widest,), model))


@cache
def nudge_probes(probes: Probes, by: float) -> Probes:
    """Probes that are almost the same: every number of the problems is off by about `by`, relative to itself."""
    rng = np.random.default_rng(3)

    def nudge(a: Array) -> Array:
        return frozen((a * (1 + by * rng.standard_normal(a.shape))).astype(a.dtype))

    questions = tuple(Question(change_arrays(problem, nudge), d) for problem, d in probes.questions)
    return Probes(probes.where, questions, probes.model)


def fit_sizes(wanted: Sizes, shapes: Shapes) -> Sizes:
    """The allowed sizes nearest to these; equal sizes stay equal if possible. Raises NotClaimed if none is allowed."""
    T, B, I, H = (nearest_sizes(k, (n, 1), getattr(shapes, k))[0] for k, n in zip("TBIH", wanted, strict=True))
    T = B if wanted[0] == wanted[1] and B in shapes.T else T
    I = H if wanted[2] == wanted[3] and H in shapes.I else I
    return T, B, I, H


def _tame_question(question: Question, model: ErrorModel) -> Question:
    return question._replace(problem=tame_problem(question.problem, model))
