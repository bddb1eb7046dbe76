"""The gradients of several steps that follow from what was found in one; and both in words."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.backward import (
    EVERY,
    WHOLE_CELL,
    Found,
)
from conformance.diagnosis.experiments.term.fitting import Coefficients
from conformance.diagnosis.experiments.term.formula import NAMES, compute, write_formula
from conformance.diagnosis.experiments.term.ratio import Ratio
from conformance.diagnosis.experiments.term.slopes import PRODUCTS, expect, list_factors, multiply_named
from conformance.diagnosis.experiments.term.words import write_sum
from lstm_spec import Cotangents, Packed, Problem, State, pack
from lstm_spec.types import GATES, Array

PARTS = NAMES | {"c": "the gradient of the initial cell state c_0", WHOLE_CELL: "what reaches the cell state"}
OWN_X, OWN_H = ({f"{M}_{k}ᵀ z_{k}": 1.0 for k in GATES} for M in "WU")
SOURCES = {"y": "y", "h": "h_T", "c": "c_T"}


@dataclass(frozen=True)
class Explanation:
    """What differs in one step: in the gradients of gates, in the sums, and with several samples."""

    gates: Found
    sums: dict[str, Coefficients | None]
    batch: dict[str, float | None]
    only_ends: bool = False  # whether it is so only for the cotangents of h_T and c_T, and for h_0, c_0 and the first x

    @property
    def is_whole(self) -> bool:
        """Whether there is a formula for everything."""
        ratios = all(isinstance(ratio, Ratio) for ratio in self.gates.values())
        return ratios and None not in self.sums.values() and None not in self.batch.values()

    @property
    def is_right(self) -> bool:
        """Whether everything is what it should be in one step."""
        return not (self.gates or self.sums or self.batch)


class Swept(NamedTuple):
    """The gradients of several steps."""

    parameters: Packed
    x: Array
    state: State


def differentiate(found: Explanation, problem: Problem, d: Cotangents) -> Swept:
    """The gradients that the explanation gives, in float64."""
    formula, p = write_formula("standard"), problem.layer
    states, values = [State(problem.state.h[0], problem.state.c[0])], []
    for x in problem.x:
        values.append(compute(formula, p, x, states[-1]))
        states.append(State(values[-1]["h′"], values[-1]["c′"]))
    T, B, I, H = problem.sizes
    W, U, _ = (a.astype(np.float64).reshape(4, H, -1) for a in pack(p))
    sums = [np.zeros((4, H, I)), np.zeros((4, H, H)), np.zeros((4, H, 1))]
    dx, dh, dc = np.zeros(problem.x.shape), d.state.h[0].astype(np.float64), d.state.c[0].astype(np.float64)
    for t in reversed(range(T)):
        s, v = states[t], values[t]
        factors = list_factors(v.of)
        ends = (t == T - 1, t == 0) if found.only_ends else (True, True)
        got = {k: _gather(found, k, {"y": d.y[t], "h": dh, "c": dc}, factors, ends) for k in "ifgoc"}
        sums_x, sums_h = (found.sums if ends[1] else {}).get("x"), (found.sums if ends[1] else {}).get("h_0")
        read = {"x": problem.x[t].astype(np.float64), "h": s.h, "c": s.c, "h′": v["h′"]}
        for k, letter in enumerate(GATES):
            for total, name, own in zip(sums, "WUb", (" x", " h", ""), strict=True):
                terms = found.sums.get(f"{name}_{letter}", {f"z_{letter}{own}": 1.0})
                for term, a in (terms or {}).items():
                    total[k] += a * _multiply_outer(term, got, read)
        dx[t] = _spread(OWN_X if sums_x is None else sums_x, got, W, U)
        dh, dc = _spread(OWN_H if sums_h is None else sums_h, got, W, U), got["c"]
    sums = [a * B ** (found.batch.get(name) or 0.0) for name, a in zip("WUb", sums, strict=True)]
    dW, dU, db = (a.reshape(4 * H, -1) for a in sums)
    return Swept(Packed(dW, dU, db[:, 0]), dx, State(dh, dc))


def _gather(
    found: Explanation, part: str, cotangents: dict[str, Array], factors: dict[str, Array], ends: tuple[bool, bool]
) -> Array:
    """The gradient of a gate or of the cell state before; ends: whether mistakes at the last or first step apply."""
    total = np.zeros(factors["i"].shape)
    if isinstance(fixed := found.gates.get((part, EVERY)), Ratio):
        return total + fixed.evaluate(factors)
    for source, d in cotangents.items():
        if product := expect(part, source):
            value = d * multiply_named(product, factors)
            for key in (part, WHOLE_CELL) if part in PRODUCTS else (part,):
                applies = ends[1] if key == "c" else source == "y" or ends[0]
                ratio = found.gates.get((key, source)) if applies else None
                value = value * ratio.evaluate(factors) if isinstance(ratio, Ratio) else value
            total = total + value
    return total


def _multiply_outer(term: str, z: dict[str, Array], read: dict[str, Array]) -> Array:
    gate, *of = term.removeprefix("(").removesuffix(")ᵀ").split(" ")
    right = read[of[0]] if of else np.ones((len(z["i"]), 1))
    found = z[gate[2:]].T @ right
    return found.T if term.endswith(")ᵀ") else found


def _spread(terms: Coefficients | None, z: dict[str, Array], W: Array, U: Array) -> Array:
    """The sum of products of gates' gradients with matrices."""
    total = np.zeros(z["i"].shape[:1] + W.shape[2:])
    for term, a in (terms or {}).items():
        matrix, gate = term.split(" ")
        M = (W if matrix[0] == "W" else U)[GATES.index(matrix[2])]
        total = total + a * (z[gate[2:]] @ (M if matrix.endswith("ᵀ") else M.T))
    return total


# ---------------------------------------------------------------- in words


def describe_gradients(found: Explanation) -> str:
    """What differs, part by part; what several parts or sources share is said once."""
    by_text: dict[tuple[str, str], list[str]] = {}
    for (part, source), ratio in found.gates.items():
        by_text.setdefault((part, ratio.describe()), []).append(source)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (part, text), sources in by_text.items():
        every = sources == [EVERY] or len(sources) == (2 if part in ("o", WHOLE_CELL) and "c" not in sources else 3)
        groups.setdefault((text, () if every else tuple(sources)), []).append(part)
    said = []
    for (text, only), parts in groups.items():
        gates = [f"the gradient of {PARTS[k]}" if k in NAMES else PARTS[k] for k in parts]
        where = f", as far as it comes from {' and '.join(SOURCES[s] for s in only)}," if only else ""
        said.append(f"{' and '.join(gates)}{where} {'each ' if len(parts) > 1 else ''}{text}")
    for name, terms in found.sums.items():
        new = "is not that of the equations; its formula is unknown" if terms is None else f"is {write_sum(terms)}"
        said.append(f"the gradient of {name} {'is zero' if terms == {} else new}")
    for name, power in found.batch.items():
        what = "is divided by the number of samples" if power else "is not the sum over the samples"
        said.append(f"the gradient of {name} {what}")
    if found.only_ends:
        said[-1] += " (only there, not at every step)"
    if any(found.sums.values()):
        said.append("z_k being the gradient of gate k before its function")
    return "; ".join(said)
