"""What several gates share: other terms, another function, one bound of z, or a σ that has lost its small values."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from conformance.arrays import limits
from conformance.diagnosis.experiments.laboratory import Finding
from conformance.diagnosis.experiments.term.asking import Asking, Seen
from conformance.diagnosis.experiments.term.fitting import Shape, round_number
from conformance.diagnosis.experiments.term.formula import Formula, GateFormula, Values
from conformance.diagnosis.experiments.term.parts import SHAPES, run_formula
from conformance.problems.question import Question

CLIPPED = ("ifgo", "ifo", "ifg", "if")  # gates that may share a bound
SIDES = ((-1.0, 1.0), (-np.inf, 1.0), (-1.0, np.inf))
LARGEST, EXACT = 64.0, 1e-5  # value at which z is clipped that is looked for, and how exactly
COARSE, SMALL, FEW, MOST_UNITS = 4, 2.0**-6, 8, 32  # units of a quarter of a roundoff
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


def list_misread(formula: Formula, letters: str) -> Iterator[Formula]:
    """The formula with one term of one of these gates left out, turned, or replaced by that of another gate."""
    for k, gate in ((k, gate) for k, gate in formula.gates.items() if k in letters):
        for name, a in gate.terms.items():
            rest = {other: b for other, b in gate.terms.items() if other != name}
            read = [other for other in formula.gates if other != k] if name[0] in "WUb" else []  # not every gate has p
            others = [name.replace(f"_{k}", f"_{other}") for other in read]
            for terms in (*(rest | {other: a} for other in others), rest, rest | {name: -a}):
                yield formula.change_gate(k, replace(gate, terms=terms))


def find_shared_shape(formula: Formula, seen: Seen) -> Iterator[Formula]:
    """The formula with the same other function in several gates: another family, or z clipped at one value."""
    for shape in (*SHAPES[1:], Shape("exp")):
        changed = change_shapes(formula, "ifo", lambda _, shape=shape: shape)  # type: ignore[misc]
        yield from confirm_cell(iter((changed,)), seen)
    for letters, sides in product(CLIPPED, SIDES):
        changed = find_reach(formula, letters, sides, seen)
        is_right = is_hidden_right(seen, run_formula(changed, seen)) or "o" not in letters
        yield from confirm_cell(iter((changed,)), seen) if is_right else ()


def change_shapes(formula: Formula, letters: str, change: Callable[[Shape], Shape]) -> Formula:
    """The formula with the functions of these gates changed."""
    for k in letters:
        if gate := formula.gates.get(k):
            formula = formula.change_gate(k, replace(gate, shape=change(gate.shape)))
    return formula


def turn_forget_gate(formula: Formula) -> Formula | None:
    """The same with σ(−z) in the place of 1 − f; None if the formula has no such factor."""
    if formula.c.get("f c") != -1 or formula.c.get("c") != 1:
        return None
    products = {name: a for name, a in formula.c.items() if name not in ("c", "f c")} | {"f c": 1.0}
    return change_shapes(replace(formula, c=products), "f", lambda shape: shape._replace(slope=-shape.slope))


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


def confirm_cell(changed: Iterator[Formula], seen: Seen) -> Iterator[Formula]:
    return (one for one in changed if seen.is_near(seen.c, run_formula(one, seen)["c′"]))


def is_hidden_right(seen: Seen, values: Values) -> bool:
    """Whether y or the final h is the formula's."""
    return any(seen.is_near(got, values["h′"]) for got in (seen.y, seen.h))


# ---------------------------------------------------------------- of its smallest values


def find_coarse_sigma(asking: Asking) -> Finding | None:
    """That σ is right but for its small values, which are multiples of a unit; None if they are not, or may be."""
    expected = asking.formula
    seen = asking.see({"g": 1, "f": 1}, 0.0)
    if (
        "i" not in expected.gates
        or not asking.laboratory.judge(Question(seen.problem, asking.make_question().d)).is_wrong
    ):
        return None
    right = run_formula(expected, seen)["i"]
    unit = float(limits(np.dtype(asking.laboratory.dtype)).eps) / COARSE
    small = (right < SMALL) & (right > unit / SMALL)
    units = seen.c[small] / unit
    if (
        not small.sum() > FEW
        or (units != np.round(units)).any()
        or np.abs(units - right[small] / unit).max() > MOST_UNITS
    ):
        return None
    said = "σ is right but for its small values, of which only multiples of a unit are left"
    return Finding(f"{said}: it is computed as ½ + ½ tanh(z/2), as 1 − σ(−z), or from another number near 1", True)
