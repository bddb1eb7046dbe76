"""The formula of one step, found from its answers: c first, then h from the c that was answered."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product

import numpy as np

from conformance.diagnosis.experiments.term.asking import Asking, Seen
from conformance.diagnosis.experiments.term.fitting import Shape, fit_shape, fit_terms, round_number
from conformance.diagnosis.experiments.term.formula import (
    NAMES,
    SAME,
    SHOWN,
    SIGMA,
    TANH,
    Formula,
    GateFormula,
    fix_gate,
    multiply,
    write_formula,
)
from conformance.diagnosis.experiments.term.parts import (
    change_function,
    change_gates,
    change_products,
    explain_part,
    run_formula,
)
from conformance.diagnosis.experiments.term.shared import (
    change_shapes,
    confirm_cell,
    find_shared_shape,
    is_hidden_right,
    list_misread,
    list_uniform,
)

Alone = dict[str, tuple[dict[str, int], float | None]]
ALONE: Alone = {  # what shows one gate alone in c
    "i": ({"g": 1}, 0.0),
    "f": ({"i": -1}, None),
    "g": ({"i": 1}, 0.0),
}
OTHERS_OPEN: Alone = {k: ({other: 1 for other in "ifg" if other != k}, None) for k in "ifg"}
ORDERS = ("ifg", "gif")
ONE = Shape("", slope=0.0, offset=1.0)
STARTS = (("", "c"), ("h", ""), ("", ""), ("c", "h"), ("h", "h"), ("c", "c"))


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
        if hides_cell(seen):
            yield from explain_uncovered(asking, expected)
        expected = fix_constants(explain_cell(asking, expected, seen))
    if not is_hidden_right(seen, run_formula(expected, seen)):
        expected = explain_hidden(asking, expected, seen)
    yield explain_shown(read_scales(expected), seen)


def hides_cell(seen: Seen) -> bool:
    """Whether what is returned as c is another state, so that h alone shows c; what is always the same is none."""
    return bool(np.ptp(seen.c)) and any(seen.is_near(seen.c, a) for a in (seen.h, seen.state.h, seen.state.c))


def explain_uncovered(asking: Asking, formula: Formula) -> Iterator[Formula]:
    """The formulas that give h where another state is shown as c: another h, or another c, which is what h is made of.

    If h is made of an old state that is shown, that is the new cell state, and nothing is hidden.
    """
    seen = asking.see(far=1.0)
    for name in [name for name in "ch" if seen.is_near(seen.c, getattr(seen.state, name))]:
        with suppress(Unknown):
            yield explain_shown(explain_hidden(asking, replace(formula, c={name: 1.0}), seen), seen)
    with suppress(Unknown):
        yield explain_shown(explain_hidden(asking, formula, seen), seen)
    o = run_formula(formula, seen)["o"]
    with np.errstate(all="ignore"):
        s = seen.h / o
        below = seen._replace(c=formula.squash.invert(s), room=seen.room / (o * (1 - s * s)))
        found = explain_part(formula, "c", below)
    if found:
        with suppress(Unknown):
            yield explain_shown(found, seen)


def read_scales(formula: Formula) -> Formula:
    """The same in other words: with i g as i and g are usually, and products as those of gates that are scaled or 1."""
    i, g = formula.gates.get("i"), formula.gates.get("g")
    if i and g and i.shape == SIGMA._replace(scale=-1.0) and g.shape in (TANH, SAME):
        formula = formula.change_gate("i", replace(i, shape=SIGMA))
        formula = formula.change_gate("g", replace(g, terms={name: -a for name, a in g.terms.items()}))
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


def fix_constants(formula: Formula) -> Formula:
    """The same with gates of c that are 0 or 1 left out of the products."""
    for k in formula.gates:
        shape = formula.gates[k].shape
        if not shape.slope and shape.offset in (0, 1) and k in "ifg":
            fixed = replace(formula, c=fix_gate(formula.c, k, shape.offset))
            formula = fixed.change_gate(k, write_formula("standard").gates[k])
    return formula


def _scale_shape(shape: Shape, by: float) -> Shape:
    scale, offset, low, high = (a * by for a in (shape.scale, shape.offset, shape.lowest, shape.highest))
    low, high = (round_number(a) if np.isfinite(a) else a for a in (low, high))
    return shape._replace(scale=round_number(scale), offset=round_number(offset), lowest=low, highest=high)


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
        if found := next(confirm_cell(change_products(changed, "c", seen), seen), None):
            return found
    if found := next(find_shared_shape(formula, seen), None):
        return found
    unknown = ""
    for each in (formula, *find_products(asking, formula)):
        for order, alone in product(ORDERS, (ALONE, OTHERS_OPEN)):
            try:
                return _explain_gates(asking, each, seen, order, alone)
            except Unknown as error:
                unknown = unknown or str(error)
    for misread in list_misread(formula, "ifg"):
        if found := explain_part(misread, "c", seen, only_sums=True):
            return found
    raise Unknown(unknown)


def find_products(asking: Asking, formula: Formula) -> Iterator[Formula]:
    """The formula with other products that make c, from what is answered where each gate is open or shut."""
    corners = [dict(zip(formula.gates, signs, strict=True)) for signs in product((-1, 1), repeat=len(formula.gates))]
    seen = [asking.see(corner, far=1.0) for corner in corners]
    values = {
        k: np.concatenate([np.full_like(a.c, v if k == "g" else max(v, 0)) for a, v in zip(seen, signs, strict=True)])
        for k in formula.gates
        for signs in ([corner[k] for corner in corners],)
    }
    old = {"c": np.concatenate([a.state.c for a in seen]), "h": np.concatenate([a.state.h for a in seen])}
    got, room = np.concatenate([a.c for a in seen]), np.concatenate([a.room for a in seen])
    found = fit_terms(got, np.ones_like(got), multiply(values, old), room)
    if found and found != formula.c:
        yield replace(formula, c=found)


# ---------------------------------------------------------------- several at once


def _explain_gates(asking: Asking, formula: Formula, seen: Seen, order: str, opened: Alone) -> Formula:
    """Each gate that c needs is seen alone, then the products are sought again."""
    unknown, many = [k for k in order if k in formula.gates], 9
    while len(unknown) < many:  # what is known of one gate may show another one
        letters, many, unknown = unknown, len(unknown), []
        for letter in letters:
            alone = asking.see(*opened[letter])
            if alone.is_near(alone.c, run_formula(formula, alone)["c′"]):
                continue
            found = next(confirm_cell(change_gates(formula, "c", alone, letter), alone), None)
            if found is None:
                unknown.append(letter)
            else:
                formula = found
    if not unknown and seen.is_near(seen.c, run_formula(formula, seen)["c′"]):
        return formula
    if found := None if unknown else explain_part(formula, "c", seen):
        return found
    raise Unknown(NAMES[unknown[0]] if len(unknown) == 1 else "the cell state")


def explain_hidden(asking: Asking, formula: Formula, seen: Seen) -> Formula:
    """The formula with another h: one part is changed, or two."""
    if found := explain_part(formula, "h", seen):
        return found
    alone = asking.see({"o": 1})
    is_shaped = alone.is_near(alone.h, run_formula(formula, alone)["h′"])
    if not is_shaped:
        shaped = next(change_function(formula, "h", alone), None)
        if shaped is not None and (found := explain_part(shaped, "h", seen)):
            return found
    for misread in list_misread(formula, "o"):
        if found := explain_part(misread, "h", seen, only_sums=True):
            return found
    raise Unknown(NAMES["o"] if is_shaped else "the hidden state")
