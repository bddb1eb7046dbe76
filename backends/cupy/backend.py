"""An LSTM on a CUDA device, by CuPy: any layers, directions, lengths and variants, gradients by hand.

What the gates receive from the inputs is one product for all steps of a chunk; each step is one product with U and one
kernel (kernels.cu). Nothing waits for the device inside a sequence. cupy is imported when a backend is asked for.
"""

import os
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends.stacked import Asked, Found, Read, Rows, asked, run, run_backwards
from lstm_spec.accuracy import ErrorModel, error_model
from lstm_spec.contract import Backend, BackendUnavailable, Description
from lstm_spec.types import (
    GATES,
    Answer,
    Array,
    Cotangents,
    Feature,
    Gate,
    Gradients,
    Kind,
    Parameters,
    Problem,
    State,
    Variant,
    each_array,
)
from lstm_spec.validation import check_cotangents, checked
from lstm_spec.variants import KINDS

STORED = {"float64": "double", "float32": "float", "float16": "__half", "bfloat16": "bf16"}
THREADS = 256
ROWS = 4096  # samples in a product of a chunk, at least
WHEEL = 'pip install "lstm-spec[cuda13x]" (or cuda12x), on a machine with an NVIDIA GPU and its driver'


def backend(device: str = "cuda") -> Backend:
    """The backend on a CUDA device ("cuda" or "cuda:1"); raises BackendUnavailable without CuPy or the device."""
    try:
        import cupy
    except Exception as error:  # without a library of CUDA's, CuPy raises errors of its own
        raise BackendUnavailable(f"cupy cannot be imported ({_line(error)})", WHEEL) from error
    try:
        number = _number(device)
        with cupy.cuda.Device(number):
            cupy.zeros(1).sum().item()
    except Exception as error:
        reason = f"cupy {cupy.__version__} cannot use device {device!r} ({_line(error)})"
        raise BackendUnavailable(
            reason, "name one that it can with --device, e.g. cuda:0, and see nvidia-smi"
        ) from error
    grades: dict[str, str | ErrorModel] = {"float16": "wide", "bfloat16": "wide"}
    if os.environ.get("CUPY_TF32", "0") not in ("", "0"):
        grades["float32"] = TF32
    about = Description(cupy.__version__, device, tuple(STORED), frozenset(Feature), grades=grades)
    return Backend("cupy", partial(forward, number), partial(gradients, number), about)


TF32 = replace(error_model("relative", "float32"), u_acc=2.0**-9)  # each factor of a product has 10 bits of fraction


def _number(device: str) -> int:
    name, _, number = device.partition(":")
    if name != "cuda" or not (number or "0").isdigit():
        raise ValueError("expected cuda, or cuda:1 for the second device")
    return int(number or 0)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def forward(device: int, problem: Problem) -> Answer:
    """The answer to the problem. Raises ValueError or TypeError if the problem is not well formed."""
    import cupy

    checked(problem)
    with cupy.cuda.Device(device):
        q = _asked(problem)
        _, y, after = run(q, _layers(problem), partial(read, lengths=q.lengths, keep=False))
        return Answer(_stored(y, problem), _state(after, problem))


