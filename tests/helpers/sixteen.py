"""LSTMs in 16 bits, in NumPy: every operation rounded, or float32 inside; right ones, and some that round too often.

One is made of an Arithmetic. Back-propagation is by hand, so that what is rounded, and when, can be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from lstm_spec import (
    Answer,
    Array,
    Backend,
    Cotangents,
    Description,
    Feature,
    Gradients,
    Packed,
    Problem,
    State,
    pack,
    unpack,
)
from lstm_spec.storage import NARROW

Unary = Callable[[Array], Array]
Storing = Callable[[Array, np.dtype[Any]], Array]  # of an array, at the dtype of the problem

# ---------------------------------------------------------------- sums


def in_float32(a: Array, b: Array) -> Array:
    """a @ b, summed in float32, rounded once to the dtype of a."""
    return np.asarray((a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype))


def in_its_own_dtype(a: Array, b: Array) -> Array:
    """a @ b, every product and every partial sum rounded to the dtype of a."""
    total = np.zeros((*a.shape[:-1], b.shape[-1]), a.dtype)
    for k in range(a.shape[-1]):
        total = total + a[..., k : k + 1] * b[k]
    return total


# ---------------------------------------------------------------- the logistic function, spelt in several ways


def reciprocal(z: Array) -> Array:
    return one(z) / (one(z) + np.exp(-z))


def quotient(z: Array) -> Array:
    """Infinity over infinity from z = 11.1 on in float16, from 88.8 on in bfloat16."""
    return np.exp(z) / (one(z) + np.exp(z))


def quotient_up_to_ten(z: Array) -> Array:
    return np.where(z < 10, quotient(z), reciprocal(z))


def two_branches(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, one(z), e) / (one(z) + e)


def by_tanh(z: Array) -> Array:
    half = z.dtype.type(0.5)
    return half * (one(z) + np.tanh(half * z))


def one(z: Array) -> Any:
    return z.dtype.type(1)


# ---------------------------------------------------------------- what is stored


def as_it_is(a: Array, dtype: np.dtype[Any]) -> Array:
    return a


def rounded(a: Array, dtype: np.dtype[Any]) -> Array:
    return a.astype(dtype).astype(a.dtype)


def flushed(a: Array, dtype: np.dtype[Any]) -> Array:
    """Rounded, and zero where that is subnormal."""
    tiny = float(ml_dtypes.finfo(dtype).tiny)  # type: ignore[no-untyped-call]
    return np.where(np.abs(rounded(a, dtype)) < tiny, np.zeros_like(a), rounded(a, dtype))


# ---------------------------------------------------------------- an LSTM


@dataclass(frozen=True)
class Arithmetic:
    """How an LSTM computes; `inside` is the dtype of its operations, that of the problem where there is none."""

    inside: str | None = None
    sigmoid: Unary = reciprocal
    tanh: Unary = np.tanh
    product: Callable[[Array, Array], Array] = in_float32
    stored_h: Storing = as_it_is
    stored_c: Storing = as_it_is
    stored_dz: Storing = as_it_is
    stored_sum: Storing = as_it_is  # of parameter gradients, after each step
    returned: Storing = as_it_is
    step_by_step: bool = True  # whether parameter gradients are added up over time
    gate_by_gate: bool = False  # whether the gradients of h and x are added up over gates


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    gates: list[tuple[Array, ...]]
    hs: list[Array]
    cs: list[Array]
    squashed: list[Array]


def forward(a: Arithmetic, problem: Problem) -> Answer:
    return answer(a, problem, run(a, problem))


def run(a: Arithmetic, problem: Problem) -> Trace:
    x, (W, U, b), h, c = _inside(a, problem)
    trace = Trace([], [h], [c], [])
    for x_t in x:
        z = a.product(x_t, W.T) + a.product(h, U.T) + b
        i, f, g, o = (act(k) for act, k in zip((a.sigmoid, a.sigmoid, a.tanh, a.sigmoid), gates_of(z), strict=True))
        c = a.stored_c(f * c + i * g, problem.dtype)
        squashed = a.tanh(c)
        h = a.stored_h(o * squashed, problem.dtype)
        trace.gates.append((i, f, g, o))
        trace.hs.append(h)
        trace.cs.append(c)
        trace.squashed.append(squashed)
    return trace


def _inside(a: Arithmetic, problem: Problem) -> tuple[Array, Packed, Array, Array]:
    dtype = np.dtype(a.inside or problem.dtype)
    w = Packed(*(part.astype(dtype) for part in pack(problem.layer)))
    return problem.x.astype(dtype), w, problem.state.h[0].astype(dtype), problem.state.c[0].astype(dtype)


def gates_of(z: Array) -> list[Array]:
    return np.split(z, 4, axis=-1)


def answer(a: Arithmetic, problem: Problem, trace: Trace) -> Answer:
    y = _returned(a, problem, np.stack(trace.hs)[1:])
    h, c = (_returned(a, problem, states[-1])[None] for states in (trace.hs, trace.cs))
    return Answer(y, State(h, c))


def _returned(a: Arithmetic, problem: Problem, value: Array) -> Array:
    return a.returned(value, problem.dtype).astype(problem.dtype)


def gradients(a: Arithmetic, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    x, (W, U, _), _, _ = _inside(a, problem)
    dy, dh, dc = (part.astype(x.dtype) for part in (d.y, d.state.h[0], d.state.c[0]))
    trace, dzs = run(a, problem), []
    for t in reversed(range(len(x))):
        i, f, g, o = trace.gates[t]
        one_, squashed = one(x), trace.squashed[t]
        dh = dh + dy[t]
        dc = dc + dh * o * (one_ - squashed * squashed)
        dz = (
            dc * g * i * (one_ - i),
            dc * trace.cs[t] * f * (one_ - f),
            dc * i * (one_ - g * g),
            dh * squashed * o * (one_ - o),
        )
        dzs.append(a.stored_dz(np.concatenate(dz, axis=-1), problem.dtype))
        dh, dc = over_gates(a, dzs[-1], U), dc * f
    dz_all = np.stack(dzs[::-1]) if dzs else np.zeros((0, *dh.shape[:-1], len(U)), x.dtype)
    ones, hs = np.ones((*x.shape[:2], 1), x.dtype), np.stack(trace.hs)[:-1]
    dW, dU, db = (over_time(a, problem, dz_all, right) for right in (x, hs, ones))
    found = [_returned(a, problem, q) for q in (dW, dU, db[:, 0], over_gates(a, dz_all, W), dh[None], dc[None])]
    layer = unpack(Packed(*found[:3]))
    return answer(a, problem, trace), Gradients(((layer,),), found[3], State(*found[4:]))


def over_gates(a: Arithmetic, dz: Array, weights: Array) -> Array:
    if not a.gate_by_gate:
        return a.product(dz, weights)
    i, f, g, o = (a.product(part, w) for part, w in zip(gates_of(dz), np.split(weights, 4), strict=True))
    return i + f + g + o


def over_time(a: Arithmetic, problem: Problem, left: Array, right: Array) -> Array:
    """The sum of left_t^T right_t."""
    if not a.step_by_step:
        return a.product(left.reshape(-1, left.shape[-1]).T, right.reshape(-1, right.shape[-1]))
    total = np.zeros((left.shape[-1], right.shape[-1]), left.dtype)
    for t in reversed(range(len(left))):
        total = a.stored_sum(total + a.product(left[t].T, right[t]), problem.dtype)
    return total


def backend(name: str, a: Arithmetic, grade: str = "op-by-op") -> Backend:
    claimed = frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC})
    about = Description(dtypes=NARROW, features=claimed, grades=dict.fromkeys(NARROW, grade))

    def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with np.errstate(all="ignore"):  # an exponential may overflow
                return function(a, *arguments)

        return call

    return Backend(name, quiet(forward), quiet(gradients), about)


# ---------------------------------------------------------------- the specimens

OP_BY_OP = Arithmetic()
WIDE = Arithmetic(
    inside="float32", sigmoid=two_branches, product=lambda a, b: a @ b, stored_h=rounded, step_by_step=False
)
FLUSHING = Arithmetic(stored_h=flushed, stored_c=flushed, stored_dz=flushed, stored_sum=flushed, returned=flushed)
