"""The search for what layers and directions take from the wrong place, at the richest networks that are claimed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime
from conformance.diagnosis.experiments.term.asking import FILLINGS, is_near, measure_room
from conformance.diagnosis.experiments.term.formula import Formula, write_formula
from conformance.diagnosis.experiments.term.gradients.pairing import RIGHT
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation
from conformance.diagnosis.experiments.wiring.backward import Routes, are_routed, explain_gradients
from conformance.diagnosis.experiments.wiring.forward import Near, explain_answers, is_explained
from conformance.diagnosis.experiments.wiring.network import Network, Wiring
from conformance.diagnosis.experiments.wiring.padding import find_leak
from conformance.diagnosis.experiments.wiring.words import describe_routes, describe_wiring
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from conformance.problems.question import Question
from lstm_spec.types import Array

KINDS = ("standard", "peephole", "coupled", "no forget gate")
STEPS, SAMPLES, WIDTH = 5, 4, 4
SEEDS = (11, 12)  # of the question that is explained, and of the one that the explanation has to give as well


def list_networks(laboratory: Laboratory) -> Iterator[Form]:
    """Forms that show the most, as far as they are claimed."""
    claimed, kind = laboratory.backend.description.features, laboratory.form.kind
    for layers, directions in ((3, BOTH), (2, BOTH), (3, FORWARD), (1, BOTH), (1, REVERSE), (1, FORWARD)):
        for lengths in ("any", ""):
            form = Form(layers, directions, kind, lengths=lengths)
            if form.features <= claimed and form != Form(kind=kind):
                yield form


def find_wiring(
    laboratory: Laboratory, cell: Formula | None = None, besides: bool = False, own: Explanation | None = None
) -> Finding | None:
    """What layers and directions take from the wrong place; None if nothing is wrong, or that is not known.

    `cell`: the formula of the cells, if that is not the one of the equations. `besides`: whether another mistake is
    known already; then what reaches beyond the lengths is named although it explains nothing else. `own`: how the
    gradients of a cell are made, if it is not as they should be.
    """
    own = own or (None if besides else RIGHT)
    cell = cell or write_formula(laboratory.form.kind)
    if laboratory.form.kind not in KINDS:
        return None
    for form in list_networks(laboratory):
        with suppress(Errored, Refuted, NotClaimed, OutOfTime, np.linalg.LinAlgError), np.errstate(all="ignore"):
            each = replace(laboratory, form=form)
            if not laboratory.backward:
                found = _find_in_answers(each, cell)
            else:
                found = _find_in_gradients(each, cell, own) if own and own.is_of_one_step else None
            if besides and not found:
                found = find_leak(each, make_question(each, SEEDS[0]))
            if found:
                return found
    return None


def make_question(laboratory: Laboratory, seed: int) -> Question:
    """A dense question; layers read as many numbers as they give, and lengths are different, one of them whole."""
    D = len(laboratory.form.directions)
    question = laboratory.make_question((STEPS, SAMPLES, D * WIDTH, WIDTH), seed, FILLINGS)
    T, B = question.problem.x.shape[:2]
    if question.problem.lengths is None:
        return question
    lengths = 1 + (2 * np.arange(B) + seed) % T
    lengths[-1] = T
    return question._replace(problem=replace(question.problem, lengths=frozen(lengths)))


def _find_in_answers(laboratory: Laboratory, cell: Formula) -> Finding | None:
    questions = [make_question(laboratory, seed) for seed in SEEDS]
    networks = [Network(q.problem, cell) for q in questions]
    answers = [laboratory.answer(q.problem) for q in questions]
    near = compare_at(laboratory.dtype)
    if all(is_explained(n, Wiring(), a, near) for n, a in zip(networks, answers, strict=True)):
        return find_leak(laboratory, questions[0])
    for wiring in explain_answers(networks[0], answers[0], near):
        if is_explained(networks[1], wiring, answers[1], near):
            return Finding(describe_wiring(networks[0], wiring), True)
    return None


def _find_in_gradients(laboratory: Laboratory, cell: Formula, own: Explanation) -> Finding | None:
    if laboratory.form.kind != "standard":
        return None
    questions = [make_question(laboratory, seed) for seed in SEEDS]
    networks = [Network(q.problem, cell) for q in questions]
    found = [laboratory.differentiate(q)[1] for q in questions]

    def room(a: Array) -> float:
        return 2 * float(measure_room(laboratory.dtype, np.abs(a).max(initial=0)))

    routes = explain_gradients(networks[0], questions[0], found[0], room, own)
    if routes is None or not are_routed(networks[1], questions[1], found[1], room, own, routes):
        return None
    if routes == Routes():
        return find_leak(laboratory, questions[0])
    return Finding(describe_routes(networks[0], routes), True)


def compare_at(dtype: str) -> Near:
    """Whether numbers are the same but for rounding in this dtype."""
    return lambda a, b: a.shape == b.shape and is_near(a, b, measure_room(dtype, b))
