"""Formulas in words: how one differs from the equations."""

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.term.fitting import Coefficients
from conformance.diagnosis.experiments.term.formula import NAMES, SAME, SHOWN, Formula, GateFormula, fix_gate
from lstm_spec.types import GATES, Array

COARSE = 2.0**-6  # a smaller difference may be one of rounding
STATES = {"h": "the initial hidden state", "c": "the initial cell state"}


def describe_formula(found: Formula, expected: Formula) -> str:
    """What is different, part by part."""
    said = describe_gates(found, expected)
    if found.start != expected.start:
        said += [
            f"{STATES[k]} is {'replaced by ' + STATES[v] if v else 'taken as zero'}"
            for k, v in zip("hc", found.start, strict=True)
            if k != v
        ]
    if found.c != expected.c or found.bound != expected.bound:
        new = write_sum(found.c, expected.c)
        new = new if found.bound == SAME else found.bound.describe(f"({new})")
        said.append(
            f"the cell state is c′ = {new}, expected {write_sum(expected.c)}{_name_acting(found.c, expected.c)}"
        )
    if (found.h, found.squash, found.outer) != (expected.h, expected.squash, expected.outer):
        new, old = (write_sum(f.h).replace("s", f.squash.describe("c′")) for f in (found, expected))
        new = new if found.outer == SAME else found.outer.describe(f"({new})")
        acting = _name_acting(found.h, expected.h) if found.outer == SAME and found.h else ""
        said.append(f"the hidden state is h′ = {new}, expected {old}{acting}")
    for name, terms in found.shown.items():
        new = write_sum(terms).replace("s", found.squash.describe("c′"))
        said.append(f"{SHOWN[name]} is {new}, expected {'c′' if name == 'c_T' else 'h′'}")
    said += ["the next step begins with these"] if found.carries else []
    for name, shape in found.returned.items():
        own = "c′" if name == "c_T" else "h′"
        said.append(f"{SHOWN[name]} is {shape.describe(own)}, expected {own}")
    if found.first:
        first = describe_formula(found.first, expected)
        later = f"from the second step on, {'; '.join(said)}" if said else ""
        said = list(filter(None, (later, first and f"{'' if later else 'only '}in the first step, {first}")))
    return "; ".join(said)


def find_broken_clause(found: Formula, expected: Formula) -> str:
    """The clause of the one equation that is different; empty if that is none of the six, or if several may be.

    Where something stands for a gate, that gate may be what is different.
    """
    sums = ((found.c, expected.c), (found.h, expected.h))
    if any(_name_acting(*pair) for pair in sums if pair[0] != pair[1]):
        return ""
    whole = replace(found, gates=expected.gates, c=expected.c, h=expected.h, bound=expected.bound)
    if replace(whole, squash=expected.squash, outer=expected.outer) != expected:
        return ""
    broken = [f"CELL-{k}" for k, letter in enumerate("ifgo", 1) if found.gates[letter] != expected.gates[letter]]
    if (found.c, found.bound) != (expected.c, expected.bound):
        broken.append("CELL-5")
    if (found.h, found.squash, found.outer) != (expected.h, expected.squash, expected.outer):
        broken.append("CELL-6")
    return broken[0] if len(broken) == 1 else ""


def write_sum(terms: Coefficients, like: Coefficients | None = None) -> str:
    """The terms with their coefficients, in the order of another sum as far as they are there."""
    text, order = "", [*(like or ())]

    def find_place(name: str) -> tuple[int, bool]:
        alike = [k for k, other in enumerate(order) if name[0] == other[0] or name[-1] == other[-1]]
        return order.index(name) if name in order else [*alike, len(order)][0], bool(like) and name == "1"

    for name, a in sorted(terms.items(), key=lambda one: find_place(one[0])):
        size = "" if abs(a) == 1 and name != "1" else f"{abs(a):.4g}" if name == "1" else f"{abs(a):.4g} "
        sign = ("−" if a < 0 else "") if not text else " − " if a < 0 else " + "
        text += f"{sign}{size}{'' if name == '1' else name}"
    return text or "0"


def _name_acting(found: Coefficients, expected: Coefficients) -> str:
    """What stands for a gate, if that alone is different."""
    if not found:
        return ", as if the input gate and the forget gate were 0"
    acting = [(k, a) for k in GATES for a in (0.0, 1.0) if found == fix_gate(expected, k, a) != expected]
    if len(acting) == 1:
        return f" ({NAMES[acting[0][0]]} acts as {acting[0][1]:g})"
    others = {name: a for name, a in found.items() if name != "f c"}
    if found.get("f c") == 1 and all(name[-1] == "g" and "i" not in name for name in others):
        gate = {name[:-2] or "1": a for name, a in others.items()}
        return f" (the input gate acts as {write_sum(gate, {'1': 1.0})})"
    if found.get("i g") != 1 or not set(found) <= {"c", "f c", "i g"}:
        return ""
    kept = {"1" if k == "c" else "f": found[k] for k in ("c", "f c") if k in found}
    return f" (the forget gate acts as {write_sum(kept)})"


def describe_gates(found: Formula, expected: Formula) -> list[str]:
    """What gates do that they should not do; what several do is said once."""
    groups: dict[str, list[str]] = {}
    for k, gate in found.gates.items():
        if gate != expected.gates[k]:
            groups.setdefault(re.sub(rf"_{k}\b", "", describe_gate(gate, expected.gates[k])), []).append(k)
    said = []
    for text, (first, *rest) in groups.items():
        text = text if rest else describe_gate(found.gates[first], expected.gates[first])
        said.append(" and ".join(NAMES[k] for k in (first, *rest)) + (" each " if rest else " ") + text)
    return said


def describe_gate(found: GateFormula, expected: GateFormula) -> str:
    """What the gate does that it should not do."""
    said = []
    if found.terms != expected.terms:
        said.append(f"adds up {write_sum(found.terms, expected.terms)}, expected {write_sum(expected.terms)}")
    if found.shape != expected.shape:
        said.append(f"is {found.shape.describe('z')}, expected {expected.shape.describe('z')}")
    return " and ".join(said)


def describe_rounding(pairs: Iterable[tuple[Array, Array]]) -> str:
    """That what was got is near to what was expected; empty if it is not."""
    error = max(float((np.abs(a - b) / np.maximum(1, np.abs(b))).max()) for a, b in pairs)
    return (
        f"one step is right to {error:.1g}, as coarser rounding or another approximation leaves it"
        if error < COARSE
        else ""
    )
