"""What the diagnosis asks: dense problems, different in every gate, on which different mistakes look different.

Sizes are the nearest to those below that the backend's Shapes allow.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.outcome import NotClaimed
from conformance.problems.build import tame_problem
from conformance.problems.question import Question, with_gates
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
    """Problems that are asked together, at an error model."""

    where: str
    questions: tuple[Question, ...]
    model: ErrorModel

    @property
    def summands(self) -> int:
        """How many products a gate adds up."""
        return sum(self.questions[0].problem.sizes[2:])


class Summands(NamedTuple):
    """Probes of one step with few and with many summands in a gate."""

    few: Probes
    many: Probes


def probe(number: int, sizes: Sizes, dtype: str, b: float = 1, c: float = 4) -> Question:
    """A dense problem, different in every gate, unit, sample and step, with dense cotangents."""
    T, B, I, H = sizes
    rng = np.random.default_rng(1000 + number)
    drawn = partial(_drawn, rng, dtype)
    W, U = min(1, 2 / np.sqrt(I)), min(0.5, 2.5 / H)
    i, f, g, o = (Gate(drawn(H, I, scale=W), drawn(H, H, scale=U), drawn(H, scale=b)) for _ in "ifgo")
    state = State(drawn(1, B, H), drawn(1, B, H, scale=c))
    problem = Problem(((Parameters(i, f, g, o),),), drawn(T, B, I), state)
    return Question(problem, Cotangents(drawn(T, B, H), State(drawn(1, B, H), drawn(1, B, H))))


def _drawn(rng: np.random.Generator, dtype: str, *shape: int, scale: float = 1) -> Array:
    return frozen((rng.standard_normal(shape) * scale).astype(dtype))


@cache
def probe_sets(dtype: str, model: ErrorModel, shapes: Shapes) -> tuple[Probes, ...]:
    """Dense problems first, then one corner after the other; made once, so that what faults make of them is kept.

    None at all where the shapes leave nothing to ask.
    """
    try:
        dense = tuple(_tamed(probe(number, fitted(sizes, shapes), dtype), model) for number, sizes in enumerate(DENSE))
        corners = tuple(
            (fitted(sizes, shapes), _tamed(probe(10 + n, fitted(sizes, shapes), dtype, **how), model))
            for n, (sizes, how) in enumerate(CORNERS)
        )
    except NotClaimed:
        return ()
    described = (Probes(f"a probe of T, B, I, H = {sizes}", (corner,), model) for sizes, corner in corners)
    return Probes(f"{len(dense)} dense probes", dense, model), *described


@cache
def summands(dtype: str, model: ErrorModel, shapes: Shapes) -> Summands:
    """Raises NotClaimed where the shapes leave nothing to ask."""
    few, many = fitted(FEW, shapes), fitted(MANY, shapes)
    questions = tuple(probe(100 + n, few, dtype, c=1) for n in range(REPEATED))
    return Summands(Probes("few summands", questions, model), Probes("many", (probe(200, many, dtype, c=1),), model))


@cache
def nudged(probes: Probes, by: float) -> Probes:
    """Probes that are almost the same: every number of the problems is off by about so much of it."""
    rng = np.random.default_rng(3)

    def off(a: Array) -> Array:
        return frozen((a * (1 + by * rng.standard_normal(a.shape))).astype(a.dtype))

    def near(problem: Problem) -> Problem:
        problem = with_gates(problem, lambda _, gate: Gate(*map(off, gate[:3])))
        return Problem(problem.parameters, off(problem.x), State(*map(off, problem.state)))

    return Probes(probes.where, tuple(Question(near(problem), d) for problem, d in probes.questions), probes.model)


def fitted(wanted: Sizes, shapes: Shapes) -> Sizes:
    """The allowed sizes nearest to these; what was equal stays equal where it may. Raises NotClaimed where none are."""
    pairs = zip("TBIH", wanted, strict=True)
    T, B, I, H = (nearest_sizes(k, (n, 1), getattr(shapes, k))[0] for k, n in pairs)  # 1 will do
    T = B if wanted[0] == wanted[1] and B in shapes.T else T
    I = H if wanted[2] == wanted[3] and H in shapes.I else I
    return T, B, I, H


def _tamed(question: Question, model: ErrorModel) -> Question:
    return question._replace(problem=tame_problem(question.problem, model))