def gradients(device: int, problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of the same pass. Raises like `forward`, also if the cotangents do not fit."""
    import cupy

    checked(problem)
    check_cotangents(problem, cotangents)
    with cupy.cuda.Device(device):
        q, layers = _asked(problem), _layers(problem)
        traces, y, after = run(q, layers, partial(read, lengths=q.lengths, keep=True))
        d = State(*map(_computed, cotangents.state))
        back = partial(read_backwards, lengths=q.lengths)
        found = run_backwards(q, layers, traces, _computed(cotangents.y), d, back)
        stored = partial(_stored, problem=problem)
        rows = tuple(tuple(each_array(stored, p) for p in row) for row in found.parameters)
        answer = Answer(stored(y), _state(after, problem))
        return answer, Gradients(rows, stored(found.x), _state(found.state, problem))


# ---------------------------------------------------------------- to the device and back


def _asked(problem: Problem) -> Asked:
    import cupy

    lengths = None if problem.lengths is None else cupy.asarray(problem.lengths.astype(np.int32))
    return asked(cupy, problem, _computed(problem.x), State(*map(_computed, problem.state)), lengths)


def _computed(a: Array) -> Any:
    """The array on the device, in the dtype in which it is computed; 16 bits are widened there."""
    import cupy

    if a.dtype.itemsize > 2:
        return cupy.asarray(np.ascontiguousarray(a))
    stored = cupy.asarray(np.ascontiguousarray(a).view(np.uint16))
    found = cupy.empty(a.shape, np.float32)
    _launch(f"widen<{STORED[a.dtype.name]}>", a.size, stored, found, np.int64(a.size))
    return found


def _stored(a: Any, problem: Problem) -> Array:
    """The array on the host, in the problem's dtype; rounded to 16 bits on the device."""
    import cupy

    dtype, a = problem.dtype, cupy.ascontiguousarray(a)
    if dtype.itemsize > 2:
        return a.get()
    found = cupy.empty(a.shape, np.uint16)
    _launch(f"narrow<{STORED[dtype.name]}>", a.size, a, found, np.int64(a.size))
    return found.get().view(dtype)


def _state(s: State, problem: Problem) -> State:
    return State(_stored(s.h, problem), _stored(s.c, problem))


def source() -> str:
    """The source text of the CUDA kernels."""
    return (Path(__file__).parent / "kernels.cu").read_text(encoding="utf-8")


def instances() -> list[str]:
    """Each kernel for each type that it is used with."""
    steps = ("forward_step", "keep_ended", "into_projection", "backward_step", "column_sums")
    found = [f"{step}<{computed}>" for step in steps for computed in ("float", "double")]
    return found + [f"{way}<{stored}>" for way in ("widen", "narrow") for stored in ("__half", "bf16")]


@cache
def _module() -> Any:
    import cupy

    return cupy.RawModule(code=source(), options=("-std=c++17",), name_expressions=instances())


def _launch(name: str, threads: int, *arguments: Any) -> None:
    """The kernel, one thread each for so many numbers."""
    if threads:
        _module().get_function(name)((-(-threads // THREADS),), (THREADS,), arguments)


def _launch_by_columns(name: str, columns: int, *arguments: Any) -> None:
    """The kernel, in blocks of 32 columns by 8 rows."""
    _module().get_function(name)((-(-columns // 32),), (32, 8), arguments)


# ---------------------------------------------------------------- one layer in one direction


HAS_I, HAS_F, HAS_O, COUPLED, STRETCHED, SEES, PROJECTED, CLIPPED = (1 << n for n in range(8))


class Layer(NamedTuple):
    """One layer in one direction on the device, its gates stacked on rows; the rows of an absent gate are zero."""

    kind: Kind
    what: int  # the same and more, as the kernels read it
    W: Any  # (4H, I)
    U: Any  # (4H, P)
    b: Any  # (4H,)
    p: Any | None  # (3, H)  of i, f and o
    R: Any | None  # (P, H)
    bound: float

    @property
    def sizes(self) -> tuple[int, int]:
        """The sizes P and H."""
        return self.U.shape[1], len(self.b) // 4

    def kernel(self, name: str) -> str:
        """The name of that kernel for the dtype in which the layer is computed."""
        return f"{name}<{'double' if self.W.dtype == np.float64 else 'float'}>"


def _layers(problem: Problem) -> Rows:
    return [[layer_of(p, problem.variant) for p in row] for row in problem.parameters]


def layer_of(p: Parameters, variant: Variant) -> Layer:
    """The layer with these parameters, for cells of that variant."""
    kind, dtype, zeros = KINDS[variant.kind], p.g.b.dtype, np.zeros_like(p.g.b)
    absent = Gate(*map(np.zeros_like, p.g[:3]))
    gates = {k: p.gates.get(k, absent) for k in GATES}
    W, U, b = (_computed(np.concatenate([gate[part] for gate in gates.values()])) for part in range(3))
    peepholes = [zeros if gates[k].p is None else gates[k].p for k in "ifo"]
    seen = _computed(np.array(peepholes, dtype)) if kind.peepholes else None
    bound, R = float(dtype.type(variant.clip or 0)), None if p.R is None else _computed(p.R)
    return Layer(kind, _flags(kind, R is not None, variant.clip is not None), W, U, b, seen, R, bound)


def _flags(kind: Kind, projected: bool, clipped: bool) -> int:
    flags = {
        HAS_I: "i" in kind.gates,
        HAS_F: "f" in kind.gates,
        HAS_O: "o" in kind.gates,
        COUPLED: kind.keeps == "1 - i",
        STRETCHED: kind.stretch == 2,
        SEES: kind.peepholes != "",
        PROJECTED: projected,
        CLIPPED: clipped,
    }
    return sum(flag for flag, is_set in flags.items() if is_set)


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: Any  # (T, B, I)
    h: Any  # (T+1, B, P)
    c: Any  # (T+1, B, H)
    gates: Any  # (T, B, 4H)
    squashed: Any  # (T, B, H)
    shown: Any  # (T, B, H)  o * tanh(c), where there is a projection


def read(layer: Layer, x: Any, s: State, lengths: Any | None, keep: bool) -> Read:
    """Every step from the state s; `keep` what the backward pass needs."""
    import cupy

    (T, B, I), (P, H), dtype = x.shape, layer.sizes, x.dtype
    chunk = max(1, ROWS // max(1, B))
    rows = T if keep else min(T, chunk)
    gates = cupy.empty((rows, B, 4 * H), dtype)
    states = (T if keep else 1) + 1
    h, c = cupy.empty((states, B, P), dtype), cupy.empty((states, B, H), dtype)
    squashed, received = cupy.empty((rows, B, H), dtype), cupy.empty((B, 4 * H), dtype)
    shown = cupy.empty((rows if layer.R is not None else 1, B, H), dtype)
    y = cupy.empty((T, B, P), dtype)
    h[0], c[0], x = s.h, s.c, cupy.ascontiguousarray(x)
    bound = dtype.type(layer.bound)
    for t in range(T):
        row = t if keep else t % chunk
        if t % chunk == 0:
            end = min(t + chunk, T)
            z = gates[row : row + end - t].reshape(-1, 4 * H)
            cupy.matmul(x[t:end].reshape(-1, I), layer.W.T, out=z)
            z += layer.b
        now, after = (t, t + 1) if keep else (t % 2, (t + 1) % 2)
        m = shown[row if layer.R is not None else 0]
        cupy.matmul(h[now], layer.U.T, out=received)
        states_ = (c[now], h[now], c[after], squashed[row], m, h[after], y[t])
        rest = (_pointer(lengths), np.int32(t), bound, np.int32(layer.what), np.int32(B), np.int32(H))
        _launch(layer.kernel("forward_step"), B * H, gates[row], received, _pointer(layer.p), *states_, *rest)
        if layer.R is not None:
            cupy.matmul(m, layer.R.T, out=h[after])
            sizes = (_pointer(lengths), np.int32(t), np.int32(B), np.int32(P))
            _launch(layer.kernel("keep_ended"), B * P, h[after], h[now], y[t], *sizes)
    last = T if keep else T % 2
    trace = Trace(x, h, c, gates, squashed, shown) if keep else None
    return Read(y, State(h[last].copy(), c[last].copy()), trace)


def _pointer(a: Any | None) -> Any:
    """As an argument of a kernel."""
    return np.uintp(0) if a is None else a


def read_backwards(layer: Layer, trace: Trace, dy: Any, d_last: State, lengths: Any | None) -> Found:
    """From the cotangents dy (T, B, P) of the outputs, 0 beyond a length, and those of where each sequence ends."""
    import cupy

    (T, B, I), (P, H), dtype = trace.x.shape, layer.sizes, dy.dtype
    dy, of_h, dc = (cupy.ascontiguousarray(a) for a in (dy, d_last.h, d_last.c.copy()))
    back, dm = of_h.copy(), cupy.empty((B, H), dtype)
    dr = cupy.empty((T if layer.R is not None else 0, B, P), dtype)
    bound = dtype.type(layer.bound)
    for t in reversed(range(T)):
        if layer.R is not None:
            sizes = (_pointer(lengths), np.int32(t), np.int32(T), np.int32(B), np.int32(P))
            _launch(layer.kernel("into_projection"), B * P, dy[t], back, of_h, dr[t], *sizes)
            cupy.matmul(dr[t], layer.R, out=dm)
        seen = (trace.gates[t], trace.squashed[t], trace.c[t], trace.c[t + 1], _pointer(layer.p))
        rest = (_pointer(lengths), np.int32(t), np.int32(T), bound, np.int32(layer.what), np.int32(B), np.int32(H))
        _launch(layer.kernel("backward_step"), B * H, *seen, dy[t], back, of_h, dm, dc, *rest)
        cupy.matmul(trace.gates[t], layer.U, out=back)
    if lengths is not None:
        back = cupy.where((lengths == 0)[:, None], of_h, back)
    dz = trace.gates.reshape(T * B, 4 * H)
    dx = (dz @ layer.W).reshape(T, B, I)
    return Found(_parameter_gradients(layer, trace, dz, dr), dx, back, dc)


def _parameter_gradients(layer: Layer, trace: Trace, dz: Any, dr: Any) -> Parameters:
    """Sums over steps and batch: those of matrices are one product each."""
    import cupy

    (T, B, I), (P, H) = trace.x.shape, layer.sizes
    dW, dU = dz.T @ trace.x.reshape(T * B, I), dz.T @ trace.h[:-1].reshape(T * B, P)
    db, dp = cupy.empty(4 * H, dz.dtype), cupy.empty((3, H), dz.dtype)
    sizes = (np.int32(T * B), np.int32(layer.what), np.int32(B), np.int32(H))
    _launch_by_columns(layer.kernel("column_sums"), 4 * H, dz, trace.c, db, dp, *sizes)
    gates = {k: Gate(*(a[n * H : (n + 1) * H] for a in (dW, dU, db))) for n, k in enumerate(GATES)}
    gates |= {k: gates[k]._replace(p=dp[n]) for n, k in enumerate("ifo") if k in layer.kind.peepholes}
    i, f, o = (gates[k] if k in layer.kind.gates else None for k in "ifo")
    dR = None if layer.R is None else dr.reshape(T * B, P).T @ trace.shown.reshape(T * B, H)
    return Parameters(i, f, gates["g"], o, dR)
