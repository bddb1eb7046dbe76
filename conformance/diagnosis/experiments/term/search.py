"""The search for the formula of one step, in the answers or in the gradients."""

from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime
from conformance.diagnosis.experiments.term.asking import Asking, Seen, is_near, measure_room
from conformance.diagnosis.experiments.term.formula import Formula, Values, answer, write_formula
from conformance.diagnosis.experiments.term.forward import Unknown, explain_step
from conformance.diagnosis.experiments.term.parts import run_formula
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
        return _find_in_answers(asking)
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


def is_right(seen: Seen, values: Values) -> bool:
    """Whether the answers are the formula's."""
    return all(seen.is_near(got, values[k]) for k, got in (("h′", seen.y), ("h′", seen.h), ("c′", seen.c)))


def gives_answers(asking: Asking, formula: Formula) -> bool:
    """Whether the formula gives the backend's answers to a few steps of a few samples."""
    asking.check_time()
    problem = asking.make_question(STEPS, FEW, seed=1).problem
    got, own = asking.laboratory.backend.forward(problem), answer(formula, problem)
    pairs = ((got.y, own.y), (got.state.h, own.state.h), (got.state.c, own.state.c))
    return all(is_near(a, b, measure_room(asking.laboratory.dtype, a, b)) for a, b in pairs)
