"""The CUDA kernels (kernels.cu), and how arrays travel to the device and back. cupy is imported when it is needed."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lstm_spec.types import Array, Problem

STORED = {"float64": "double", "float32": "float", "float16": "__half", "bfloat16": "bf16"}
THREADS = 256


def read_source() -> str:
    """The source text of the CUDA kernels."""
    return (Path(__file__).parent / "kernels.cu").read_text(encoding="utf-8")


def list_instances() -> list[str]:
    """The name of each kernel for each type that it is used with."""
    steps = ("forward_step", "keep_ended", "into_projection", "backward_step", "column_sums")
    found = [f"{step}<{computed}>" for step in steps for computed in ("float", "double")]
    return found + [f"{way}<{stored}>" for way in ("widen", "narrow") for stored in ("__half", "bf16")]


@cache
def load_kernels() -> Any:
    """The compiled kernels, as a CuPy module."""
    import cupy

    return cupy.RawModule(code=read_source(), options=("-std=c++17",), name_expressions=list_instances())


def launch_kernel(name: str, threads: int, *arguments: Any) -> None:
    """Start the kernel with this number of threads, at least; none if it is 0."""
    if threads:
        load_kernels().get_function(name)((-(-threads // THREADS),), (THREADS,), arguments)


def launch_by_columns(name: str, columns: int, *arguments: Any) -> None:
    """Start the kernel in blocks of 32 columns by 8 rows."""
    load_kernels().get_function(name)((-(-columns // 32),), (32, 8), arguments)


def to_argument(a: Any | None) -> Any:
    """The array as an argument of a kernel; None becomes a null pointer."""
    return np.uintp(0) if a is None else a


def to_device(a: Array) -> Any:
    """The array on the device, in the dtype of the computation; 16-bit numbers are widened there."""
    import cupy

    if a.dtype.itemsize > 2:
        return cupy.asarray(np.ascontiguousarray(a))
    stored = cupy.asarray(np.ascontiguousarray(a).view(np.uint16))
    found = cupy.empty(a.shape, np.float32)
    launch_kernel(f"widen<{STORED[a.dtype.name]}>", a.size, stored, found, np.int64(a.size))
    return found


def to_host(a: Any, problem: Problem) -> Array:
    """The array on the host, in the problem's dtype; numbers are rounded to 16 bits on the device."""
    import cupy

    dtype, a = problem.dtype, cupy.ascontiguousarray(a)
    if dtype.itemsize > 2:
        return a.get()
    found = cupy.empty(a.shape, np.uint16)
    launch_kernel(f"narrow<{STORED[dtype.name]}>", a.size, a, found, np.int64(a.size))
    return found.get().view(dtype)
