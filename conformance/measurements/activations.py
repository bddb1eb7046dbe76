"""How accurate an implementation's own σ and tanh are, read through its public interface: figures, never a verdict.

With f open, i shut and everything else zero, one step shows h = o tanh(c_0): tanh alone where o is open, and σ alone
where c_0 is 50. The other factor is 1 to the last bit, so that the product rounds nothing, unless the implementation
errs at saturation: then (`Figure.alone` is false) the figure is that of both, and more is allowed. Where h is returned
in a narrower dtype than it has inside, the figure contains that rounding; that of σ contains any rounding of x, too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.arrays import frozen, limits
from conformance.assertions.overflow import ROOM, ROOM16
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.sizes import nearest_sizes
from conformance.targets.border import guarded
from conformance.tolerance import rounding
from lstm_spec import GRADES, Backend, ErrorModel, Gate, Parameters, Problem, State, error_model
from lstm_spec.types import Array

OPEN, SHUT, LARGE = 1000.0, -1000.0, 50.0  # tanh(50) is 1 in float64, too
SATURATED = 100.0  # where σ and tanh are 1 to the last bit
BLOCK = (512, 32)  # samples and units of one call, as far as the shapes allow
ILLEGIBLE = 0.5  # that far from 1 at saturation, what is read is neither σ nor tanh
CALLS = 256  # at most; where they do not suffice, arguments are left out evenly
UNDERFLOW = 4  # times the smallest normal number: below that, ulp mean little
GENEROUS = 8  # times what was measured
SYMBOLS = {"sigmoid": "σ", "tanh": "tanh"}


@dataclass(frozen=True)
class Figure:
    """How far one function is off, at most; u is the roundoff of the backend's error model."""

    ulp: float  # of the dtype, over the results that are not near underflow
    at: float  # the argument at which it is
    u: float  # the least r for which every error is within r u |v| + abs u + 3 eta: the function's two, the product's
    u_at: float
    absolute: float  # the largest error, in u of 1
    finite: bool
    allowed: tuple[float, float]  # r and abs of its error model
    met: bool  # whether every error is allowed
    used: float  # the largest error in units of what is allowed, over the results that are not near underflow
    alone: bool  # whether the other factor was 1 to the last bit


@dataclass(frozen=True)
class Accuracy:
    """The figures of a backend at a dtype; none where it could not be asked."""

    dtype: str
    grade: str | ErrorModel
    sigmoid: Figure | None
    tanh: Figure | None
    tried: int  # arguments of each
    meets: tuple[str, ...]  # the grades at this dtype that what was read would meet

    @property
    def figures(self) -> dict[str, Figure]:
        found = {"sigmoid": self.sigmoid, "tanh": self.tanh}
        return {name: figure for name, figure in found.items() if figure is not None}


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class Reading:
    """What a function gave for its arguments, and what it should have given, in a wider dtype."""

    function: str
    v: Array
    got: Array
    expected: Array

    @property
    def error(self) -> Array:
        """Infinite where it is not finite, though its argument is not near the largest number."""
        far = np.abs(self.v) > limits(self.got.dtype).largest / (ROOM16 if self.got.dtype == np.float16 else ROOM)
        finite = np.isfinite(self.got)
        error = np.abs(np.where(finite, self.got, 0).astype(self.expected.dtype) - self.expected)
        return np.where(finite, error, np.where(far, 0, np.inf)).astype(np.float64)

    @property
    def saturated(self) -> float:
        """What it gave where both factors of h = o tanh(c) should be 1."""
        return float(self.got[np.argmin(np.abs(self.v.astype(np.float64) - SATURATED))])


def probe_activations(backend: Backend, dtype: str) -> Accuracy:
    """How far σ and tanh of a backend are off; no figure for what raises, or is no answer."""
    grade, v = backend.description.grade(dtype), arguments(dtype)
    readings = [found for name in SYMBOLS if (found := _read(backend, name, v)) is not None]
    named = {name: model for (name, at), model in GRADES.items() if at == dtype}
    meets = [k for k, m in named.items() if readings and all(_figure(found, m).met for found in readings)]
    figures = {found.function: _figure(found, error_model(grade, dtype)) for found in readings}
    tried = max((len(found.v) for found in readings), default=0)
    return Accuracy(dtype, grade, figures.get("sigmoid"), figures.get("tanh"), tried, tuple(meets))


def arguments(dtype: str) -> Array:
    """Every finite number of a 16-bit dtype; a sweep of 20,000 and some of a wider one, none of them subnormal."""
    of = np.dtype(dtype)
    if of.itemsize == 2:
        every = np.arange(2**16, dtype=np.uint16).view(of)
        with np.errstate(invalid="ignore"):  # half of the others are signalling
            return np.sort(every[np.isfinite(every)])
    near, far = (25.0, 745.0) if of == np.float64 else (12.0, 110.0)
    tiny = np.geomspace(2 * limits(of).tiny, 1, 2_500)
    tails = np.linspace(near, far, 2_500)
    sweep = [np.linspace(-near, near, 10_100), tiny, -tiny, tails, -tails, np.array([0.0, SATURATED])]
    return np.unique(np.concatenate(sweep).astype(of))


