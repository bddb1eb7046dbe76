"""The search for the formula of one step, in the answers or in the gradients."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime
from conformance.diagnosis.experiments.term.asking import (
    ELSEWHERE,
    FAR,
    LATER,
    STEPS,
    WIDTH,
    Asking,
    Seen,
    is_near,
    measure_room,
)
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import Formula, Values, answer, list_sums, scale_number
from conformance.diagnosis.experiments.term.forward import Unknown, explain_step
from conformance.diagnosis.experiments.term.gradients.search import Second, find_in_gradients, find_second
from conformance.diagnosis.experiments.term.normalised import find_normalised
from conformance.diagnosis.experiments.term.parts import run_formula
from conformance.diagnosis.experiments.term.shared import find_coarse_sigma
from conformance.diagnosis.experiments.term.words import describe_formula, describe_rounding, find_broken_clause
from conformance.outcome import Errored, Refuted
from lstm_spec import Answer
from lstm_spec.types import Array

OTHER_WIDTH, NEAR_LAW = (5, 12), 1e-3
LAWS: dict[str, Callable[[int, int], float]] = {
    "1/√I": lambda inputs, units: inputs**-0.5,
    "1/√H": lambda inputs, units: units**-0.5,
    "1/I": lambda inputs, units: 1 / inputs,
    "1/H": lambda inputs, units: 1 / units,
    "√I": lambda inputs, units: inputs**0.5,
    "√H": lambda inputs, units: units**0.5,
    "1/√(I + H)": lambda inputs, units: (inputs + units) ** -0.5,
}
KINDS = ("standard", "peephole", "coupled", "no forget gate")


def find_term(laboratory: Laboratory, width: int = WIDTH) -> Finding | None:
    """What the backend computes in one step in place of the equations; None if one step is right, or cannot be asked.

    A formula is named only if it also gives the answers to several steps. `width`: the number of inputs and of units.
    """
    asking = Asking(laboratory, width=(width, width))
    if laboratory.form.kind not in KINDS:
        return None
    try:
        with np.errstate(all="ignore"):
            return find_in_gradients(asking) if laboratory.backward else _find_in_answers(asking)
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
            for each in (found, replace(found, carries=True), return_initial(found)):
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
    if normalised := None if tried else find_normalised(asking):
        return normalised
    if not tried:
        return Finding(
            f"in one step {unknown} is not that of the equations; its formula is unknown", False, is_condition=False
        )
    said = (
        f"in one step {describe_formula(tried[-1], expected)}; over several steps the answers differ from that as well"
    )
    return Finding(said, False, is_condition=False)


def return_initial(formula: Formula) -> Formula:
    """The formula that returns the states before the first step where it returns those before the last one."""
    shown = {
        name: {f"{k}_0" if k in ("h", "c") else k: a for k, a in sums.items()} for name, sums in formula.shown.items()
    }
    return replace(formula, shown=shown)


def name_formula(asking: Asking, formula: Formula, *more: str) -> Finding:
    """The formula of the answers in words, and what is wrong with the gradients besides."""
    said = [*([describe_formula(formula, asking.formula)] if formula != asking.formula else []), *more]
    law = find_law(asking, formula)
    said += [law] if law else []
    laboratory, second = asking.laboratory, Second()
    if laboratory.backend.gradients is not None and asking.form.kind == "standard":
        second = find_second(replace(asking, laboratory=laboratory.turn_backward(), cell=formula))
        said += [f"in its gradients, {second.wrong}"] if second.wrong else []
    kind, own = asking.form.kind, second.computed
    computed = None if law else make_backend_of(formula, laboratory.backend, own, kind, second.is_own)
    is_one = len(said) == 1 and not more and asking.form.kind == "standard"
    clause = find_broken_clause(formula, asking.formula) if is_one else ""
    return Finding("; ".join(said), True, computed=computed, clause=clause, formula=formula, gradients=second.explained)


def find_law(asking: Asking, formula: Formula) -> str:
    """That a number of the formula is a power of a size, in words; empty if it is the same at other sizes."""
    numbers = {abs(a) for terms in list_sums(formula) for a in terms.values()}
    for number in sorted(numbers):
        for law, evaluate in LAWS.items():
            if not np.isclose(number, evaluate(*asking.width), rtol=NEAR_LAW):
                continue
            elsewhere = replace(asking, width=OTHER_WIDTH)
            by = evaluate(*OTHER_WIDTH) / number
            if gives_answers(elsewhere, scale_number(formula, number, by)) and not gives_answers(elsewhere, formula):
                return f"{number:.4g} is {law}"
    return ""


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
    for far in (FAR, 1.0):  # what is not bounded may overflow
        problem = asking.make_question(STEPS, asking.few, 1, far).problem
        got, own = asking.laboratory.answer(problem), answer(formula, problem)
        if np.isfinite(got.y).all() and np.isfinite(got.state.c).all():
            break
    return got, own, measure_room(asking.laboratory.dtype, np.max(np.abs(own.state.c)))
