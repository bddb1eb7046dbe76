"""oneDNN's lstm, by its own C interface: plain, with peepholes and with a projection. Needs onednn-cpu-gomp."""

import ctypes as C
from importlib.metadata import files, version

import numpy as np
from common import B, H, I, P, T, drawn, inputs, write

F32, CPU, INFERENCE, LEFT_TO_RIGHT = 3, 1, 96, 1  # as dnnl_types.h numbers them
ARGUMENTS = {  # DNNL_ARG_...
    "x": 1,
    "h0": 2,
    "c0": 3,
    "weights_layer": 33,
    "weights_iter": 34,
    "weights_peephole": 35,
    "weights_projection": 36,
    "bias": 41,
    "y": 17,
    "h_T": 18,
    "c_T": 19,
}


class Argument(C.Structure):
    """dnnl_exec_arg_t."""

    _fields_ = [("arg", C.c_int), ("memory", C.c_void_p)]


library = C.CDLL(str(next(f.locate() for f in files("onednn-cpu-gomp") or () if f.name.startswith("libdnnl.so.3"))))
engine, stream = C.c_void_p(), C.c_void_p()


def call(name: str, *arguments: object) -> None:
    status = getattr(library, f"dnnl_{name}")(*arguments)
    assert status == 0, f"{name}: status {status}"


def describe(a: np.ndarray) -> C.c_void_p:
    """Its memory in C order, axis by axis."""
    found, Sizes = C.c_void_p(), C.c_int64 * 12
    strides = [k // a.itemsize for k in a.strides]
    call("memory_desc_create_with_strides", C.byref(found), a.ndim, Sizes(*a.shape), F32, Sizes(*strides))
    return found


def run(arrays: dict[str, np.ndarray]) -> None:
    """Fill y, h_T and c_T among them."""
    described = {name: describe(a) for name, a in arrays.items()}
    order = ["x", "h0", "c0", *[n for n in ARGUMENTS if n[0] in "wb"], "y", "h_T", "c_T"]
    plan, primitive = C.c_void_p(), C.c_void_p()
    wanted = [described.get(name) for name in order]
    call(
        "lstm_forward_primitive_desc_create",
        C.byref(plan),
        engine,
        INFERENCE,
        LEFT_TO_RIGHT,
        *wanted,
        C.c_uint(0),
        None,
    )
    call("primitive_create", C.byref(primitive), plan)
    given = (Argument * len(arrays))()
    for one, (name, a) in zip(given, arrays.items(), strict=True):
        memory = C.c_void_p()
        call("memory_create", C.byref(memory), described[name], engine, a.ctypes.data_as(C.c_void_p))
        one.arg, one.memory = ARGUMENTS[name], memory.value
    call("primitive_execute", primitive, stream, len(arrays), given)
    call("stream_wait", stream)


call("engine_create", C.byref(engine), CPU, C.c_size_t(0))
call("stream_create", C.byref(stream), engine, C.c_uint(1))
SHAPES = {"weights_layer": (1, 1, I, 4, H), "weights_iter": (1, 1, H, 4, H), "bias": (1, 1, 4, H)}
PEEPHOLE = {"weights_peephole": (1, 1, 3, H)}
PROJECTED = {"weights_iter": (1, 1, P, 4, H), "weights_projection": (1, 1, H, P)}
for name, more in (("onednn", {}), ("onednn-peephole", PEEPHOLE), ("onednn-projection", PROJECTED)):
    width = P if more is PROJECTED else H
    weights, given = drawn(SHAPES | more), inputs(width)
    states = {k: given[k][None, None].copy() for k in ("h0", "c0")}
    found = {
        "y": np.zeros((T, B, width), "f"),
        "h_T": np.zeros((1, 1, B, width), "f"),
        "c_T": np.zeros((1, 1, B, H), "f"),
    }
    run(weights | {"x": given["x"]} | states | found)
    answer = {k: a.reshape(a.shape[-3:] if k == "y" else a.shape[-2:]) for k, a in found.items()}
    write(name, "oneDNN", version("onednn-cpu-gomp"), "onednn", weights, given, answer)