def _read(backend: Backend, function: str, v: Array) -> Reading | None:
    """The function at v, or at as many of them as a bounded number of calls can read.

    None where the backend does not answer, or so that neither factor of h = o tanh(c) can be told.
    """
    try:
        T, B, I, H = (nearest_sizes(k, (n, 1), getattr(backend.description.shapes, k))[0] for k, n in _wanted(len(v)))
        width = min(I, H)
        v = _evenly(v, CALLS * B * width)
        blocks = np.pad(v, (0, -len(v) % (B * width))).reshape(-1, B, width)
        found = [_ask(backend, _problem(function, block, (T, B, I, H))) for block in blocks]
    except (Errored, Refuted, NotClaimed):
        return None
    got = np.stack([y[0, :, :width] for y in found]).reshape(-1)[: len(v)]
    reading = Reading(function, v, got, _exact(function, v))
    return None if abs(reading.saturated - 1) > ILLEGIBLE else reading


def _wanted(n: int) -> tuple[tuple[str, int], ...]:
    B, H = BLOCK
    return ("T", 1), ("B", min(B, -(-n // H))), ("I", H), ("H", H)


def _evenly(v: Array, most: int) -> Array:
    """At most so many of them, both ends among them."""
    return v if len(v) <= most else v[np.linspace(0, len(v) - 1, most).round().astype(int)]


def _ask(backend: Backend, problem: Problem) -> Array:
    with np.errstate(all="ignore"):
        answer = guarded(backend).forward(problem)
    assert_answer_shaped(answer, problem)
    return answer.y


def _problem(function: str, v: Array, sizes: tuple[int, int, int, int]) -> Problem:
    """A problem whose first units show the function of v (B, width)."""
    T, B, I, H = sizes
    x, c = np.zeros((T, B, I), v.dtype), np.full((1, B, H), LARGE).astype(v.dtype)
    if function == "sigmoid":
        x[:, :, : v.shape[1]] = v
    else:
        c[0, :, : v.shape[1]] = v
    none, identity = (W.astype(v.dtype) for W in (np.zeros((H, I)), np.eye(H, I)))
    o = _gate(identity, 0.0) if function == "sigmoid" else _gate(none, OPEN)
    layer = Parameters(_gate(none, SHUT), _gate(none, OPEN), _gate(none, 0.0), o)
    return Problem(((layer,),), frozen(x), State(frozen(np.zeros((1, B, H), v.dtype)), frozen(c)))


def _gate(W: Array, b: float) -> Gate:
    H = len(W)
    return Gate(frozen(W), frozen(np.zeros((H, H), W.dtype)), frozen(np.full(H, b).astype(W.dtype)))


# ---------------------------------------------------------------- measuring


def widen(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What the expected values are computed in: float64 for what is narrower, and long double for itself.

    Where long double is no wider, NumPy's own float64 functions stand in, which are within 1 ulp.
    """
    return np.dtype(np.longdouble if dtype == np.float64 else np.float64)


def has_wider_float(dtype: np.dtype[Any]) -> bool:
    """Whether the expected values are more precise than the dtype itself."""
    return bool(np.finfo(widen(dtype)).eps < limits(dtype).eps)


def _exact(function: str, v: Array) -> Array:
    wide = v.astype(widen(v.dtype))
    return rounding.sigmoid_value(wide) if function == "sigmoid" else np.tanh(wide)


def _figure(found: Reading, model: ErrorModel) -> Figure:
    """How far it is off, against an error model."""
    m = model if has_wider_float(found.v.dtype) else rounding.with_oracle(model)
    r, absolute = (m.r_s, m.s_abs) if found.function == "sigmoid" else (m.r_t, m.t_abs)
    size, error = np.abs(found.expected).astype(np.float64), found.error
    slack = absolute * m.u + 3 * m.eta + _returned(size, m) + (0 if found.saturated == 1 else _other_factor(size, m))
    allowed, about = r * m.u * size + slack, limits(found.v.dtype)
    with np.errstate(all="ignore"):
        absolutely, needed = error / m.u, np.where(error > slack, (error - slack) / (m.u * size), 0)
        ulp = np.where(size >= UNDERFLOW * about.tiny, error / np.ldexp(about.eps, np.frexp(size)[1] - 1), 0)
        used = np.where(size >= UNDERFLOW * about.tiny, error / allowed, 0)
    worst, furthest = int(np.argmax(needed)), int(np.argmax(ulp))
    return Figure(
        ulp=float(ulp[furthest]),
        at=float(found.v[furthest]),
        u=float(needed[worst]),
        u_at=float(found.v[worst]),
        absolute=float(absolutely.max()),
        finite=bool(np.isfinite(error).all()),
        allowed=(r, absolute),
        met=bool((error <= allowed).all()),
        used=float(used.max()),
        alone=found.saturated == 1,
    )


def _returned(size: Array, m: ErrorModel) -> Array:
    """What the rounding of h to its storage may add."""
    return m.u_h * size * (1 + 2 * max(m.r_s, m.r_t) * m.u) + rounding.flush_room(m)


def _other_factor(size: Array, m: ErrorModel) -> Array:
    """What o, or tanh(50), may be off by, and the f that c_0 passes through, with a rounding each."""
    one = max(m.r_s + m.s_abs, m.r_t + m.t_abs) * m.u + 2 * m.eta + m.u
    return 2 * one * (size + one) + 4 * m.eta
