"""How accurate an implementation's own σ and tanh are, read through its public interface: figures, never a verdict.

With f open, i shut and everything else zero, one step shows h = o tanh(c_0): only tanh if o is open, and only σ
if c_0 is 50. The other factor is 1 to the last bit, so that the product rounds nothing, unless the implementation
errs at saturation: then (`Figure.alone` is false) the figure is that of both, and more is allowed. If h is returned
in a narrower dtype than it has inside, the figure contains that rounding; that of σ also contains any rounding of x.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.arrays import frozen, limits
from conformance.assertions.overflow import ROOM, ROOM16
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.sizes import limit_examples, limit_sizes, nearest_sizes
from conformance.targets.border import guard_backend
from conformance.tolerance import rounding
from lstm_spec import GRADES, Backend, ErrorModel, Gate, Parameters, Problem, State, error_model
from lstm_spec.types import Array

OPEN, SHUT, LARGE = 1000.0, -1000.0, 50.0  # tanh(50) is 1 even in float64
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
    """The figures of a backend at a dtype."""

    dtype: str
    grade: str | ErrorModel
    figures: dict[str, Figure]  # by the names of SYMBOLS, as far as the function could be read
    tried: int  # arguments of each
    meets: tuple[str, ...]  # the grades at this dtype that what was read would meet
    illegible: tuple[str, ...] = ()  # why a function could not be read though the shapes allow it, a clause each


# ---------------------------------------------------------------- probing


@dataclass(frozen=True)
class ProbedFunction:
    """The values of a function at its arguments, and the right values in a wider dtype."""

    function: str
    v: Array
    got: Array
    expected: Array

    @property
    def error(self) -> Array:
        """Infinite if a value is not finite though its argument is not near the largest number."""
        far = np.abs(self.v) > limits(self.got.dtype).largest / (ROOM16 if self.got.dtype == np.float16 else ROOM)
        finite = np.isfinite(self.got)
        error = np.abs(np.where(finite, self.got, 0).astype(self.expected.dtype) - self.expected)
        return np.where(finite, error, np.where(far, 0, np.inf)).astype(np.float64)

    @property
    def saturated(self) -> float:
        """The value at which both factors of h = o tanh(c) should be 1."""
        return float(self.got[np.argmin(np.abs(self.v.astype(np.float64) - SATURATED))])


def probe_activations(backend: Backend, dtype: str) -> Accuracy:
    """How far σ and tanh of a backend are off; no figure if it raises, gives no answer, or is not asked."""
    grade, v = backend.description.grade(dtype), list_arguments(dtype)
    readings, illegible = list[ProbedFunction](), list[str]()
    for name, symbol in SYMBOLS.items():
        try:
            readings.append(_probe_function(backend, name, v))
        except NotClaimed:  # the shapes leave no problem at all
            continue
        except (Errored, Refuted) as error:
            illegible.append(f"{symbol}: {error}")
    named = {name: model for (name, at), model in GRADES.items() if at == dtype}
    meets = [k for k, m in named.items() if readings and all(_measure_error(found, m).met for found in readings)]
    figures = {found.function: _measure_error(found, error_model(grade, dtype)) for found in readings}
    tried = max((len(found.v) for found in readings), default=0)
    return Accuracy(dtype, grade, figures, tried, tuple(meets), tuple(illegible))


def unread_accuracy(backend: Backend, dtype: str, why: str) -> Accuracy:
    """No figures of a backend at a dtype, for that reason."""
    return Accuracy(dtype, backend.description.grade(dtype), {}, 0, (), (why,))


def list_arguments(dtype: str) -> Array:
    """Every finite number of a 16-bit dtype; about 20,000 normal numbers of a wider one."""
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


def _probe_function(backend: Backend, function: str, v: Array) -> ProbedFunction:
    """The function at v, or at as many arguments as fit into CALLS calls.

    Raises NotClaimed if the shapes leave no problem, Errored or Refuted if the backend does not answer, and Refuted if
    its answer at saturation is neither σ nor tanh.
    """
    shapes = backend.description.shapes
    wanted = tuple(nearest_sizes(k, (n, 1), getattr(shapes, k))[0] for k, n in _wanted_sizes(len(v)))
    T, B, I, H = limit_sizes(wanted, shapes)
    width = min(I, H)
    v = _thin_out(v, limit_examples(CALLS, shapes) * B * width)
    blocks = np.pad(v, (0, -len(v) % (B * width))).reshape(-1, B, width)
    found = [_ask_backend(backend, _make_problem(function, block, (T, B, I, H))) for block in blocks]
    got = np.stack([y[0, :, :width] for y in found]).reshape(-1)[: len(v)]
    reading = ProbedFunction(function, v, got, _expected_values(function, v))
    if abs(reading.saturated - 1) > ILLEGIBLE:
        raise Refuted(f"at {SATURATED:g} it is {reading.saturated:.3g}, expected 1")
    return reading


def _wanted_sizes(n: int) -> tuple[tuple[str, int], ...]:
    B, H = BLOCK
    return ("T", 1), ("B", min(B, -(-n // H))), ("I", H), ("H", H)


def _thin_out(v: Array, most: int) -> Array:
    """At most that number of arguments, evenly spaced, with both ends."""
    return v if len(v) <= most else v[np.linspace(0, len(v) - 1, most).round().astype(int)]


def _ask_backend(backend: Backend, problem: Problem) -> Array:
    with np.errstate(all="ignore"):
        answer = guard_backend(backend).forward(problem)
    assert_answer_shaped(answer, problem)
    return answer.y


def _make_problem(function: str, v: Array, sizes: tuple[int, int, int, int]) -> Problem:
    """A problem whose first units show the function of v (B, width)."""
    T, B, I, H = sizes
    x, c = np.zeros((T, B, I), v.dtype), np.full((1, B, H), LARGE).astype(v.dtype)
    if function == "sigmoid":
        x[:, :, : v.shape[1]] = v
    else:
        c[0, :, : v.shape[1]] = v
    none, identity = (W.astype(v.dtype) for W in (np.zeros((H, I)), np.eye(H, I)))
    o = _make_gate(identity, 0.0) if function == "sigmoid" else _make_gate(none, OPEN)
    layer = Parameters(_make_gate(none, SHUT), _make_gate(none, OPEN), _make_gate(none, 0.0), o)
    return Problem(((layer,),), frozen(x), State(frozen(np.zeros((1, B, H), v.dtype)), frozen(c)))


def _make_gate(W: Array, b: float) -> Gate:
    H = len(W)
    return Gate(frozen(W), frozen(np.zeros((H, H), W.dtype)), frozen(np.full(H, b).astype(W.dtype)))


# ---------------------------------------------------------------- measuring


def wider_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which the expected values are computed: float64 for narrower dtypes, long double for float64.

    On machines whose long double is no wider, NumPy's own float64 functions stand in; they are within 1 ulp.
    """
    return np.dtype(np.longdouble if dtype == np.float64 else np.float64)


