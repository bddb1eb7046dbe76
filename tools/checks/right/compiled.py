"""The standard cell in C: lstm.c, compiled by gcc without FMA."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends.stacked import LayerAnswer, LayerGradients
from lstm_spec import Array, BackendUnavailable, Packed, Parameters, Problem, State, pack, unpack

SOURCE = Path(__file__).with_name("lstm.c")
FLAGS = ("-std=c11", "-O2", "-ffp-contract=off", "-shared", "-fPIC")


@cache
def load_library(real: str) -> Any:
    """The functions of lstm.c for float or double. Raises BackendUnavailable if there is no gcc."""
    if shutil.which("gcc") is None:
        raise BackendUnavailable("there is no gcc", "install a C compiler")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lstm.so"
        subprocess.run(["gcc", *FLAGS, f"-DREAL={real}", "-o", path, SOURCE, "-lm"], check=True)
        return ctypes.CDLL(str(path))


def _call(name: str, sizes: tuple[int, ...], lengths: Array, *arrays: Array) -> None:
    """Call a function of lstm.c; what it writes has to be contiguous."""
    kept = [np.ascontiguousarray(a) for a in (lengths, *arrays)]
    function = getattr(load_library({4: "float", 8: "double"}[arrays[0].dtype.itemsize]), name)
    function(*map(ctypes.c_int64, sizes), *(ctypes.c_void_p(a.ctypes.data) for a in kept))


class Trace(NamedTuple):
    """What the backward pass reads again."""

    lengths: Array
    x: Array
    before: State
    gates: Array


def weights_of(problem: Problem, p: Parameters) -> Packed:
    """The weights that the functions below read."""
    return pack(p)


def read_steps(w: Packed, x: Array, s: State, valid: Array | None) -> LayerAnswer:
    """Read all steps from the state s; where a sequence has ended its state stays."""
    (T, B, I), H = x.shape, s.h.shape[1]
    lengths = np.full(B, T, np.int64) if valid is None else valid.sum(axis=(0, 2), dtype=np.int64)
    y, gates = np.zeros((T, B, H), x.dtype), np.zeros((T, B, 6 * H), x.dtype)
    last = State(np.empty((B, H), x.dtype), np.empty((B, H), x.dtype))
    _call("read_steps", (B, I, H), lengths, *w, x, *s, y, *last, gates)
    return LayerAnswer(y, last, Trace(lengths, x, s, gates))


def differentiate_steps(w: Packed, trace: Trace, dy: Array, d_last: State, valid: Array | None) -> LayerGradients:
    """The gradients, given the cotangents of y and of the final state."""
    lengths, x, before, gates = trace
    (_, B, I), H = x.shape, dy.shape[2]
    dh, dc = (np.array(a, order="C") for a in d_last)
    found, dx = Packed(*(np.zeros(a.shape, a.dtype) for a in w)), np.zeros(x.shape, x.dtype)
    dz = np.empty(4 * H, x.dtype)
    _call("differentiate_steps", (B, I, H), lengths, *w[:2], x, *before, gates, dy, dz, dh, dc, dx, *found)
    return LayerGradients(unpack(found), dx, dh, dc)
