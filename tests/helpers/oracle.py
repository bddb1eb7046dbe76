"""The LSTM once more, in 50 digits and one number at a time: what the specification is held against.

Written from the text "i = σ(W_i x + U_i h + b_i), f likewise, g = tanh(...), o = σ(...), c_t = f c_{t-1} + i g,
h_t = o tanh(c_t)". It refuses to share a line with lstm_spec or conformance, or it would check them by themselves.
"""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

EXACT = mpmath.MPContext()
EXACT.dps = 50
STEP = EXACT.mpf("1e-15")  # central differences are off by its square, and by 50 digits over it

Number = Any  # an mpf, which has no annotations
Numbers = Any  # an array, or nested lists, of them
Weights = dict[str, tuple[Numbers, Numbers, Numbers]]  # by gate: W (H, I), U (H, H), b (H,)


def exactly(a: Any) -> np.ndarray:
    """A copy in 50 digits."""
    return np.vectorize(EXACT.mpf, otypes=[object])(np.asarray(a, np.float64))


def distance(got: Any, exact: Numbers) -> np.ndarray:
    """How far floating-point numbers lie from exact ones."""
    return np.abs(exactly(got) - np.array(exact, object)).astype(np.float64)


def logistic(z: Number) -> Number:
    """σ(z)."""
    return 1 / (1 + EXACT.exp(-z))


def forward(weights: Weights, x: Numbers, h: Numbers, c: Numbers) -> tuple[list[Numbers], Numbers, Numbers]:
    """The outputs of every step, and the last h and c, where one sample x (T, I) is read from h and c (H,)."""
    outputs = []
    for inputs in x:
        units = [_unit(weights, k, inputs, h, c[k]) for k in range(len(h))]
        h, c = [shown for shown, _ in units], [kept for _, kept in units]
        outputs.append(h)
    return outputs, h, c


def _unit(weights: Weights, k: int, inputs: Numbers, h: Numbers, kept: Number) -> tuple[Number, Number]:
    received = {gate: _received(*weights[gate], k, inputs, h) for gate in weights}
    admitted = logistic(received["i"]) * EXACT.tanh(received["g"])
    kept = logistic(received["f"]) * kept + admitted
    return logistic(received["o"]) * EXACT.tanh(kept), kept


def _received(W: Numbers, U: Numbers, b: Numbers, k: int, inputs: Numbers, h: Numbers) -> Number:
    return b[k] + EXACT.fdot(zip(W[k], inputs, strict=True)) + EXACT.fdot(zip(U[k], h, strict=True))


def loss(weights: Weights, x: Numbers, h: Numbers, c: Numbers, dy: Numbers, dh: Numbers, dc: Numbers) -> Number:
    """sum(dy * y) + sum(dh * h_T) + sum(dc * c_T), for one sample."""
    outputs, h, c = forward(weights, x, h, c)
    rows = ((dh, h), (dc, c), *zip(dy, outputs, strict=True))
    return EXACT.fsum(EXACT.fdot(zip(a, b, strict=True)) for a, b in rows)


def gradient(of: Callable[[], Number], a: np.ndarray) -> np.ndarray:
    """The derivative of of() in every entry of a, to about 30 digits; a is moved entry by entry, and put back."""
    slopes = np.empty_like(a)
    for index, entry in np.ndenumerate(a):
        a[index] = entry + STEP
        above = of()
        a[index] = entry - STEP
        slopes[index] = (above - of()) / (2 * STEP)
        a[index] = entry
    return slopes
