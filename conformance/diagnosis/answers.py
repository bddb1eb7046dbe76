"""What a backend, a fault or the equations answer to the probes, and whether two answers are the same.

The tolerance is rough, because the diagnosis names a cause and decides nothing.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from conformance.arrays import limits
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.diagnosis.probes import Probes
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question, widen_question
from conformance.tolerance.backpropagation import free_backpropagation
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import REFERENCE, Backend, ErrorModel, Parameters, pack
from lstm_spec.types import Array

Parts = list[Array]  # of one answer
ROUGHLY = 2.0**6  # unit roundoffs that a fault's own rounding may come to
AT_MOST = 2.0**-5  # the most that they may come to, however coarse the dtype
OF_THE_LARGEST = 2.0**8  # unit roundoffs of the largest number of a part, if no error model says more
OWN_DTYPE = ("precision", "activation", "overflow")  # families of faults that depend on the dtype they run in


class Pass(NamedTuple):
    """Forward or backward: the kind of fault that only this pass shows, its parts, and how far each may be off."""

    kind: str
    ask: Callable[[Backend, Question], Parts]
    bound: Callable[[Question, ErrorModel], Parts]


def _ask_forward(backend: Backend, question: Question) -> Parts:
    answer = backend.forward(question.problem)
    assert_answer_shaped(answer, question.problem)
    return [answer.y, *answer.state]


def _bound_forward(question: Question, model: ErrorModel) -> Parts:
    run = free_trajectory(question.problem, model)
    return [2 * run.h.error, 2 * run.h.error[-1], 2 * run.last.error]


def _ask_gradients(backend: Backend, question: Question) -> Parts:
    _, g = backend.differentiate(*question)
    assert_gradients_shaped(g, question.problem)
    return [*(a for row in g.parameters for p in row for a in _stack_gates(p)), g.x, *g.state]


def _stack_gates(p: Parameters) -> Parts:
    peepholes = [gate.p for gate in p.gates.values() if gate.p is not None]
    return [*pack(p), *peepholes, *([] if p.R is None else [p.R])]


def _bound_gradients(question: Question, model: ErrorModel) -> Parts:
    problem, d = question
    expected = free_backpropagation(problem, free_trajectory(problem, model), d, model)
    return [2 * getattr(expected, name).error for name in ("dW", "dU", "db", "dx", "dh", "dc")]


FORWARD = Pass("forward", _ask_forward, _bound_forward)
GRADIENT = Pass("gradient", _ask_gradients, _bound_gradients)


def ask_probes(backend: Backend, which: Pass, probes: Probes) -> list[Parts] | None:
    """What the backend answers to each probe; None if it fails, which its verdicts report."""
    try:
        return [which.ask(backend, question) for question in probes.questions]
    except (Errored, Refuted):
        return None


def describe_malformed(backend: Backend, which: Pass, probes: Probes) -> str:
    """What is wrong with the shapes of the backend's answers to the probes; empty if nothing is."""
    for question in probes.questions:
        try:
            which.ask(backend, question)
        except Refuted as refuted:
            T, B, I, H = question.problem.sizes
            return "" if refuted.clause == "SHAPE-2" else f"at T, B, I, H = {T}, {B}, {I}, {H} {refuted.reason}"
        except Errored:
            return ""
    return ""


@cache
def answer_probes(name: str, which: Pass, probes: Probes) -> list[Parts]:
    """What the fault of that name answers to each probe, or the equations if the name is empty.

    In float64, so that rounding does not matter, unless the fault depends on the dtype.
    """
    backend = FAULTS[name].backend() if name else REFERENCE
    wide = not name or FAULTS[name].family not in OWN_DTYPE
    return [which.ask(backend, widen_question(question) if wide else question) for question in probes.questions]


def is_answered_by(name: str, answers: list[Parts], which: Pass, probes: Probes) -> bool:
    """Whether these answers cannot be told from those of that fault, or of the equations if the name is empty."""
    questions = zip(answers, answer_probes(name, which, probes), _bound_errors(which, probes), strict=True)
    return all(_is_near(a, b, room) for parts in questions for a, b, room in zip(*parts, strict=True))


@cache
def is_hidden(name: str, which: Pass, probes: Probes) -> bool:
    """Whether the answers of that fault to these probes are right."""
    return is_answered_by("", answer_probes(name, which, probes), which, probes)


@cache
def _bound_errors(which: Pass, probes: Probes) -> list[Parts]:
    """How far each part of a right answer may be off."""
    if probes.model is not None:
        return [which.bound(question, probes.model) for question in probes.questions]
    unit = OF_THE_LARGEST * limits(probes.questions[0].problem.dtype).eps
    right = answer_probes("", which, probes)
    return [[np.asarray(unit * np.nanmax(np.abs(a), initial=0)) for a in parts] for parts in right]


def _is_near(a: Array, b: Array, room: Array) -> bool:
    """Whether a is b, but for rounding; NaN is near NaN, because a fault may be one of overflow."""
    with np.errstate(invalid="ignore"):
        room = room + min(ROUGHLY * limits(a.dtype).eps, AT_MOST) * np.abs(b)
        return bool(((np.abs(a.astype(np.float64) - b) <= room) | (np.isnan(a) & np.isnan(b))).all())
