"""Which known mistake in lengths, directions, layers or variants reproduces what a backend answers there?

As `diagnosis` does it for the plain LSTM: the network is run under every fault of the catalogue, on dense problems of
the form that was refuted. Mistakes that look the same there are told apart on other forms that the backend claims.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen, limits
from conformance.assertions.order import mark_valid_steps
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped, name_arrays
from conformance.diagnosis.dense_probes import fitted
from conformance.diagnosis.plain import Diagnosis, Parted, answers
from conformance.faults.catalogue import NETWORK_FAULTS
from conformance.faults.fault import Fault
from conformance.faults.network_lstm import backend as made_of
from conformance.faults.network_parts import Network
from conformance.outcome import NotClaimed
from conformance.problems.build import build_loss, build_problem, poison_padding
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.problems.question import Question
from lstm_spec import Backend, Shapes
from lstm_spec.types import Array
from lstm_spec.variants import KINDS

KNOWN = sum(fault.kind != "contract" for fault in NETWORK_FAULTS.values())
ROUGHLY = 2.0**8  # unit roundoffs of the largest number of an output
SIZES = ((5, 3, 3, 4), (6, 4, 2, 5), (4, 3, 4, 4))  # T, B, I, H
NUMBERS = ("dense", "dense", "by-width", "dense", "dense", "wide")  # of x, W, U, b, h and c
ELSEWHERE = (  # forms on which what looks the same is told apart, as far as they are claimed
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


@dataclass(frozen=True, eq=False)
class Probes:
    """Dense problems of one form."""

    questions: tuple[Question, ...]

    @property
    def where(self) -> str:
        return f"{len(self.questions)} dense probes"


class Pass(NamedTuple):
    """What a backend is asked for, in parts; and the kind of fault that only this shows."""

    kind: str
    parts: Parted


def diagnose_network(backend: Backend, dtype: str, forms: Iterable[Form]) -> Diagnosis | None:
    """The faults whose outputs the backend's cannot be told from; None where it cannot be asked.

    `forms` are those at which it was refuted; the first that shows a mistake is diagnosed.
    """
    passes = (FORWARD, GRADIENT) if backend.gradients else (FORWARD,)
    answered = False
    for asked, of in ((asked, of) for form in forms for asked in probes(form, dtype, backend) for of in passes):
        found = answers(of.parts, backend, asked.questions)
        if found is None:
            return None
        answered = True
        if not _fits("", found, of, asked):
            return _diagnosed(backend, of, asked, found)
    right = "on the probes of the diagnosis its answers are those of the equations"
    return Diagnosis((), KNOWN, "", right) if answered else None


def _diagnosed(backend: Backend, of: Pass, asked: Probes, found: list[list[Array]]) -> Diagnosis:
    known = [fault for fault in NETWORK_FAULTS.values() if fault.kind == of.kind]
    fitting = tuple(fault for fault in known if _fits(fault.name, found, of, asked))
    dtype = asked.questions[0].problem.dtype.name
    claims = backend.description.features
    for form in ELSEWHERE:
        if len(fitting) > 1 and form.features <= claims:
            fitting = _told_apart(fitting, backend, of, probes(form, dtype, backend))
    return Diagnosis(fitting, KNOWN, asked.where)


def _told_apart(fitting: tuple[Fault, ...], backend: Backend, of: Pass, elsewhere: list[Probes]) -> tuple[Fault, ...]:
    """Those that fit there, too; all where that is none."""
    for asked in elsewhere:
        found = answers(of.parts, backend, asked.questions)
        if found is not None:
            fitting = tuple(fault for fault in fitting if _fits(fault.name, found, of, asked)) or fitting
    return fitting


# ---------------------------------------------------------------- what is asked


def probes(form: Form, dtype: str, backend: Backend) -> list[Probes]:
    """Dense problems of that form; none where the shapes of the backend leave none."""
    return list(_probes(form, dtype, backend.description.shapes))


@cache
def _probes(form: Form, dtype: str, shapes: Shapes) -> tuple[Probes, ...]:
    """Made once, so that what faults make of them is kept."""
    try:
        return (Probes(tuple(_questions(form, dtype, shapes))),)
    except NotClaimed:
        return ()


def _questions(form: Form, dtype: str, shapes: Shapes) -> Iterator[Question]:
    """The second has as many samples as the state has rows; the last, where there is padding, no numbers in it."""
    rows = form.layers * len(form.directions)
    for k, (T, B, I, H) in enumerate(SIZES):
        sizes = fitted((T, rows if k == 1 and rows > 1 else B, I, H), shapes)
        problem = build_problem(np.dtype(dtype), form, sizes, NUMBERS, SEEDS[k])
        d = build_loss(problem, ("dense",) * 3, k)
        if problem.lengths is not None:
            problem = replace(problem, lengths=_lengths(k, sizes, form.lengths == "zeros"))
        if problem.lengths is not None and k == len(SIZES) - 1:
            beyond = ~mark_valid_steps(problem)
            dy = frozen(np.where(beyond, np.nan, d.y).astype(d.y.dtype))
            problem, d = poison_padding(problem, k), replace(d, y=dy)
        yield Question(problem, d)


SEEDS = (1001, 1002, 1003)


def _lengths(k: int, sizes: tuple[int, int, int, int], zeros: bool) -> Array:
    """In no order; in the second problem one is whole, in the others none is, where they are long enough."""
    T, B, _, _ = sizes
    lengths = 1 + (2 * np.arange(B) + (T - 1 if k == 1 else 1)) % max(T if k == 1 else T - 1, 1)
    if zeros:
        lengths[B // 2] = 0
    return frozen(np.minimum(lengths, T).astype(np.int64))


# ---------------------------------------------------------------- what is answered


def _answer_parts(backend: Backend, question: Question) -> list[Array]:
    answer = backend.forward(question.problem)
    assert_answer_shaped(answer, question.problem)
    return [answer.y, *answer.state]


def _gradient_parts(backend: Backend, question: Question) -> list[Array]:
    assert backend.gradients is not None
    _, g = backend.gradients(*question)
    assert_gradients_shaped(g, question.problem)
    return [*(a for row in g.parameters for p in row for a in name_arrays(p).values()), g.x, *g.state]


FORWARD = Pass("forward", _answer_parts)
GRADIENT = Pass("gradient", _gradient_parts)


@cache
def _made(name: str, of: Pass, asked: Probes) -> list[list[Array]]:
    """What the fault of that name makes of the probes, or what is right."""
    faulty = NETWORK_FAULTS[name].backend() if name else made_of("right", Network())
    return [of.parts(faulty, question) for question in asked.questions]


def _fits(name: str, found: list[list[Array]], of: Pass, asked: Probes) -> bool:
    """Whether the fault of that name, or what is right, cannot be told from what was found."""
    made, right = _made(name, of, asked), _made("", of, asked)
    return all(
        _near(a, b, like)
        for mine, yours, likes in zip(found, made, right, strict=True)
        for a, b, like in zip(mine, yours, likes, strict=True)
    )


def _near(a: Array, b: Array, right: Array) -> bool:
    """Within a rough tolerance, relative to the size of what is right; NaN is near NaN."""
    size = np.nanmax(np.abs(right), initial=0) + np.abs(b)
    with np.errstate(invalid="ignore"):
        near = np.abs(a.astype(np.float64) - b) <= ROUGHLY * limits(a.dtype).eps * size
        return bool((near | (np.isnan(a) & np.isnan(b))).all())
