"""One part of a step changed: other products, one other gate or another function that give what was seen."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.term.asking import Seen
from conformance.diagnosis.experiments.term.fitting import Coefficients, Shape, fit_shape, fit_terms
from conformance.diagnosis.experiments.term.formula import (
    SAME,
    SIGMA,
    TANH,
    WHOLE,
    Formula,
    GateFormula,
    Values,
    add_up,
    begin,
    compute,
    list_summands,
    multiply,
)
from lstm_spec.types import GATES, Array

GATE_LETTERS = {*GATES}
SHAPES = (SIGMA, TANH, SAME, Shape("softsign"), *(Shape("", 1, s, 0, 0.5, 0, 1) for s in (0.2, 1 / 6, 0.25)))


def run_formula(formula: Formula, seen: Seen) -> Values:
    """The formula's values for the question that was seen."""
    return compute(formula, seen.layer, seen.x, begin(formula, seen.state), seen.elsewhere)


def explain_part(formula: Formula, part: str, seen: Seen, only_sums: bool = False) -> Formula | None:
    """The formula with other products, one other gate or another function, if that gives what was seen.

    `only_sums`: no other function; a tenth of the time.
    """
    got, name = (seen.c, "c′") if part == "c" else (seen.h, "h′")
    changes = (change_products, change_summands) if only_sums else (change_products, change_gates, change_function)
    for changed in (found for change in changes for found in change(formula, part, seen)):
        if seen.is_near(got, run_formula(changed, seen)[name]):
            return changed
    return None


def change_products(formula: Formula, part: str, seen: Seen) -> Iterator[Formula]:
    """The formula with sums of other products of gates and states."""
    values, one = run_formula(formula, seen), np.ones_like(seen.c)
    gates = {k: values[k] for k in formula.gates}
    if part == "c":
        old = {k: values[k] for k in ("c", "h", "tanh(c)")} | {k: a for k, a in seen.elsewhere.items() if k[0] in "hc"}
        few = {k: v for k, v in gates.items() if k != "o"}
        more = multiply(gates, old) | {f"{k} {k}": a * a for k, a in gates.items()}
        more |= {f"o {name}": gates["o"] * values[name] for name in (WHOLE,) if "o" in gates and name in values.of}
        for terms in (multiply(few, {"c": old["c"]}), more):
            if (found := fit_terms(seen.c, one, terms, seen.room)) is not None:
                yield replace(formula, c=found)
        return
    new = {"s": values["s"], "c′": values["c′"], "σ(c′)": values["σ(c′)"]}
    old = {k: values[k] for k in ("c", "tanh(c)", "h")}
    for outer in (SAME, TANH):
        with np.errstate(all="ignore"):
            inside, weight = outer.invert(seen.h), outer.measure_slope(outer.invert(seen.h))
        for terms in (multiply({"o": gates["o"]}, new), multiply(gates, new | old)):
            found = fit_terms(inside, weight, terms, seen.room) if "o" in gates else None
            if found is not None:
                yield replace(formula, h=found, outer=outer)


def change_summands(formula: Formula, part: str, seen: Seen) -> Iterator[Formula]:
    """The formula with one gate that adds up other terms."""
    return change_gates(formula, part, seen, only_sums=True)


def change_gates(
    formula: Formula, part: str, seen: Seen, letters: str = GATES, only_sums: bool = False
) -> Iterator[Formula]:
    """The formula with one other gate that might give what was seen."""
    values = run_formula(formula, seen).of
    products, got, outer = (formula.c, seen.c, formula.bound) if part == "c" else (formula.h, seen.h, formula.outer)
    if outer != SAME:
        return
    for letter in [k for k in formula.gates if k in letters]:
        rest, whole = (add_up(products, {**values, letter: np.full_like(got, v)}) for v in (0.0, 1.0))
        factor = whole - rest
        if factor.any():
            with np.errstate(all="ignore"):
                a = (got - rest) / factor
            yield from _change_gate(formula, letter, a, factor, seen, only_sums)


def _change_gate(
    formula: Formula, letter: str, a: Array, factor: Array, seen: Seen, only_sums: bool
) -> Iterator[Formula]:
    """The gate of which these are the values: other terms, another function, or both."""
    own, summands = formula.gates[letter], list_summands(seen.layer, seen.x, seen.state, seen.c, seen.elsewhere)
    gates = run_formula(formula, seen).of
    plain = [k for k, gate in formula.gates.items() if k != letter and not GATE_LETTERS & gate.terms.keys()]
    summands |= {k: gates[k] for k in plain}
    for gate in _find_gates(own, summands, a, factor, seen.room, only_sums):
        yield formula.change_gate(letter, gate)


def _find_gates(
    own: GateFormula, summands: dict[str, Array], a: Array, factor: Array, room: Array, only_sums: bool
) -> Iterator[GateFormula]:
    def find_terms(shape: Shape) -> Coefficients | None:
        with np.errstate(all="ignore"):
            z = shape.invert(a)
            return fit_terms(z, factor * shape.measure_slope(z), summands, room)

    if found := find_terms(own.shape):
        yield GateFormula(found, own.shape)
    if only_sums:
        return
    if shape := fit_shape(add_up(own.terms, summands), a, factor, room):
        yield GateFormula(own.terms, shape)
    for shape in SHAPES:
        if shape != own.shape and (found := find_terms(shape)):
            yield GateFormula(found, shape)


def change_function(formula: Formula, part: str, seen: Seen) -> Iterator[Formula]:
    """A function of c, or c bounded."""
    values, one = run_formula(formula, seen), np.ones_like(seen.c)
    if part == "c":
        if shape := fit_shape(values["c′"], seen.c, one, seen.room):
            yield replace(formula, bound=shape)
    elif set(formula.h) == {"o s"}:
        with np.errstate(all="ignore"):
            shape = fit_shape(values["c′"], seen.h / values["o"], values["o"], seen.room)
        if shape:
            yield replace(formula, squash=shape)
