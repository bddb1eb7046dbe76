"""Networks in 50 digits and one number at a time: layers, directions, lengths and variants.

Written from the text of the conventions: "a_i = W_i x + U_i h + b_i (+ p_i c_{t-1}) ... c_t = f c_{t-1} + i g (optional
cell clip, here) ... a_o (+ p_o c_t) ... h_t = o tanh(c_t), or R (o tanh(c_t))", and from the choices below it. It
refuses to share a line with lstm_spec or conformance, or it would check them by themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tests.helpers.oracle import EXACT, STEP, Number, Numbers, logistic

ZERO = EXACT.mpf(0)
Named = Mapping[str, Any]  # arrays by name: x, h, c, and "layer direction gate.part", e.g. "0 1 i.W" and "0 1 R"


class Network(NamedTuple):
    """Everything but the numbers."""

    layers: int
    directions: Sequence[str]
    kind: str
    clip: float | None
    lengths: Sequence[int]
    activations: Any = None
    projection_clip: float | None = None


def network_of(problem: Any) -> Network:
    """What the problem asks for."""
    steps, batch, _ = problem.x.shape
    lengths = [steps] * batch if problem.lengths is None else [int(n) for n in problem.lengths]
    variant = problem.variant
    asked = len(problem.parameters), problem.directions, variant.kind, variant.clip, lengths
    return Network(*asked, variant.activations, variant.projection_clip)


def named(whole: Any) -> dict[str, Any]:
    """The arrays of a problem, or of the gradients with respect to one."""
    arrays = {"x": whole.x, "h": whole.state.h, "c": whole.state.c}
    for layer, row in enumerate(whole.parameters):
        for d, parameters in enumerate(row):
            arrays |= {f"{layer} {d} {name}": array for name, array in parts(parameters).items()}
    return arrays


def parts(parameters: Any) -> dict[str, Any]:
    """What one layer has in one direction, by name: "i.W", ..., and "R"."""
    gates = [(letter, getattr(parameters, letter)) for letter in "ifgo"]
    arrays = [(f"{letter}.{part}", getattr(gate, part)) for letter, gate in gates if gate for part in "WUbp"]
    return {name: array for name, array in [*arrays, ("R", parameters.R)] if array is not None}


# ---------------------------------------------------------------- the answer


def forward(network: Network, a: Named) -> tuple[Numbers, Numbers, Numbers]:
    """The outputs (T, B, D*P) of the last layer, and the final h and c of all."""
    read, h, c = a["x"], a["h"].copy(), a["c"].copy()
    for layer in range(network.layers):
        read = _layer(network, a, layer, read, h, c)
    return read, h, c


def _layer(network: Network, a: Named, layer: int, read: Numbers, h: Numbers, c: Numbers) -> Numbers:
    width = h.shape[2]
    shown: Numbers = np.full((*read.shape[:2], len(network.directions) * width), ZERO, object)
    for d, direction in enumerate(network.directions):
        weights = {name.split()[2]: array for name, array in a.items() if name.startswith(f"{layer} {d} ")}
        index = layer * len(network.directions) + d
        for b, length in enumerate(network.lengths):
            for t in range(length) if direction == "forward" else range(length - 1, -1, -1):
                h[index, b], c[index, b] = cell(network, weights, read[t, b], h[index, b], c[index, b])
                shown[t, b, d * width : (d + 1) * width] = h[index, b]
    return shown


def cell(network: Network, weights: Named, x: Numbers, h: Numbers, c: Numbers) -> tuple[Numbers, Numbers]:
    """The h and c after reading x."""
    kept = [_kept(network, weights, k, x, h, c[k]) for k in range(len(c))]
    shown = [_shown(network, weights, k, x, h, kept[k]) for k in range(len(c))]
    if "R" in weights:
        shown = [_within(network.projection_clip, EXACT.fdot(zip(row, shown, strict=True))) for row in weights["R"]]
    return shown, kept


def _kept(network: Network, weights: Named, k: int, x: Numbers, h: Numbers, c: Number) -> Number:
    i, a_g = logistic(_received(weights, "i", k, x, h, c)), _received(weights, "g", k, x, h)
    match network.kind:
        case "standard" | "peephole":
            new = logistic(_received(weights, "f", k, x, h, c)) * c + i * EXACT.tanh(a_g)
        case "coupled":
            new = (1 - i) * c + i * EXACT.tanh(a_g)
        case "no forget gate":
            new = c + i * EXACT.tanh(a_g)
        case "1997 simplified":
            new = c + i * (4 * logistic(a_g) - 2)
        case "configured" | "configured peephole":
            a_i, a_f = (_received(weights, letter, k, x, h, c) for letter in "if")
            a = network.activations
            new = _gate(a, a_f) * c + _gate(a, a_i) * _squashed(a.candidate, a_g)
    return _within(network.clip, new)


def _within(bound: float | None, number: Number) -> Number:
    return number if bound is None else min(max(number, -EXACT.mpf(bound)), EXACT.mpf(bound))


def _gate(a: Any, z: Number) -> Number:
    """ONNX: "HardSigmoid: max(0, min(1, alpha * x + beta))"."""
    if a.gate == "sigmoid":
        return logistic(z)
    return max(ZERO, min(EXACT.mpf(1), EXACT.mpf(a.alpha) * z + EXACT.mpf(a.beta)))


def _squashed(name: str, z: Number) -> Number:
    return {"tanh": EXACT.tanh(z), "relu": max(z, ZERO), "identity": z}[name]


def _shown(network: Network, weights: Named, k: int, x: Numbers, h: Numbers, new: Number) -> Number:
    if network.kind.startswith("configured"):
        a = network.activations
        return _gate(a, _received(weights, "o", k, x, h, new)) * _squashed(a.output, new)
    o = logistic(_received(weights, "o", k, x, h, new))
    return o * (2 * logistic(new) - 1 if network.kind == "1997 simplified" else EXACT.tanh(new))


def _received(weights: Named, gate: str, k: int, x: Numbers, h: Numbers, seen: Number = ZERO) -> Number:
    fed = EXACT.fdot(zip(weights[f"{gate}.W"][k], x, strict=True))
    fed_back = EXACT.fdot(zip(weights[f"{gate}.U"][k], h, strict=True))
    peephole = weights[f"{gate}.p"][k] * seen if f"{gate}.p" in weights else ZERO
    return fed + fed_back + weights[f"{gate}.b"][k] + peephole


# ---------------------------------------------------------------- the gradients


def loss(network: Network, a: Named, cotangents: Sequence[Numbers]) -> Number:
    """sum(dy * y) + sum(dh * h_T) + sum(dc * c_T), where the cotangents are dy, dh and dc."""
    pairs = zip(cotangents, forward(network, a), strict=True)
    return EXACT.fsum(EXACT.fdot(zip(d.flat, answer.flat, strict=True)) for d, answer in pairs)


def slope(network: Network, a: Named, way: Named, cotangents: Sequence[Numbers]) -> Number:
    """The derivative of the loss where all numbers move along the way, to about 30 digits."""
    above, below = (loss(network, moved(a, way, step), cotangents) for step in (STEP, -STEP))
    return (above - below) / (2 * STEP)


def moved(a: Named, way: Named, step: Number) -> Named:
    """The numbers, a step along the way."""
    return {name: array + step * way[name] for name, array in a.items()}
