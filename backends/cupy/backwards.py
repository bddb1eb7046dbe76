"""The gradients of one layer in one direction on a CUDA device: one kernel and one product a step."""

from typing import Any

import numpy as np

from backends.cupy.kernels import launch_by_columns, launch_kernel, to_argument
from backends.cupy.layer import Layer, Trace
from backends.stacked import LayerGradients
from lstm_spec.types import GATES, Gate, Parameters, State


def read_backwards(layer: Layer, trace: Trace, dy: Any, d_last: State, lengths: Any | None) -> LayerGradients:
    """The gradients, given the cotangents dy (T, B, P) of y, 0 beyond a length, and those of the final state."""
    import cupy

    (T, B, I), (P, H), dtype = trace.x.shape, layer.sizes, dy.dtype
    dy, of_h, dc = (cupy.ascontiguousarray(a) for a in (dy, d_last.h, d_last.c.copy()))
    back, dm = of_h.copy(), cupy.empty((B, H), dtype)
    dr = cupy.empty((T if layer.R is not None else 0, B, P), dtype)
    bound, bound_h, alpha = (dtype.type(k) for k in (layer.bound, layer.bound_h, layer.functions.alpha))
    what = np.int32(layer.what)
    for t in reversed(range(T)):
        when = (to_argument(lengths), np.int32(t), np.int32(T))
        if layer.R is not None:
            given = (dy[t], back, of_h, trace.h[t + 1], dr[t])
            sizes = (bound_h, what, np.int32(B), np.int32(P))
            launch_kernel(layer.kernel_name("into_projection"), B * P, *given, *when, *sizes)
            cupy.matmul(dr[t], layer.R, out=dm)
        seen = (trace.gates[t], trace.squashed[t], trace.c[t], trace.c[t + 1], to_argument(layer.p))
        rest = (*when, bound, alpha, what, np.int32(B), np.int32(H))
        launch_kernel(layer.kernel_name("backward_step"), B * H, *seen, dy[t], back, of_h, dm, dc, *rest)
        cupy.matmul(trace.gates[t], layer.U, out=back)
    if lengths is not None:
        back = cupy.where((lengths == 0)[:, None], of_h, back)
    dz = trace.gates.reshape(T * B, 4 * H)
    dx = (dz @ layer.W).reshape(T, B, I)
    return LayerGradients(_parameter_gradients(layer, trace, dz, dr), dx, back, dc)


def _parameter_gradients(layer: Layer, trace: Trace, dz: Any, dr: Any) -> Parameters:
    """Sums over steps and batch; the gradient of each matrix is one product."""
    import cupy

    (T, B, I), (P, H) = trace.x.shape, layer.sizes
    dW, dU = dz.T @ trace.x.reshape(T * B, I), dz.T @ trace.h[:-1].reshape(T * B, P)
    db, dp = cupy.empty(4 * H, dz.dtype), cupy.empty((3, H), dz.dtype)
    sizes = (np.int32(T * B), np.int32(layer.what), np.int32(B), np.int32(H))
    launch_by_columns(layer.kernel_name("column_sums"), 4 * H, dz, trace.c, db, dp, *sizes)
    gates = {k: Gate(*(a[n * H : (n + 1) * H] for a in (dW, dU, db))) for n, k in enumerate(GATES)}
    gates |= {k: gates[k]._replace(p=dp[n]) for n, k in enumerate("ifo") if k in layer.kind.peepholes}
    i, f, o = (gates[k] if k in layer.kind.gates else None for k in "ifo")
    dR = None if layer.R is None else dr.reshape(T * B, P).T @ trace.shown.reshape(T * B, H)
    return Parameters(i, f, gates["g"], o, dR)
