"""The formula of one step, found from its answers: c first, then h from the c that was answered."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from conformance.diagnosis.experiments.term.asking import Asking, Seen
from conformance.diagnosis.experiments.term.fitting import Shape, fit_shape, fit_terms, round_number
from conformance.diagnosis.experiments.term.formula import (
    NAMES,
    SHOWN,
    Formula,
    GateFormula,
    Values,
    multiply,
)
from conformance.diagnosis.experiments.term.parts import (
    SHAPES,
    change_function,
    change_gates,
    change_products,
    explain_part,
    run_formula,
)

ALONE: dict[str, tuple[dict[str, int], float | None]] = {  # what shows one gate alone in c
    "i": ({"g": 1}, 0.0),
    "f": ({"i": -1}, None),
    "g": ({"i": 1}, 0.0),
}
ORDERS = ("ifg", "gif")
ONE = Shape("", slope=0.0, offset=1.0)
STARTS = (("", "c"), ("h", ""), ("", ""), ("c", "h"))
CLIPPED = ("ifgo", "ifo", "ifg", "if")  # gates that may share a bound
SIDES = ((-1.0, 1.0), (-np.inf, 1.0), (-1.0, np.inf))
LARGEST, EXACT = 64.0, 1e-5  # value at which z is clipped that is looked for, and how exactly
UNIFORM: tuple[dict[str, str | None], ...] = (  # what all gates may do instead, by the start of the term
    {"b": None},
    {"U": None},
    {"W": None},
    {"U": None, "b": None},
    {"U": "U_{} c"},
    {"U": "U_{}ᵀ h"},
    {"W": "W_{}ᵀ x"},
    {"b": "−"},
    {"U": "−"},
    {"W": "−"},
    {"W": "W_{} (x reversed)"},
)


class Unknown(Exception):
    """No formula was found for what it names."""


def explain_step(asking: Asking, expected: Formula, seen: Seen) -> Iterator[Formula]:
    """The formulas that give the answers to one step. Raises Unknown where a part has none."""
    for start in STARTS:
        values = run_formula(replace(expected, start=start), seen)
        if is_hidden_right(seen, values) and seen.is_near(seen.c, values["c′"]):
            yield replace(expected, start=start)
    values = run_formula(expected, seen)
    if is_hidden_right(seen, values):
        try:
            yield explain_shown(expected, seen)
        except Unknown:
            if seen.is_near(seen.c, values["c′"]):
                raise
    if not seen.is_near(seen.c, values["c′"]):
        expected = explain_cell(asking, expected, seen)
    if not is_hidden_right(seen, run_formula(expected, seen)):
        expected = explain_hidden(asking, expected, seen)
    yield explain_shown(read_scales(expected), seen)


def read_scales(formula: Formula) -> Formula:
    """The same, if all products are those of gates that are scaled, or are always 1."""
    by = formula.gates["g"].shape.scale if {"i", "g"} <= formula.gates.keys() else 1.0
    if by != 1 and abs(by * formula.gates["i"].shape.scale - 1) < 1e-3:  # only their product is seen
        formula = change_shapes(formula, "i", lambda shape: _scale_shape(shape, by))
        formula = change_shapes(formula, "g", lambda shape: _scale_shape(shape, 1 / by))
    scale = formula.h.get("o s", 0.0)
    is_scaled = formula.c == {"f c": scale, "i g": scale} and formula.h == {"o s": scale} and scale != 1
    is_one = formula.c == {"c": 1.0, "g": 1.0} and formula.h == {"s": 1.0}
    if not (is_scaled or is_one) or not set("ifo") <= formula.gates.keys():
        return formula
    for k in "ifo":
        gate = formula.gates[k]
        shape = gate.shape._replace(scale=gate.shape.scale * scale) if is_scaled else ONE
        formula = formula.change_gate(k, GateFormula(gate.terms, shape))
    return replace(formula, c={"f c": 1.0, "i g": 1.0}, h={"o s": 1.0})


def _scale_shape(shape: Shape, by: float) -> Shape:
    scale, offset, low, high = (a * by for a in (shape.scale, shape.offset, shape.lowest, shape.highest))
    low, high = (round_number(a) if np.isfinite(a) else a for a in (low, high))
    return shape._replace(scale=round_number(scale), offset=round_number(offset), lowest=low, highest=high)


def is_hidden_right(seen: Seen, values: Values) -> bool:
    """Whether y or the final h is the formula's."""
    return any(seen.is_near(got, values["h′"]) for got in (seen.y, seen.h))


def explain_shown(formula: Formula, seen: Seen) -> Formula:
    """The formula with what is returned in place of h and c."""
    values, shown = run_formula(formula, seen), dict(formula.shown)
    returned = dict(formula.returned)
    states = {k: values[k] for k in ("c′", "h′", "s", "c", "h", "tanh(c)")}
    terms = multiply({k: values[k] for k in formula.gates}, states)
    for name, own, got in (("y", "h′", seen.y), ("h_T", "h′", seen.h), ("c_T", "c′", seen.c)):
        if not seen.is_near(got, values[own]):
            one = np.ones_like(got)
            found = fit_terms(got, one, states, seen.room) or fit_terms(got, one, terms, seen.room)
            shape = None if found else fit_shape(values[own], got, one, seen.room)
            if found:
                shown[name] = found
            elif shape:
                returned[name] = shape
            else:
                raise Unknown(SHOWN[name])
    return replace(formula, shown=shown, returned=returned)


