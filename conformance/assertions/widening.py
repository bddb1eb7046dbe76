"""A network made wider, so that what happens inside it can be read off its answer and the gradient of its input.

Nothing that was there changes: what is added gives exact zeros to it. Two kinds of things are added.

- A *probe* is an input that is always 0, with weight 1 into one row of the gates: its gradient is that row's gate
  gradient. It reaches an upper layer through *pass units* of those below, whose input and output gates are open, whose
  forget gate is shut, and which at 0 have value 0 and slope 1.
- A *copy* is a pass unit that reads one output of the layer below, times 2^-k: tanh(z) = z to the last bit where z is
  tiny, so that every inner output leaves the last layer.

A cell that adds up all it reads cannot pass anything on: a stack without a forget gate is asked step by step.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen, limits
from conformance.assertions.widening_plan import OPEN, Plan, fit_size, scale_bits
from conformance.problems.sizes import nearest_sizes
from conformance.tolerance.rounding import Bounded
from lstm_spec import KINDS, Backend, Cotangents, ErrorModel, Gate, Parameters, Problem, State, Variant
from lstm_spec.types import Array


def widen_network(plan: Plan) -> Problem:
    """The wider network, which answers like the original where that answers."""
    problem = plan.original
    rows = tuple(
        tuple(_parameters(plan, layer, d, p) for d, p in enumerate(row)) for layer, row in enumerate(problem.parameters)
    )
    x = _pad(problem.x, plan.inputs)
    state = State(_pad(problem.state.h, plan.width), _pad(problem.state.c, plan.H + plan.extra))
    return replace(problem, parameters=rows, x=x, state=state)


def _pad(a: Array, width: int) -> Array:
    """With zeros after the last number of each row."""
    return frozen(np.concatenate([a, np.zeros((*a.shape[:-1], width - a.shape[-1]), a.dtype)], axis=-1))


def _parameters(plan: Plan, layer: int, d: int, p: Parameters) -> Parameters:
    wires = list(_wires(plan, layer, d))

    def widen_gate(k: str, one: Gate) -> Gate:
        W, U = _weights(plan, layer, d, k, one.W), np.zeros((plan.H + plan.extra, plan.width), one.U.dtype)
        U[: plan.H, : plan.original.P] = one.U
        b = np.concatenate([one.b, np.zeros(plan.extra, one.b.dtype)])
        for unit, source, weight in wires:
            if k == "g":
                W[unit, source] = weight
            else:
                b[unit] = -OPEN if k == "f" else OPEN
        return Gate(frozen(W), frozen(U), frozen(b), None if one.p is None else _pad(one.p, plan.H + plan.extra))

    gates = {k: widen_gate(k, one) for k, one in p.gates.items()}
    R = None if p.R is None else _projection(plan, p.R)
    return Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"), R)


def _weights(plan: Plan, layer: int, d: int, gate: str, W: Array) -> Array:
    """The input weights, with probes into the rows of this gate."""
    wide = np.zeros((plan.H + plan.extra, plan.D * plan.width if layer else plan.inputs), W.dtype)
    for e in range(plan.D if layer else 1):
        width = plan.original.P if layer else W.shape[1]
        wide[: plan.H, e * plan.width : e * plan.width + width] = W[:, e * width : (e + 1) * width]
    if plan.probes:
        first = d * plan.width + plan.passing(layer - 1, layer).start if layer else plan.columns(0, d).start
        first += plan.gates.index(gate) * plan.H
        wide[range(plan.H), range(first, first + plan.H)] = 1
    return wide


def _wires(plan: Plan, layer: int, d: int) -> Iterator[tuple[int, int, float]]:
    """Each pass unit of a layer: where it is among the units, what it reads, and with which weight."""
    H, P, below = plan.H, plan.original.P, d * plan.width
    for of in range(layer):
        source = below if of == layer - 1 else below + plan.copies(of).start
        for j in range(P):
            yield H - P + plan.copies(of).start + j, source + j, 2.0**-plan.k if of == layer - 1 else 1.0
    for to in range(layer + 1, plan.L) if plan.probes else ():
        source = below + plan.passing(layer - 1, to).start if layer else plan.columns(to, d).start
        for j in range(plan.rows):
            yield H - P + plan.passing(layer, to).start + j, source + j, 1.0


def _projection(plan: Plan, R: Array) -> Array:
    """The projection of what was there, and each unit that is new handed on as it is."""
    (P, H), E = R.shape, plan.extra
    wide = np.zeros((P + E, H + E), R.dtype)
    wide[:P, :H] = R
    wide[P:, H:] = np.eye(E, dtype=R.dtype)
    return frozen(wide)


def widen_cotangents(plan: Plan, d: Cotangents) -> Cotangents:
    """With zeros for everything that is new."""
    T, B, _ = d.y.shape
    y = _pad(d.y.reshape(T, B, plan.D, plan.original.P), plan.width).reshape(T, B, plan.D * plan.width)
    return Cotangents(frozen(y), State(_pad(d.state.h, plan.width), _pad(d.state.c, plan.H + plan.extra)))


# ---------------------------------------------------------------- reading it off


class Passing(NamedTuple):
    """What a layer of pass units does to the numbers that it is given."""

    exactly: bool  # whether it returns 2^-k x to the last bit
    smallest: float  # what it may lose of a number that underflows


def read_outputs(plan: Plan, y: Array, model: ErrorModel, passing: Passing) -> list[Bounded]:
    """What each layer of the wider network returned (T, B, D*width), told by the outputs y of its last."""
    T, B, _ = y.shape
    top = y.astype(np.float64).reshape(T, B, plan.D, plan.width)
    scaled = [top[..., plan.copies(of)] for of in range(plan.L - 1)]
    found = []
    for layer in range(plan.L - 1):
        value = np.zeros((T, B, plan.D, plan.width))
        value[..., : plan.original.P] = scaled[layer] * 2.0**plan.k
        for of in range(layer):
            value[..., plan.copies(of)] = scaled[of]
        flat = value.reshape(T, B, plan.D * plan.width)
        found.append(Bounded(flat, _uncertainty(plan, layer, flat, model, passing)))
    return [*found, Bounded(y.astype(np.float64), np.zeros(y.shape))]


def _uncertainty(plan: Plan, layer: int, value: Array, model: ErrorModel, passing: Passing) -> Array:
    """V8: a copy is exact unless it underflows, is of a number that is wider inside, or a pass unit is not exact."""
    hops, near, scale = plan.L - 1 - layer, np.abs(value), 2.0**plan.k
    lost = 8 * hops * scale * passing.smallest
    underflow = np.where(near == 0, _lost_wholly(plan, value, lost), np.where(near < 2 * scale * model.eta, lost, 0.0))
    if passing.exactly and not model.wide_h:
        return underflow
    coupled = _leaves_a_trace(plan)
    roundings = 2 * model.r_s + 2 * model.r_t + 8 + (2 * model.r_s + 8 if coupled else 0)
    near = _spread(near, hops) if coupled else near
    squashed = (near / scale) ** 2 / 3  # tanh(z) = z (1 - z^2 / 3), which a wider format can tell from z
    return underflow + 1.01 * hops * (roundings * model.u + squashed) * near + (0.0 if passing.exactly else lost)


def _leaves_a_trace(plan: Plan) -> bool:
    """Whether a pass unit keeps a little of the step before: where the gates are coupled, 1 - i is 0 to a rounding."""
    return KINDS[plan.original.variant.kind].keeps == "1 - i"


def _spread(a: Array, steps: int) -> Array:
    """The largest of a (T, ...) within so many steps."""
    for _ in range(steps):
        padded = np.concatenate([a[:1], a, a[-1:]])
        a = np.maximum(a, np.maximum(padded[:-2], padded[2:]))
    return a


def _lost_wholly(plan: Plan, value: Array, room: float) -> Array:
    """An output that is 0 may have been one that underflowed; what is new and idle is 0."""
    real = np.zeros((plan.D, plan.width), bool)
    real[:, : plan.original.P] = True
    return np.where(real.reshape(-1), room, 0.0) * np.ones_like(value)


def read_gate_gradients(plan: Plan, dx: Array, model: ErrorModel, passing: Passing) -> list[list[Bounded]]:
    """The gate gradients by layer and direction (T, B, G*(H + extra)), read off the gradient dx of the wider input."""
    found = _place_gate_gradients(plan, dx)
    return [[Bounded(dz, _doubt(plan, layer, dz, model, passing)) for dz in row] for layer, row in enumerate(found)]


def _doubt(plan: Plan, layer: int, dz: Array, model: ErrorModel, passing: Passing) -> Array:
    """V8: what is handed down is multiplied by the two gates and the two slopes of a pass unit in each layer below."""
    if passing.exactly and not model.wide_h:
        return np.zeros(dz.shape)
    near, coupled = np.abs(dz.astype(np.float64)), _leaves_a_trace(plan)
    roundings = 2 * model.r_s + 10 + (model.r_s + 4 if coupled else 0)
    return 1.01 * layer * roundings * model.u * (_spread(near, layer) if coupled else near)


def _place_gate_gradients(plan: Plan, dx: Array) -> list[list[Array]]:
    assert plan.probes
    T, B, _ = dx.shape
    G, H, P = len(plan.gates), plan.H, plan.original.P
    seen = [[dx[..., plan.columns(layer, d)] for d in range(plan.D)] for layer in range(plan.L)]
    found = []
    for layer in range(plan.L):
        row = []
        for d in range(plan.D):
            dz = np.zeros((T, B, G, H + plan.extra), dx.dtype)
            dz[..., :H] = seen[layer][d].reshape(T, B, G, H)
            for to in range(layer + 1, plan.L):  # a pass unit's candidate has the gradient that it hands down
                units = plan.passing(layer, to)
                dz[:, :, plan.gates.index("g"), H - P + units.start : H - P + units.stop] = seen[to][d]
            row.append(dz.reshape(T, B, G * (H + plan.extra)))
        found.append(row)
    return found


# ---------------------------------------------------------------- whether a pass unit is exact


def watch_passing(backend: Backend, problem: Problem, model: ErrorModel) -> Passing:
    """What one layer of pass units of this backend does, whatever it held before.

    Where gradients alone are returned in fewer bits, weights are, and what they do to states of more is not tried.
    """
    k, shapes = scale_bits(problem), backend.description.shapes
    wanted = {"T": 5, "B": 2, "I": 16}
    T, B, n = (nearest_sizes(letter, (size,), getattr(shapes, letter))[0] for letter, size in wanted.items())
    x = np.tanh(np.random.default_rng(1).standard_normal((T, B, n))).astype(problem.dtype)
    about = limits(problem.dtype)
    smallest = np.asarray(2.0**k * about.tiny, x.dtype)
    exactly = _pass_once(backend, problem, np.where(np.abs(x) < smallest, np.zeros_like(x), x))
    exactly = exactly and not (model.wide_d and not model.wide_h)
    if 2.0**k * model.eta < model.u:  # what underflows does not matter
        return Passing(exactly, model.eta)
    gradual = _pass_once(backend, problem, x * smallest)
    return Passing(exactly, about.tiny * about.eps if gradual else model.eta)


def _pass_once(backend: Backend, problem: Problem, x: Array) -> bool:
    """Whether pass units return 2^-k x (T, B, n), rounded to nearest."""
    (T, B, n), k, gates = x.shape, scale_bits(problem), {}
    H = fit_size("H", n, backend.description.shapes.H, n)
    for letter, one in problem.layer.gates.items():
        W, U = np.zeros((H, n), x.dtype), np.zeros((H, H), x.dtype)
        if letter == "g":
            W[range(n), range(n)] = 2.0**-k
        b = np.full(H, {"f": -OPEN, "g": 0.0}.get(letter, OPEN), x.dtype)
        gates[letter] = Gate(W, U, b, None if one.p is None else np.zeros(H, x.dtype))
    state = State(*(frozen(np.zeros((1, B, H), x.dtype)) for _ in range(2)))
    p = Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"))
    y = backend.forward(Problem(((p,),), frozen(x), state, variant=Variant(problem.variant.kind))).y
    exact = x * np.asarray(2.0**-k, x.dtype)
    is_shaped = isinstance(y, np.ndarray) and y.shape == (T, B, H) and y.dtype == problem.dtype
    return is_shaped and np.array_equal(y[..., :n], exact)
