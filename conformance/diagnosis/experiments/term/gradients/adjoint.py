"""The gradients that follow from a formula of the answers, whatever that is: of one layer that reads forward."""

import re
from collections.abc import Mapping

import numpy as np

from conformance.diagnosis.experiments.term.formula import (
    Formula,
    evaluate,
    find_elsewhere,
    list_elsewhere,
    list_summands,
    run_steps,
)
from conformance.diagnosis.experiments.term.gradients.sweeping import Swept
from lstm_spec import Cotangents, Packed, Problem, State, pack
from lstm_spec.types import GATES, Array

STEP = 1e-6  # of a difference of numbers near 1
NAME = re.compile(r"(?P<matrix>[WUb])_(?P<gate>.)(?P<turned>ᵀ?) ?(?P<read>.*)")


def differentiate_formula(formula: Formula, problem: Problem, d: Cotangents) -> Swept:
    """The gradients of the answers of a formula of the standard cell, to nine digits, in float64.

    Within a step each unit is differentiated by itself, by a difference of each of its summands.
    """
    T, B, I, H = problem.sizes
    p, x = problem.layer, problem.x.astype(np.float64)
    states, _ = run_steps(formula, problem)
    dx, dh, dc = np.zeros((T, B, I)), np.zeros((T + 1, B, H)), np.zeros((T + 1, B, H))
    sums = {"W": np.zeros((4, H, I)), "U": np.zeros((4, H, H)), "b": np.zeros((4, H))}
    matrices = {M: np.asarray(a, np.float64).reshape(4, H, -1) for M, a in zip("WUb", pack(p), strict=True)}
    nodes = {"x": dx, "h": dh, "c": dc}
    for t in reversed(range(T)):
        here = formula.first if formula.first and not t else formula
        elsewhere = list_elsewhere(x, states[: t + 1], formula.wraps)
        summands = list_summands(p, x[t], states[t], elsewhere=elsewhere)
        given = {"h": states[t].h, "c": states[t].c, **elsewhere}
        read = {"x": x[t], "x reversed": x[t][:, ::-1], **given}
        places = find_elsewhere(t, T, formula.wraps) | {"x": ("x", t), "h": ("h", t), "c": ("c", t)}
        weights = {"y": d.y[t].astype(np.float64)}
        names = ("h_T", "c_T") if formula.carries else ("h′", "c′")
        for name, a in zip((*names, "h_T", "c_T"), (dh[t + 1], dc[t + 1], *_end(d, t == T - 1)), strict=True):
            weights[name] = weights.get(name, 0.0) + a
        for name, slope in _differentiate_values(here, summands, given, weights).items():
            if name in places:
                kind, k = places[name]
                nodes[kind][k] += slope
            elif match := NAME.fullmatch(name):
                _add_product(match, slope, read, places, nodes, sums, matrices)
    packed = Packed(sums["W"].reshape(4 * H, I), sums["U"].reshape(4 * H, H), sums["b"].reshape(4 * H))
    return Swept(packed, dx, _begin(formula, dh[0], dc[0]))


def _end(d: Cotangents, is_last: bool) -> tuple[Array, Array]:
    dh, dc = (a[0].astype(np.float64) * is_last for a in d.state)
    return dh, dc


def _begin(formula: Formula, dh: Array, dc: Array) -> State:
    """The gradients of the states that were given, of which the formula takes some."""
    given = {"h": np.zeros_like(dh), "c": np.zeros_like(dc)}
    for name, a in zip(formula.start, (dh, dc), strict=True):
        if name:
            given[name] = given[name] + a
    return State(**given)


def _differentiate_values(
    formula: Formula, summands: Mapping[str, Array], given: Mapping[str, Array], weights: Mapping[str, Array]
) -> dict[str, Array]:
    """By each summand and each state, the derivative of the weighted sum of what a step gives, unit by unit."""
    used = {name for gate in formula.gates.values() for name in gate.terms}

    def measure(name: str, by: float) -> Array:
        moved = {k: a + by if k == name else a for k, a in summands.items() if k in used}
        values = evaluate(formula, moved, {k: a + by if k == name else a for k, a in given.items()})
        return np.asarray(sum(a * values[k] for k, a in weights.items()))

    names = [name for name in (*used, *given) if name != "1" and name[0] != "x"]
    return {name: (measure(name, STEP) - measure(name, -STEP)) / (2 * STEP) for name in dict.fromkeys(names)}


def _add_product(
    match: re.Match[str],
    slope: Array,
    read: Mapping[str, Array],
    places: Mapping[str, tuple[str, int]],
    nodes: Mapping[str, Array],
    sums: Mapping[str, Array],
    matrices: Mapping[str, Array],
) -> None:
    """Pass the gradient of a product of a matrix with what it reads on to both."""
    M, gate, name = match["matrix"], GATES.index(match["gate"]), match["read"].strip("()")
    if M == "b":
        sums["b"][gate] += slope.sum(0)
        return
    A, a = matrices[M][gate], read[name]
    sums[M][gate] += a.T @ slope if match["turned"] else slope.T @ a
    back = slope @ (A.T if match["turned"] else A)
    if place := places.get(name.removesuffix(" reversed")):  # else it is zero, whatever is asked
        nodes[place[0]][place[1]] += back[:, ::-1] if name.endswith("reversed") else back
