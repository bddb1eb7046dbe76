"""One layer in one direction, computed in float64 from whatever it may have taken: its pass and the gradients of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.formula import Formula, Values, compute
from conformance.diagnosis.experiments.term.gradients.slopes import list_factors
from conformance.diagnosis.experiments.term.gradients.sweeping import (
    OWN_H,
    OWN_X,
    Explanation,
    add_products,
    gather,
    spread,
)
from lstm_spec import Parameters, State, pack
from lstm_spec.types import Array

Place = tuple[int, int]  # layer and direction
EVERYWHERE = (True, True)  # what is wrong is so at the last step, and at the first one


class Beyond(NamedTuple):
    """What stands for h and c, and where, after a step that does not count: h, c, h′, c′ or 0."""

    h: str = "h"
    c: str = "c"


class Pass(NamedTuple):
    """What one layer in one direction computed of each step, in the order of x."""

    y: Array  # (T, B, H), zero where it does not count
    state: State  # (B, H)
    steps: tuple[Values, ...]
    kept: Array  # (T, B, H): the hidden state after each step
    valid: Array  # (T, B, 1): whether the step counts


def order_steps(T: int, reverse: bool) -> Sequence[int]:
    """The steps in the order of reading."""
    return range(T - 1, -1, -1) if reverse else range(T)


def read(formula: Formula, p: Parameters, x: Array, s: State, valid: Array, reverse: bool, beyond: Beyond) -> Pass:
    """The pass through x (T, B, I) from a state (B, H)."""
    T, steps, now = len(x), dict[int, Values](), s
    y, kept = np.zeros((T, *s.h.shape)), np.zeros((T, *s.h.shape))
    for t in order_steps(T, reverse):
        steps[t] = compute(formula, p, x[t], now)
        after = {**steps[t].of, "0": 0 * now.c}
        y[t] = np.where(valid[t], after["h′"], 0)
        now = State(*(np.where(valid[t], after[f"{k}′"], after[getattr(beyond, k)]) for k in "hc"))
        kept[t] = now.h
    return Pass(y, now, tuple(steps[t] for t in range(T)), kept, valid)


class Cotangents(NamedTuple):
    """Those of the outputs (T, ..., B, H) and of the final state (..., B, H): of several questions if there is more."""

    y: Array
    h: Array
    c: Array


class Swept(NamedTuple):
    """The gradients of one layer in one direction: as many as there are cotangents."""

    W: Array  # (..., 4 H, I)
    U: Array
    b: Array
    x: Array  # (T, ..., B, I)
    h: Array  # (..., B, H)
    c: Array

    @property
    def parameters(self) -> Array:
        """The gradients of W, U and b in one row."""
        W, U, b = self[:3]
        return np.concatenate([a.reshape(*b.shape[:-1], -1) for a in (W, U, b)], axis=-1)


def sweep(tape: Pass, p: Parameters, x: Array, reverse: bool, d: Cotangents, found: Explanation) -> Swept:
    """The gradients of a pass of the standard cell, as an explanation of one step gives them.

    p and x: what is multiplied with, whatever the tape was made of.
    """
    B, H = d.h.shape[-2:]
    W, U = (np.asarray(a, np.float64).reshape(4, H, -1) for a in pack(p)[:2])
    dx, widths = np.zeros((*d.y.shape[:-1], x.shape[2])), (x.shape[2], H, 1)
    sums = [np.zeros((*d.h.shape[:-2], 4, H, n)) for n in widths]
    _, dh, dc = d
    for t in order_steps(len(x), not reverse):
        here, v = tape.valid[t], tape.steps[t].of
        into = {k: np.where(here, a, 0) for k, a in (("y", d.y[t]), ("h", dh), ("c", dc))}
        factors = list_factors(v)
        z = {k: np.broadcast_to(gather(found, k, into, factors, EVERYWHERE), dh.shape) for k in "ifgoc"}
        add_products(sums, found, z, {"x": x[t], "h": v["h"], "c": v["c"], "h′": v["h′"]})
        dx[t] = spread(found.sums.get("x", OWN_X), z, W, U, x.shape[2])
        passed = z | {"dh_T": into["h"], "dy": into["y"]}
        dh = np.where(here, spread(found.sums.get("h_0", OWN_H), passed, W, U, H), dh)
        dc = np.where(here, z["c"], dc)
    sums = [a / B if found.batch.get(name) == -1.0 else a for name, a in zip("WUb", sums, strict=True)]
    dW, dU, db = (a.reshape(*a.shape[:-3], 4 * H, a.shape[-1]) for a in sums)
    return Swept(dW, dU, db[..., 0], dx, dh, dc)