def has_wider_float(dtype: np.dtype[Any]) -> bool:
    """Whether the expected values are more precise than the dtype itself."""
    return bool(np.finfo(wider_dtype(dtype)).eps < limits(dtype).eps)


def _expected_values(function: str, v: Array) -> Array:
    wide = v.astype(wider_dtype(v.dtype))
    return rounding.sigmoid_value(wide) if function == "sigmoid" else np.tanh(wide)


def _measure_error(found: ProbedFunction, model: ErrorModel) -> Figure:
    """How far it is off, against an error model."""
    m = model if has_wider_float(found.v.dtype) else rounding.with_oracle(model)
    r, absolute = (m.r_s, m.s_abs) if found.function == "sigmoid" else (m.r_t, m.t_abs)
    size, error = np.abs(found.expected).astype(np.float64), found.error
    other = 0 if found.saturated == 1 else _other_factor_slack(size, m)
    slack = absolute * m.u + 3 * m.eta + _storage_slack(size, m) + other
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


def _storage_slack(size: Array, m: ErrorModel) -> Array:
    """What the rounding of h to its storage may add."""
    return m.u_h * size * (1 + 2 * max(m.r_s, m.r_t) * m.u) + rounding.flush_room(m)


def _other_factor_slack(size: Array, m: ErrorModel) -> Array:
    """What o, or tanh(50), may be off by, and the f that c_0 passes through, with a rounding each."""
    one = max(m.r_s + m.s_abs, m.r_t + m.t_abs) * m.u + 2 * m.eta + m.u
    return 2 * one * (size + one) + 4 * m.eta
