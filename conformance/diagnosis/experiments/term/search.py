"""The search for the formula of one step, in the answers or in the gradients."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime
from conformance.diagnosis.experiments.term.asking import (
    ELSEWHERE,
    LATER,
    STEPS,
    WIDTH,
    Asking,
    Seen,
    is_near,
    measure_room,
)
from conformance.diagnosis.experiments.term.backward import explain_gates, explain_sums, measure_batch
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import Formula, Values, answer
from conformance.diagnosis.experiments.term.forward import Unknown, explain_step
from conformance.diagnosis.experiments.term.gradient import Explanation, describe_gradients
from conformance.diagnosis.experiments.term.parts import run_formula
from conformance.diagnosis.experiments.term.sequence import (
    RIGHT,
    find_end,
    find_limit,
    has_own_gradients,
    pair_gradients,
)
from conformance.diagnosis.experiments.term.shared import find_coarse_sigma, turn_forget_gate
from conformance.diagnosis.experiments.term.steps import explain_steps
from conformance.diagnosis.experiments.term.words import describe_formula, describe_rounding
from conformance.outcome import Errored, Refuted
from lstm_spec import Answer
from lstm_spec.types import Array

KINDS = ("standard", "peephole", "coupled", "no forget gate")


def find_term(laboratory: Laboratory) -> Finding | None:
    """What the backend computes in one step in place of the equations; None if one step is right, or cannot be asked.

    A formula is named only if it also gives the answers to several steps.
    """
    asking = Asking(laboratory)
    if laboratory.form.kind not in KINDS:
        return None
    try:
        with np.errstate(all="ignore"):
            return _find_in_gradients(asking) if laboratory.backward else _find_in_answers(asking)
    except (Errored, Refuted, OutOfTime, np.linalg.LinAlgError):
        return None


def _find_in_answers(asking: Asking) -> Finding | None:
    expected, seen = asking.formula, asking.see()
    seen = seen if np.isfinite(seen.c).all() else asking.see(far=1.0)
    values = run_formula(expected, seen)
    if is_right(seen, values):
        return find_later(asking, expected) or find_coarse_sigma(asking)
    tried, unknown = list[Formula](), ""
    try:
        for found in explain_step(asking, expected, seen):
            tried.append(found)
            for each in (found, replace(found, carries=True)):
                if gives_answers(asking, each):
                    return name_formula(asking, each)
    except Unknown as error:
        unknown = str(error)
    if later := next(filter(None, (find_later(asking, found) for found in tried)), None):
        return later
    near = asking.see(far=1.0)
    if unknown and is_right(near, run_formula(expected, near)):
        return Finding("one step is right if inputs and cell states are small, and wrong if they are large", False)
    pairs = ((seen.y, values["h′"]), (seen.h, values["h′"]), (seen.c, values["c′"]))
    if not tried and (rounding := describe_rounding(pairs)):
        return Finding(rounding, False, is_condition=False)
    if not tried:
        return Finding(
            f"in one step {unknown} is not that of the equations; its formula is unknown", False, is_condition=False
        )
    said = (
        f"in one step {describe_formula(tried[-1], expected)}; over several steps the answers differ from that as well"
    )
    return Finding(said, False, is_condition=False)


def name_formula(asking: Asking, formula: Formula, *more: str) -> Finding:
    """The formula of the answers in words, and what is wrong with the gradients besides."""
    said = [*([describe_formula(formula, asking.formula)] if formula != asking.formula else []), *more]
    laboratory, own = asking.laboratory, None
    if laboratory.backend.gradients is not None and asking.form.kind == "standard":
        second = Asking(laboratory.turn_backward(), formula)
        with suppress(Errored, Refuted, np.linalg.LinAlgError):
            own = RIGHT if gives_gradients(second, RIGHT) else None
            if own is None and not has_own_gradients(second) and (others := find_second(second)):
                said.append(f"in its gradients, {others}")
    return Finding("; ".join(said), True, computed=make_backend_of(formula, laboratory.backend, own, asking.form.kind))


def find_second(asking: Asking) -> str:
    """What is wrong with the gradients of a backend that has another formula; empty if nothing is, or it is unknown."""
    found, other = find_slopes(asking), turn_forget_gate(asking.formula)
    if found is None or not found.is_certain or (other and find_slopes(replace(asking, cell=other)) is None):
        return ""
    return found.sentence


def find_later(asking: Asking, formula: Formula) -> Finding | None:
    """How later steps differ from a formula that is that of one step; None if they do not, or that is not found."""
    if gives_answers(asking, formula):
        return None
    if order := find_order(asking, formula):
        return name_formula(asking, formula, order)
    for found in list_later(asking, formula):
        for each in (found, replace(found, wraps=True), replace(found, first=formula)):
            if gives_answers(asking, each):
                return name_formula(asking, each)
    return None


def list_later(asking: Asking, formula: Formula) -> Iterator[Formula]:
    """Formulas that may be those of later steps."""
    if seen := asking.see_later():
        with suppress(Unknown):
            yield from explain_step(asking, formula, seen)
    if reads := find_reads(asking, formula):
        yield reads
    for name in (*LATER, "x[t−1]") if seen is None else ():
        yield read_elsewhere(formula, dict.fromkeys(formula.gates, name))


def read_elsewhere(formula: Formula, names: Mapping[str, str]) -> Formula:
    """The formula with another x in these gates."""
    for k, name in names.items():
        terms = {f"W_{k} {name}" if term == f"W_{k} x" else term: a for term, a in formula.gates[k].terms.items()}
        formula = formula.change_gate(k, replace(formula.gates[k], terms=terms))
    return formula


def find_reads(asking: Asking, formula: Formula) -> Formula | None:
    """The formula with the x that each gate reads where the other gates read none; None if one reads another."""
    names = dict[str, str]()
    for k in [k for k, gate in formula.gates.items() if f"W_{k} x" in gate.terms]:
        alone = replace(asking, reading=k)
        each = (name for name in ("x", *ELSEWHERE) if gives_answers(alone, read_elsewhere(formula, {k: name})))
        if (found := next(each, None)) is None:
            return None
        names[k] = found
    return read_elsewhere(formula, names)


def find_order(asking: Asking, formula: Formula) -> str:
    """That y has the right outputs at wrong steps; empty if it is not so."""
    got, own, room = ask_both(asking, formula)
    if not all(is_near(a, b, room) for a, b in zip(got.state, own.state, strict=True)):
        return ""
    from_steps = [*own.y, np.zeros_like(own.y[0])]
    places = [next((k for k, h in enumerate(from_steps) if is_near(y, h, room)), -1) for y in got.y]
    if -1 in places or places == [*range(STEPS)]:
        return ""
    steps = ", ".join("none" if k == STEPS else str(k) for k in places)
    return f"the output y is h′ of other steps: at the steps 0 to {STEPS - 1} that of {steps}"


def _find_in_gradients(asking: Asking) -> Finding | None:
    """The same for gradients, of the standard cell; its answers are taken to be those of the formula.

    Where it does not answer, it is asked as many samples as units or as rows of gates, and then one sample.
    """
    if asking.form.kind != "standard":
        return None
    try:
        return find_slopes(asking)
    except (Errored, Refuted):
        for few, sizes in ((WIDTH, "B = H"), (4 * WIDTH, "B = 4 H")):
            with suppress(Errored, Refuted):
                if found := explain_steps(replace(asking, few=few), RIGHT):
                    return Finding(
                        f"{describe_gradients(found)}, where {sizes}; with other sizes it does not answer", True
                    )
        alone = find_slopes(replace(asking, few=1))
        return alone and alone._replace(sentence=f"with one sample, {alone.sentence}; with more it does not answer")


def find_slopes(asking: Asking) -> Finding | None:
    """What differs in one step, and what else in several."""
    if limit := find_limit(asking):
        return limit
    batch = measure_batch(asking) if asking.few > 1 else {}
    found = Explanation(explain_gates(asking), explain_sums(asking), batch)
    said = describe_gradients(found)
    if found.gates and not (found.sums or found.batch) and gives_gradients(asking, RIGHT):
        return None  # only what is asked with zeros is wrong
    if not found.is_whole:
        pairs = pair_gradients(asking, asking.make_question(1, asking.few, 1, far=1.0)).values()
        scaled = [(a / np.abs(b).max(), b / np.abs(b).max()) for a, b in pairs]
        if rounding := describe_rounding(scaled):
            return Finding(rounding, False, is_condition=False)
        return Finding(f"in one step {said}", False, is_condition=False)
    for each in (found, replace(found, only_ends=True)):
        if gives_gradients(asking, each):
            return find_end(asking) if found.is_right else name_gradients(asking, each)
    for each in (RIGHT, found):
        if whole := explain_steps(asking, each):
            return name_gradients(asking, whole)
    if found.is_right:
        return find_end(asking)
    return Finding(
        f"in one step {said}; over several steps the gradients differ from that as well", False, is_condition=False
    )


def name_gradients(asking: Asking, found: Explanation) -> Finding:
    """The explanation of the gradients in words, and what computes it if that is known."""
    computed = make_backend_of(asking.formula, asking.laboratory.backend, found) if found.is_computed else None
    return Finding(describe_gradients(found), True, computed=computed)


def gives_gradients(asking: Asking, found: Explanation) -> bool:
    """Whether the explanation gives the backend's gradients of a few steps of a few samples."""
    asking.laboratory.check_time()
    question = asking.make_question(STEPS, asking.few, 1, far=1.0)
    pairs = pair_gradients(asking, question, found)
    room = 2 * measure_room(asking.laboratory.dtype, *(np.abs(b).max() for _, b in pairs.values()))
    return all(is_near(a, b, room) for a, b in pairs.values())


def is_right(seen: Seen, values: Values) -> bool:
    """Whether the answers are the formula's."""
    return all(seen.is_near(got, values[k]) for k, got in (("h′", seen.y), ("h′", seen.h), ("c′", seen.c)))


def gives_answers(asking: Asking, formula: Formula) -> bool:
    """Whether the formula gives the backend's answers to a few steps of a few samples."""
    got, own, _ = ask_both(asking, formula)
    pairs = ((got.y, own.y), (got.state.h, own.state.h), (got.state.c, own.state.c))
    return all(is_near(a, b, measure_room(asking.laboratory.dtype, a, b)) for a, b in pairs)


def ask_both(asking: Asking, formula: Formula) -> tuple[Answer, Answer, Array]:
    """What the backend and the formula answer to a few steps of a few samples, and the room of one step."""
    asking.laboratory.check_time()
    problem = asking.make_question(STEPS, asking.few, seed=1).problem
    got, own = asking.laboratory.answer(problem), answer(formula, problem)
    return got, own, measure_room(asking.laboratory.dtype, np.max(np.abs(own.state.c)))
