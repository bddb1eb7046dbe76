"""The search for the formula of one step, in the answers or in the gradients."""

from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime
from conformance.diagnosis.experiments.term.asking import Asking, Seen, is_near, measure_room
from conformance.diagnosis.experiments.term.backward import explain_gates, explain_sums, measure_batch
from conformance.diagnosis.experiments.term.formula import Formula, Values, answer, write_formula
from conformance.diagnosis.experiments.term.forward import Unknown, explain_step
from conformance.diagnosis.experiments.term.gradient import Explanation, describe_gradients
from conformance.diagnosis.experiments.term.parts import run_formula
from conformance.diagnosis.experiments.term.sequence import find_end, find_limit, pair_gradients
from conformance.diagnosis.experiments.term.words import describe_formula
from conformance.outcome import Errored, Refuted

STEPS, FEW = 4, 6
KINDS = ("standard", "peephole", "coupled", "no forget gate")


def find_term(laboratory: Laboratory) -> Finding | None:
    """What the backend computes in one step in place of the equations; None if one step is right, or cannot be asked.

    A formula is named only if it also gives the answers to several steps.
    """
    asking = Asking(laboratory)
    if laboratory.form.kind not in KINDS:
        return None
    try:
        return _find_in_gradients(asking) if laboratory.backward else _find_in_answers(asking)
    except (Errored, Refuted, OutOfTime):
        return None


def _find_in_answers(asking: Asking) -> Finding | None:
    expected, seen = write_formula(asking.form.kind), asking.see()
    values = run_formula(expected, seen)
    if is_right(seen, values):
        return None
    said = []
    try:
        for found in explain_step(asking, expected, seen):
            said.append(describe_formula(found, expected))
            if gives_answers(asking, found):
                return Finding(said[-1], True)
    except Unknown as unknown:
        near = asking.see(far=1.0)
        if is_right(near, run_formula(expected, near)):
            return Finding("one step is right if inputs and cell states are small, and wrong if they are large", True)
        if not said:
            return Finding(f"in one step {unknown} is not that of the equations; its formula is unknown", False)
    return Finding(f"in one step {said[-1]}; over several steps the answers differ from that as well", False)


def _find_in_gradients(asking: Asking) -> Finding | None:
    """The same for gradients, of the standard cell; its answers are taken to be right."""
    if asking.form.kind != "standard":
        return None
    if limit := find_limit(asking):
        return limit
    found = Explanation(explain_gates(asking), explain_sums(asking), measure_batch(asking))
    if found.is_right:
        return find_end(asking)
    said = describe_gradients(found)
    if not found.is_whole:
        return Finding(f"in one step {said}", False)
    for each in (found, replace(found, only_ends=True)):
        if gives_gradients(asking, each):
            return Finding(describe_gradients(each), True)
    return Finding(f"in one step {said}; over several steps the gradients differ from that as well", False)


def gives_gradients(asking: Asking, found: Explanation) -> bool:
    """Whether the explanation gives the backend's gradients of a few steps of a few samples."""
    asking.laboratory.check_time()
    question = asking.make_question(STEPS, FEW, 1, far=1.0)
    pairs = pair_gradients(asking, question, found)
    room = 2 * measure_room(asking.laboratory.dtype, *(np.abs(b).max() for _, b in pairs.values()))
    return all(is_near(a, b, room) for a, b in pairs.values())


def is_right(seen: Seen, values: Values) -> bool:
    """Whether the answers are the formula's."""
    return all(seen.is_near(got, values[k]) for k, got in (("h′", seen.y), ("h′", seen.h), ("c′", seen.c)))


def gives_answers(asking: Asking, formula: Formula) -> bool:
    """Whether the formula gives the backend's answers to a few steps of a few samples."""
    asking.laboratory.check_time()
    problem = asking.make_question(STEPS, FEW, seed=1).problem
    got, own = asking.laboratory.answer(problem), answer(formula, problem)
    pairs = ((got.y, own.y), (got.state.h, own.state.h), (got.state.c, own.state.c))
    return all(is_near(a, b, measure_room(asking.laboratory.dtype, a, b)) for a, b in pairs)
