"""The gradients of several steps that follow from what was found in one; and both in words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.asking import STEPS
from conformance.diagnosis.experiments.term.backward import (
    ALONE,
    EVERY,
    SEVERAL,
    WHOLE_CELL,
    Found,
)
from conformance.diagnosis.experiments.term.fitting import Coefficients
from conformance.diagnosis.experiments.term.formula import NAMES, Formula, run_steps
from conformance.diagnosis.experiments.term.ratio import Ratio
from conformance.diagnosis.experiments.term.slopes import PRODUCTS, expect, list_factors, multiply_named
from conformance.diagnosis.experiments.term.words import write_sum
from lstm_spec import Cotangents, Packed, Problem, State, pack
from lstm_spec.types import GATES, Array

PARTS = NAMES | {"c": "the gradient of the initial cell state c_0", WHOLE_CELL: "what reaches the cell state"}
HIDDEN = {"o", WHOLE_CELL}  # the parts to which the gradient of h′ goes
OWN_X, OWN_H = ({f"{M}_{k}ᵀ z_{k}": 1.0 for k in GATES} for M in "WU")
SOURCES = {"y": "y", "h": "h_T", "c": "c_T"}


@dataclass(frozen=True)
class Explanation:
    """What differs in one step: in the gradients of gates, in the sums, and with several samples."""

    gates: Found
    sums: dict[str, Coefficients | None]
    batch: dict[str, float | tuple[int, ...] | None]  # a power of B; or samples that are left out
    reads: dict[str, str] = field(default_factory=dict)  # what is taken from another step, and from which
    steps: dict[str, Coefficients] = field(default_factory=dict)  # what is not the sum over the steps: its terms
    only_ends: bool = False  # whether it is so only for the cotangents of h_T and c_T, and for h_0, c_0 and the first x

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
    def is_right(self) -> bool:
        """Whether everything is what it should be in one step."""
        return not (self.gates or self.sums or self.batch or self.reads or self.steps)


class Swept(NamedTuple):
    """The gradients of several steps; z: those of the gates before their functions; h: each hidden state."""

    parameters: Packed
    x: Array
    state: State
    z: Array = np.zeros(())  # (T, B, 4, H)
    h: Array = np.zeros(())  # (T + 1, B, H)


def differentiate(found: Explanation, problem: Problem, d: Cotangents, formula: Formula) -> Swept:
    """The gradients that the explanation gives of a cell of this formula, in float64."""
    p = problem.layer
    states, values = run_steps(formula, problem)
    T, B, I, H = problem.sizes
    W, U, _ = (a.astype(np.float64).reshape(4, H, -1) for a in pack(p))
    sums = [np.zeros((4, H, I)), np.zeros((4, H, H)), np.zeros((4, H, 1))]
    dx, dh, dc = np.zeros(problem.x.shape), d.state.h[0].astype(np.float64), d.state.c[0].astype(np.float64)
    z, reached = np.zeros((T, 4, B, H)), np.zeros((2, T, B, H))

    def find_step(quantity: str, t: int) -> int:
        return RULES[found.reads[quantity]](t, T) if quantity in found.reads else t

    for t in reversed(range(T)):
        s, v = states[t], dict(values[t].of)
        after = T if found.reads.get("c′") == "T−1" else (find_step("c′", t) + 1) % (T + 1)
        v["c"], new = states[find_step("c", t) % (T + 1)].c, states[after].c
        if "c′" in found.reads:
            v |= {"c′": new, "s": formula.squash(new)}
        reached[:, find_step("written", t) % T] = d.y[find_step("y", t) % T], dh
        from_y, from_h = reached[:, find_step("read", t) % T]
        ends = (t == T - 1, t == 0) if found.only_ends else (True, True)
        factors = list_factors(v)
        cotangents = {"y": from_y, "h": from_h, "c": dc}
        got = {k: _gather(found, k, cotangents, factors, ends) for k in "ifgo"}
        carried = factors | {"f": values[find_step("f", t) % T]["f"]}
        got["c"] = _gather(found, "c", cotangents, carried, ends)
        z[t] = [got[k] for k in GATES]
        sums_x, sums_h = (found.sums if ends[1] else {}).get("x"), (found.sums if ends[1] else {}).get("h_0")
        read = {"x": problem.x[t].astype(np.float64), "h": s.h, "c": s.c, "h′": v["h′"]}
        for k, letter in enumerate(GATES):
            for total, name, own in zip(sums, "WUb", (" x", " h", ""), strict=True):
                terms = found.sums.get(f"{name}_{letter}", {f"z_{letter}{own}": 1.0})
                for term, a in (terms or {}).items():
                    total[k] += a * _multiply_outer(term, got, read)
        dx[t] = _spread(OWN_X if sums_x is None else sums_x, got, W, U, I)
        passed = dict(zip(GATES, z[find_step("dh", t) % T], strict=True))
        dh = _spread(OWN_H if sums_h is None else sums_h, passed | {"dh_T": from_h, "dy": from_y}, W, U, H)
        dc = got["c"]
    sums = [a / B if found.batch.get(name) == -1.0 else a for name, a in zip("WUb", sums, strict=True)]
    dW, dU, db = (a.reshape(4 * H, -1) for a in sums)
    h = np.stack([s.h for s in states])
    return Swept(Packed(dW, dU, db[:, 0]), dx, State(dh, dc), z.swapaxes(1, 2), h)


RULES: dict[str, Callable[[int, int], int]] = {
    "0": lambda t, T: 0,
    "T−1": lambda t, T: -1,
    "t−1": lambda t, T: t - 1,
    "max(t−1, 0)": lambda t, T: max(t - 1, 0),
    "t+1": lambda t, T: t + 1,
    "min(t+1, T−1)": lambda t, T: min(t + 1, T - 1),
    "T−1−t": lambda t, T: T - 1 - t,
}
QUANTITIES = {  # what may be taken from another step than t, and what to say then
    "y": "at step t, what comes from y is that of step {}",
    "c": "at step t, the gradient of the forget gate has c as it was before step {}",
    "f": "at step t, the gradient of the cell state before it is that of c′ times f of step {}",
    "c′": "at step t, what reaches the cell state and the gradient of the output gate has c′ of step {}",
    "dh": "at step t, the gradient of h_0, or of h before it, is made of the gradients of the gates at step {}",
    "read": "at step t, what comes from y and from h_T is taken from where that of step {} is written",
    "written": "at step t, what comes from y and from h_T is written to where that of step {} belongs",
}

SPECIAL = {("c", "T−1"): "at every step, the gradient of the forget gate has c_T, the cell state after the last step"}


def _gather(
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


def _multiply_outer(term: str, z: dict[str, Array], read: dict[str, Array]) -> Array:
    gate, *of = term.removeprefix("(").removesuffix(")ᵀ").split(" ")
    right = read[of[0]] if of else np.ones((len(z["i"]), 1))
    found = z[gate[2:]].T @ right
    return found.T if term.endswith(")ᵀ") else found


def _spread(terms: Coefficients | None, z: dict[str, Array], W: Array, U: Array, width: int) -> Array:
    """The sum of products of gates' gradients with matrices, (B, width)."""
    total: Array = np.zeros((len(z["i"]), width))
    for term, a in (terms or {}).items():
        matrix, _, gate = term.rpartition(" ")
        if not matrix:
            total = total + a * z[gate]
            continue
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
        if {*parts} == HIDDEN and not only:
            said.append(f"the gradient of h′ {text} before it reaches the output gate and the cell state")
            continue
        if parts == [WHOLE_CELL] and text == "is zero" and not only and (WHOLE_CELL, "c") not in found.gates:
            said.append("nothing reaches the cell state from h′, as if tanh(c′) were a constant")
            continue
        said.append(f"{' and '.join(gates)}{where} {'each ' if len(parts) > 1 else ''}{text}")
    for name, terms in found.sums.items():
        new = "is not that of the equations; its formula is unknown" if terms is None else f"is {write_sum(terms)}"
        said.append(f"the gradient of {name} {'is zero' if terms == {} else new}")
    for name, power in found.batch.items():
        what = "is divided by the number of samples" if power else "is not the sum over the samples"
        what = f"leaves out the samples {', '.join(map(str, power))} of {SEVERAL}" if isinstance(power, tuple) else what
        said.append(f"the gradient of {name} {what}")
    if found.only_ends:
        said[-1] += " (only there, not at every step)"
    said += [SPECIAL.get(read, QUANTITIES[read[0]]).format(read[1]) for read in found.reads.items()]
    for name, terms in found.steps.items():
        said.append(f"the gradient of {name} in {STEPS} steps is {write_sum(terms)}")
    if any(found.sums.values()) or found.steps:
        said.append("z_k being the gradient of gate k before its function")
    return "; ".join(said)