# ---------------------------------------------------------------- c


def explain_cell(asking: Asking, formula: Formula, seen: Seen) -> Formula:
    """The formula with another c: one part is changed, or several."""
    if found := explain_part(formula, "c", seen):
        return found
    for changed in list_uniform(formula, seen.elsewhere):
        if seen.is_near(seen.c, run_formula(changed, seen)["c′"]):
            return changed
        if found := next(_confirm_all(change_products(changed, "c", seen), seen), None):
            return found
    if found := next(find_shared_shape(formula, seen), None):
        return found
    unknown = ""
    for order in ORDERS:
        try:
            return _explain_gates(asking, formula, seen, order)
        except Unknown as error:
            unknown = unknown or str(error)
    raise Unknown(unknown)


def list_uniform(formula: Formula, elsewhere: Iterable[str] = ()) -> Iterator[Formula]:
    """The formula with the same change in each gate; elsewhere: names of what other steps read."""
    others: list[dict[str, str | None]] = [{"W": f"W_{{}} {name}"} for name in elsewhere if name[0] == "x"]
    for change in (*UNIFORM, *others):
        gates: dict[str, GateFormula] = {}
        for k, gate in formula.gates.items():
            names: dict[str, str | None] = {name: change.get(name[0], name) for name in gate.terms}
            terms = {new.format(k): gate.terms[name] for name, new in names.items() if new and new != "−"}
            terms |= {name: -gate.terms[name] for name, new in names.items() if new == "−"}
            gates[k] = replace(gate, terms=terms)
        yield replace(formula, gates=gates)


def find_shared_shape(formula: Formula, seen: Seen) -> Iterator[Formula]:
    """The formula with the same other function in several gates: another family, or z clipped at one value."""
    for shape in (*SHAPES[1:], Shape("exp")):
        changed = change_shapes(formula, "ifo", lambda _, shape=shape: shape)  # type: ignore[misc]
        yield from _confirm_all(iter((changed,)), seen)
    for letters, sides in product(CLIPPED, SIDES):
        changed = find_reach(formula, letters, sides, seen)
        is_right = is_hidden_right(seen, run_formula(changed, seen)) or "o" not in letters
        yield from _confirm_all(iter((changed,)), seen) if is_right else ()


def change_shapes(formula: Formula, letters: str, change: Callable[[Shape], Shape]) -> Formula:
    """The formula with the functions of these gates changed."""
    for k in letters:
        if gate := formula.gates.get(k):
            formula = formula.change_gate(k, replace(gate, shape=change(gate.shape)))
    return formula


def find_reach(formula: Formula, letters: str, sides: tuple[float, float], seen: Seen) -> Formula:
    """The formula with z of these gates clipped on these sides at the value that fits c best."""

    def clip(reach: float) -> Formula:
        limits = (sides[0] * reach, sides[1] * reach)
        return change_shapes(formula, letters, lambda shape: shape._replace(reach=limits))

    def measure(reach: float) -> float:
        return float(np.abs(run_formula(clip(reach), seen)["c′"] - seen.c).sum())

    low, high = 0.0, LARGEST
    while high - low > EXACT * high:
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, other) if measure(one) < measure(other) else (one, high)
    return clip(round_number(high))


def _confirm_all(changed: Iterator[Formula], seen: Seen) -> Iterator[Formula]:
    return (one for one in changed if seen.is_near(seen.c, run_formula(one, seen)["c′"]))


# ---------------------------------------------------------------- several at once


def _explain_gates(asking: Asking, formula: Formula, seen: Seen, order: str) -> Formula:
    """Each gate that c needs is seen alone, then the products are sought again."""
    unknown = []
    for letter in order:
        if letter not in formula.gates:
            continue
        alone = asking.see(*ALONE[letter])
        if alone.is_near(alone.c, run_formula(formula, alone)["c′"]):
            continue
        found = next(_confirm_all(change_gates(formula, "c", alone, letter), alone), None)
        if found is None:
            unknown.append(NAMES[letter])
        else:
            formula = found
    if not unknown and seen.is_near(seen.c, run_formula(formula, seen)["c′"]):
        return formula
    if found := None if unknown else explain_part(formula, "c", seen):
        return found
    raise Unknown(unknown[0] if len(unknown) == 1 else "the cell state")


def explain_hidden(asking: Asking, formula: Formula, seen: Seen) -> Formula:
    """The formula with another h: one part is changed, or two."""
    if found := explain_part(formula, "h", seen):
        return found
    alone = asking.see({"o": 1})
    if not alone.is_near(alone.h, run_formula(formula, alone)["h′"]):
        shaped = next(change_function(formula, "h", alone), None)
        if shaped is not None and (found := explain_part(shaped, "h", seen)):
            return found
        raise Unknown("the hidden state")
    raise Unknown(NAMES["o"])
