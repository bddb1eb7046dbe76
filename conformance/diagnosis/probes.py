"""The problems of the diagnosis: dense, and different in every gate, so that different mistakes look different.

Sizes are those nearest to the tables below that the backend's Shapes allow. Networks and variants are of the form at
which the backend was refuted. Faults that look the same at that form are told apart at other forms that it claims.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.order import mark_valid_steps
from conformance.outcome import NotClaimed
from conformance.problems.build import build_loss, build_problem, poison_padding, tame_problem
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.problems.question import Question, change_arrays
from conformance.problems.sizes import limit_sizes, nearest_sizes
from lstm_spec import Cotangents, ErrorModel, Gate, Parameters, Problem, Shapes, State
from lstm_spec.types import Array
from lstm_spec.variants import KINDS

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

    def make_tame_probe(number: int, sizes: Sizes, **factors: float) -> Question:
        question = make_probe(number, fit_sizes(sizes, shapes), dtype, **factors)
        return question._replace(problem=tame_problem(question.problem, model))

    try:
        dense = tuple(make_tame_probe(n, sizes) for n, sizes in enumerate(DENSE))
        corners = tuple(make_tame_probe(10 + n, sizes, **factors) for n, (sizes, factors) in enumerate(CORNERS))
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
    T, B, I, H = limit_sizes((T, B, I, H), shapes)
    T = B if wanted[0] == wanted[1] and B in shapes.T else T
    I = H if wanted[2] == wanted[3] and H in shapes.I else I
    return T, B, I, H


# ---------------------------------------------------------------- networks and variants

SIZES: tuple[Sizes, ...] = ((5, 3, 3, 4), (6, 4, 2, 5), (4, 3, 4, 4))  # T, B, I, H
SEEDS = (1001, 1002, 1003)
FILLINGS = ("dense", "dense", "by-width", "dense", "dense", "wide")  # of x, W, U, b, h and c
OTHER_FORMS = (
    Form(lengths="any"),
    Form(lengths="zeros"),
    Form(directions=REVERSE),
    Form(directions=REVERSE, lengths="any"),
    Form(directions=BOTH),
    Form(directions=BOTH, lengths="any"),
    Form(layers=2),
    Form(layers=3),
    Form(layers=2, directions=BOTH),
    Form(layers=3, directions=BOTH, lengths="any"),
    Form(projection="narrow"),
    Form(projection="full"),
    Form(clip=0.75),
    *(Form(kind=kind) for kind in KINDS if kind != "standard"),
    *(Form(kind=kind, projection="full", clip=0.75) for kind in KINDS),
    *(Form(layers=2, directions=BOTH, kind=kind) for kind in KINDS if kind != "standard"),
)


@cache
def make_form_probes(form: Form, dtype: str, shapes: Shapes) -> tuple[Probes, ...]:
    """The dense probes of that form; none if the shapes leave no problem.

    Cached, because the answers of the faults are cached by their probes.
    """
    try:
        questions = tuple(_make_questions(form, dtype, shapes))
    except NotClaimed:
        return ()
    return (Probes(f"{len(questions)} dense probes", questions),)


def _make_questions(form: Form, dtype: str, shapes: Shapes) -> Iterator[Question]:
    """The second problem has as many samples as the state has rows; the padding of the last one is poisoned."""
    rows = form.layers * len(form.directions)
    for k, (T, B, I, H) in enumerate(SIZES):
        sizes = fit_sizes((T, rows if k == 1 and rows > 1 else B, I, H), shapes)
        problem = build_problem(np.dtype(dtype), form, sizes, FILLINGS, SEEDS[k])
        d = build_loss(problem, ("dense",) * 3, k)
        if problem.lengths is not None:
            problem = replace(problem, lengths=_make_lengths(k, sizes, form.lengths == "zeros"))
        if problem.lengths is not None and k == len(SIZES) - 1:
            beyond = ~mark_valid_steps(problem)
            d = replace(d, y=frozen(np.where(beyond, np.nan, d.y).astype(d.y.dtype)))
            problem = poison_padding(problem, k)
        yield Question(problem, d)


def _make_lengths(k: int, sizes: Sizes, zeros: bool) -> Array:
    """Lengths in no order; in the second problem one sequence is whole, in the others none if T allows it."""
    T, B, _, _ = sizes
    lengths = 1 + (2 * np.arange(B) + (T - 1 if k == 1 else 1)) % max(T if k == 1 else T - 1, 1)
    if zeros:
        lengths[B // 2] = 0
    return frozen(np.minimum(lengths, T).astype(np.int64))
