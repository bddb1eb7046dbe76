"""The gradients of several steps that follow from what was found in one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.fitting import Coefficients
from conformance.diagnosis.experiments.term.formula import Formula, run_steps
from conformance.diagnosis.experiments.term.gradients.flow import Flow
from conformance.diagnosis.experiments.term.gradients.gates import (
    ALONE,
    EVERY,
    WHOLE_CELL,
    Found,
)
from conformance.diagnosis.experiments.term.gradients.ratio import Ratio
from conformance.diagnosis.experiments.term.gradients.slopes import CELL, PRODUCTS, expect, list_factors, multiply_named
from lstm_spec import Cotangents, Packed, Problem, State, pack
from lstm_spec.types import GATES, Array

OWN_X, OWN_H = ({f"{M}_{k}ᵀ z_{k}": 1.0 for k in GATES} for M in "WU")
FREELY = Flow()


@dataclass(frozen=True)
class Explanation:
    """What differs in one step: in the gradients of gates, in the sums, and with several samples."""

    gates: Found
    sums: dict[str, Coefficients | None]
    batch: dict[str, float | tuple[int, ...] | None]  # a power of B; or samples that are left out
    reads: dict[str, str] = field(default_factory=dict)  # what is taken from another step, and from which
    steps: dict[str, Coefficients] = field(default_factory=dict)  # what is not the sum over the steps: its terms
    flow: Flow = FREELY
    start: tuple[str, str] = ("h", "c")  # what is taken for h_0 and c_0, as in a Formula
    limits: Mapping[str, float] = field(default_factory=dict)  # what is clipped at each step, and at which value
    only: str = ""  # "first", "last" step; "ends": of h_T and c_T, and for h_0, c_0 and the first x

    @property
    def is_whole(self) -> bool:
        """Whether there is a formula for everything."""
        ratios = all(isinstance(ratio, Ratio) for ratio in self.gates.values())
        return ratios and None not in self.sums.values() and None not in self.batch.values()

    @property
    def is_computed(self) -> bool:
        """Whether `differentiate` computes all of it."""
        return not self.steps and all(power == -1.0 for power in self.batch.values())

    @property
    def is_of_one_step(self) -> bool:
        """Whether all of it is so at every step, as in one step alone."""
        several = self.reads or self.limits or self.only or self.flow != FREELY or self.start != ("h", "c")
        return self.is_computed and self.is_whole and not several

    @property
    def is_right(self) -> bool:
        """Whether everything is what it should be in one step."""
        several = self.reads or self.steps or self.limits
        is_sequence_right = self.flow == FREELY and self.start == ("h", "c")
        return is_sequence_right and not (self.gates or self.sums or self.batch or several)


class Swept(NamedTuple):
    """The gradients of several steps; z: those of the gates before their functions; h: each hidden state."""

    parameters: Packed
    x: Array
    state: State
    z: Array = np.zeros(())  # (T, B, 4, H)
    h: Array = np.zeros(())  # (T + 1, B, H)


def differentiate(found: Explanation, problem: Problem, d: Cotangents, formula: Formula) -> Swept:
    """The gradients that the explanation gives of a cell of this formula, in float64."""
    p, formula = problem.layer, replace(formula, start=found.start) if found.start != ("h", "c") else formula
    states, values = run_steps(formula, problem)
    T, B, I, H = problem.sizes
    W, U, _ = (a.astype(np.float64).reshape(4, H, -1) for a in pack(p))
    sums = [np.zeros((4, H, I)), np.zeros((4, H, H)), np.zeros((4, H, 1))]
    dx, dh, dc = np.zeros(problem.x.shape), d.state.h[0].astype(np.float64), d.state.c[0].astype(np.float64)
    z, reached = np.zeros((T, 4, B, H)), np.zeros((2, T, B, H))

    def find_step(quantity: str, t: int) -> int:
        return RULES[found.reads[quantity]](t, T) if quantity in found.reads else t

    def clip(quantity: str, a: Array) -> Array:
        limit = found.limits.get(quantity, np.inf)
        return np.clip(a, -limit, limit)

    for t in reversed(range(T)):
        if found.flow.left_out(t, T):
            continue
        kept = find_step("tape", t) % T
        s, v = states[kept], dict(values[kept].of)
        v |= {k: values[find_step(k, kept) % T].of[k] for k in GATES}
        after = T if found.reads.get("c′") == "T−1" else (find_step("c′", kept) + 1) % (T + 1)
        v["c"], new = states[find_step("c", kept) % (T + 1)].c, states[after].c
        if "c′" in found.reads:
            v |= {"c′": new, "s": formula.squash(new)}
        reached[:, find_step("written", t) % T] = d.y[find_step("y", t) % T], dh
        from_y, from_h = reached[:, find_step("read", t) % T]
        here = found if found.only not in ONLY or t == ONLY[found.only] % T else replace(found, gates={}, sums={})
        ends = (t == T - 1, t == 0) if found.only == "ends" else (True, True)
        carried = values[find_step("f of c", kept) % T]["f"] if "f of c" in found.reads else v["f"]
        got = _sweep(here, {"y": from_y, "h": from_h, "c": dc}, list_factors(v), carried, ends, clip)
        z[t] = [got[k] for k in GATES]
        sums_x, sums_h = (here.sums if ends[1] else {}).get("x"), (here.sums if ends[1] else {}).get("h_0")
        read = {"x": problem.x[t].astype(np.float64), "h": s.h, "c": s.c, "h′": v["h′"]}
        add_products(sums, here, got, read)
        dx[t] = clip("x", spread(OWN_X if sums_x is None else sums_x, got, W, U, I))
        passed = dict(zip(GATES, z[find_step("dh", t) % T], strict=True))
        dh = clip("dh", spread(OWN_H if sums_h is None else sums_h, passed | {"dh_T": from_h, "dy": from_y}, W, U, H))
        dc = clip("dc", got["c"])
        dh, dc = dh * (not found.flow.h(t, T)), dc * (not found.flow.c(t, T))
    sums = [a / B if found.batch.get(name) == -1.0 else a for name, a in zip("WUb", sums, strict=True)]
    dW, dU, db = (clip(name, a.reshape(4 * H, -1)) for name, a in zip("WUb", sums, strict=True))
    h = np.stack([s.h for s in states])
    return Swept(Packed(dW, dU, db[:, 0]), dx, State(clip("h_0", dh), clip("c_0", dc)), z.swapaxes(1, 2), h)


ONLY = {"first": 0, "last": -1}


def _sweep(
    found: Explanation,
    cotangents: dict[str, Array],
    factors: dict[str, Array],
    carried: Array,
    ends: tuple[bool, bool],
    clip: Callable[[str, Array], Array],
) -> dict[str, Array]:
    """The gradients of the gates before their functions and of the cell state before, (B, H) by letter.

    `carried`: the forget gate that leads from one cell state to the one before.
    """
    if "h" in found.limits:
        cotangents = cotangents | {"y": 0 * cotangents["y"], "h": clip("h", cotangents["y"] + cotangents["h"])}
    own = cotangents
    if "c" in found.limits:
        reached = (cotangents["y"] + cotangents["h"]) * multiply_named(CELL, factors) + cotangents["c"]
        own = {"y": 0 * reached, "h": 0 * reached, "c": clip("c", reached)}
    got = {k: gather(found, k, cotangents if k == "o" else own, factors, ends) for k in GATES}
    got["c"] = gather(found, "c", own, factors | {"f": carried}, ends)
    return {k: clip("z", a) if k in GATES else a for k, a in got.items()}


RULES: dict[str, Callable[[int, int], int]] = {
    "0": lambda t, T: 0,
    "T−1": lambda t, T: -1,
    "t−1": lambda t, T: t - 1,
    "max(t−1, 0)": lambda t, T: max(t - 1, 0),
    "t+1": lambda t, T: t + 1,
    "min(t+1, T−1)": lambda t, T: min(t + 1, T - 1),
    "T−1−t": lambda t, T: T - 1 - t,
}


def gather(
    found: Explanation, part: str, cotangents: dict[str, Array], factors: dict[str, Array], ends: tuple[bool, bool]
) -> Array:
    """The gradient of a gate or of the cell state before; ends: whether mistakes at the last or first step apply."""
    total = np.zeros(factors["i"].shape)
    for key, by in ((part, ""), (WHOLE_CELL, PRODUCTS.get(part))):
        constant = found.gates.get((key, EVERY))
        if isinstance(constant, Ratio) and by is not None:
            total = total + constant.evaluate(factors) * multiply_named(by, factors)
            if constant.alone == ALONE:
                return total
    for source, d in cotangents.items():
        product = expect(part, source)
        value = d * multiply_named(product, factors)
        ratios = []
        for key in (part, WHOLE_CELL) if part in PRODUCTS else (part,):
            applies = ends[1] if key == "c" else source == "y" or ends[0]
            ratio = found.gates.get((key, source)) if applies else None
            ratios += [ratio] if isinstance(ratio, Ratio) else []
            value = value * ratios[-1].evaluate(factors) if isinstance(ratio, Ratio) else value
        total = total + (value if product or ratios else 0)
    return total


def add_products(sums: list[Array], found: Explanation, z: dict[str, Array], read: dict[str, Array]) -> None:
    """Add one step to the gradients of W, U and b, (..., 4, H, n) each; z: (..., B, H) by gate; read: (B, n)."""
    for k, letter in enumerate(GATES):
        for total, name, own in zip(sums, "WUb", (" x", " h", ""), strict=True):
            terms = found.sums.get(f"{name}_{letter}", {f"z_{letter}{own}": 1.0})
            for term, a in (terms or {}).items():
                total[..., k, :, :] += a * _multiply_outer(term, z, read)


def _multiply_outer(term: str, z: dict[str, Array], read: dict[str, Array]) -> Array:
    gate, *of = term.removeprefix("(").removesuffix(")ᵀ").split(" ")
    right = read[of[0]] if of else np.ones((z["i"].shape[-2], 1))
    found = z[gate[2:]].swapaxes(-1, -2) @ right
    return found.swapaxes(-1, -2) if term.endswith(")ᵀ") else found


def spread(terms: Coefficients | None, z: dict[str, Array], W: Array, U: Array, width: int) -> Array:
    """The sum of products of gates' gradients with matrices, (..., B, width)."""
    total: Array = np.zeros((*z["i"].shape[:-1], width))
    for term, a in (terms or {}).items():
        matrix, _, gate = term.rpartition(" ")
        if not matrix:
            total = total + a * z[gate]
            continue
        M = (W if matrix[0] == "W" else U)[GATES.index(matrix[2])]
        total = total + a * (z[gate[2:]] @ (M if matrix.endswith("ᵀ") else M.T))
    return total
