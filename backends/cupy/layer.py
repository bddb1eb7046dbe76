"""One layer in one direction on a CUDA device, forward.

What the gates receive from the inputs is one product for all steps of a chunk; each step is one product with U and one
kernel (kernels.cu). Nothing waits for the device inside a sequence.
"""

from typing import Any, NamedTuple

import numpy as np

from backends.cupy.kernels import launch_kernel, to_argument, to_device
from backends.stacked import LayerAnswer
from lstm_spec.types import FUNCTIONS, GATES, Activations, Gate, Kind, Parameters, State, Variant
from lstm_spec.variants import KINDS

ROWS = 4096  # samples in a product of a chunk, at least


HAS_I, HAS_F, HAS_O, COUPLED, STRETCHED, SEES, PROJECTED, CLIPPED, CLIPPED_H, HARD = (1 << n for n in range(10))
CANDIDATE, OUTPUT = 10, 12  # from which bit on the number of the function of each stands


class Layer(NamedTuple):
    """One layer in one direction on the device, its gates stacked on rows; the rows of an absent gate are zero."""

    kind: Kind
    what: int  # flags for the kernels: the kind, its functions, the projection and the bounds
    W: Any  # (4H, I)
    U: Any  # (4H, P)
    b: Any  # (4H,)
    p: Any | None  # (3, H)  of i, f and o
    R: Any | None  # (P, H)
    bound: float
    bound_h: float  # of what R makes
    functions: Activations

    @property
    def sizes(self) -> tuple[int, int]:
        """The sizes P and H."""
        return self.U.shape[1], len(self.b) // 4

    def kernel_name(self, name: str) -> str:
        """The name of the kernel for the dtype of the computation."""
        return f"{name}<{'double' if self.W.dtype == np.float64 else 'float'}>"


def layer_of(p: Parameters, variant: Variant) -> Layer:
    """The layer with these parameters and cells of this variant, on the device."""
    kind, dtype, zeros = KINDS[variant.kind], p.g.b.dtype, np.zeros_like(p.g.b)
    absent = Gate(*map(np.zeros_like, p.g[:3]))
    gates = {k: p.gates.get(k, absent) for k in GATES}
    W, U, b = (to_device(np.concatenate([gate[part] for gate in gates.values()])) for part in range(3))
    peepholes = [zeros if gates[k].p is None else gates[k].p for k in "ifo"]
    seen = to_device(np.array(peepholes, dtype)) if kind.peepholes else None
    bound, bound_h = (float(dtype.type(k or 0)) for k in (variant.clip, variant.projection_clip))
    functions = variant.activations or Activations("sigmoid")
    what = _flags_of(kind, variant, p.R is not None) | _numbers_of(functions)
    return Layer(kind, what, W, U, b, seen, None if p.R is None else to_device(p.R), bound, bound_h, functions)


def _flags_of(kind: Kind, variant: Variant, is_projected: bool) -> int:
    flags = {
        HAS_I: "i" in kind.gates,
        HAS_F: "f" in kind.gates,
        HAS_O: "o" in kind.gates,
        COUPLED: kind.keeps == "1 - i",
        STRETCHED: kind.stretch == 2,
        SEES: kind.peepholes != "",
        PROJECTED: is_projected,
        CLIPPED: variant.clip is not None,
        CLIPPED_H: variant.projection_clip is not None,
    }
    return sum(flag for flag, is_set in flags.items() if is_set)


def _numbers_of(a: Activations) -> int:
    numbers = FUNCTIONS.index(a.candidate) << CANDIDATE | FUNCTIONS.index(a.output) << OUTPUT
    return numbers | (HARD if a.gate == "hard sigmoid" else 0)


class Trace(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: Any  # (T, B, I)
    h: Any  # (T+1, B, P)
    c: Any  # (T+1, B, H)
    gates: Any  # (T, B, 4H)
    squashed: Any  # (T, B, H)  tanh(c), or what stands for it
    shown: Any  # (T, B, H)  o * squashed, if there is a projection


def read_forwards(layer: Layer, x: Any, s: State, lengths: Any | None, keep: bool) -> LayerAnswer:
    """Read all steps of x, starting from the state s; `keep`: also return what the backward pass needs."""
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
    bound, bound_h, a = dtype.type(layer.bound), dtype.type(layer.bound_h), layer.functions
    slope, what = (dtype.type(a.alpha), dtype.type(a.beta)), np.int32(layer.what)
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
        rest = (to_argument(lengths), np.int32(t), bound, *slope, what, np.int32(B), np.int32(H))
        launch_kernel(
            layer.kernel_name("forward_step"), B * H, gates[row], received, to_argument(layer.p), *states_, *rest
        )
        if layer.R is not None:
            cupy.matmul(m, layer.R.T, out=h[after])
            sizes = (to_argument(lengths), np.int32(t), bound_h, what, np.int32(B), np.int32(P))
            launch_kernel(layer.kernel_name("keep_ended"), B * P, h[after], h[now], y[t], *sizes)
    last = T if keep else T % 2
    trace = Trace(x, h, c, gates, squashed, shown) if keep else None
    return LayerAnswer(y, State(h[last].copy(), c[last].copy()), trace)
