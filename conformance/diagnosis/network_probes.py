"""The problems of the diagnosis for networks and variants: dense, of the form at which the backend was refuted.

Faults that look the same at that form are told apart at other forms that the backend claims.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.order import mark_valid_steps
from conformance.diagnosis.probes import Probes, Sizes, fit_sizes
from conformance.outcome import NotClaimed
from conformance.problems.build import build_loss, build_problem, poison_padding
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.problems.question import Question
from lstm_spec import Shapes
from lstm_spec.types import Array
from lstm_spec.variants import KINDS

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
