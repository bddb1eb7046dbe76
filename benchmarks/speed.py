"""How fast the backends are: one layer, one thread, side by side in one process; ratios travel, seconds do not.

Each round asks every candidate once, in rotated order; a ratio is the median over rounds of the ratios within a round.
Without onnxruntime its column is left out. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE must not be set: they may name an
older machine than this one.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before any of the libraries is loaded

import time
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_info

from backends import numpy_backend
from conformance.dense_probes import probe
from lstm_spec import Cotangents, Problem
from lstm_spec.layouts import pack

SIZES = (  # T, B, I, H
    (50, 1, 64, 64),
    (100, 32, 128, 256),
    (100, 64, 512, 512),
    (1000, 8, 64, 128),
    (1000, 1, 256, 256),
    (35, 20, 650, 650),
)
LONG = (10_000, 4, 16, 32)
LEAST = 0.02  # seconds of one measurement: short ones are repeated


class Candidate(NamedTuple):
    """A way to the same answer."""

    name: str
    forward: Callable[[], Any]
    both: Callable[[], Any] | None  # forward + backward


def candidates(problem: Problem, d: Cotangents) -> dict[str, Candidate]:
    """Ours, torch's module itself, our use of it, a textbook loop, and onnxruntime where it is installed."""
    ours = numpy_backend.BACKEND
    found = [
        Candidate("numpy", lambda: ours.forward(problem), lambda: ours.gradients(problem, d)),  # type: ignore[misc]
        torch_module(problem, d),
        torch_backend(problem, d),
        textbook(problem, d),
    ]
    found += [onnxruntime_session(problem)] if _has_onnxruntime(problem.dtype.name) else []
    return {one.name: one for one in found}


def _has_onnxruntime(dtype: str) -> bool:
    """Its LSTM is of float32 alone."""
    return dtype == "float32" and bool(find_spec("onnxruntime") and find_spec("onnx"))


def torch_module(problem: Problem, d: Cotangents) -> Candidate:
    """torch.nn.LSTM with everything in its place; the smallest that a caller can pay."""
    import torch

    from backends.torch_backend import _inputs, _module, _tensor

    torch.set_num_threads(1)
    lstm, (x, state) = _module("cpu", problem), _inputs("cpu", problem)
    leaves = [x, *state, *lstm.parameters()]
    outside = [_tensor("cpu", a) for a in (d.y, *d.state)]

    def forward() -> Any:
        with torch.inference_mode():
            return lstm(x, state)

    def both() -> Any:
        for leaf in leaves:
            leaf.requires_grad_()
        y, (h, c) = lstm(x, state)
        return torch.autograd.grad([y, h, c], leaves, outside)

    return Candidate("torch.nn.LSTM", forward, both)


def torch_backend(problem: Problem, d: Cotangents) -> Candidate:
    from backends.torch_backend import backend

    torch = backend("cpu")
    return Candidate("torch backend", lambda: torch.forward(problem), lambda: torch.gradients(problem, d))  # type: ignore[misc]


def onnxruntime_session(problem: Problem) -> Candidate:
    """An ONNX model of one node, forward only."""
    import onnxruntime
    from onnx import TensorProto, helper

    number = TensorProto.FLOAT
    W, U, b = pack(problem.layer, "iofg")
    feeds = {"X": problem.x, "W": W[None], "R": U[None], "B": np.concatenate([b, 0 * b])[None]}
    feeds |= {"h": problem.state.h, "c": problem.state.c}
    given = [helper.make_tensor_value_info(name, number, a.shape) for name, a in feeds.items()]
    returned = [helper.make_tensor_value_info(name, number, None) for name in ("Y", "h_T", "c_T")]
    node = helper.make_node("LSTM", ["X", "W", "R", "B", "", "h", "c"], ["Y", "h_T", "c_T"], hidden_size=len(b) // 4)
    graph = helper.make_graph([node], "lstm", given, returned)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Candidate("onnxruntime", lambda: session.run(None, feeds), None)


def textbook(problem: Problem, d: Cotangents) -> Candidate:
    """What one finds in tutorials: a loop over the steps, gate by gate, gradients added up in it."""
    weights = {k: tuple(np.ascontiguousarray(a.T) for a in getattr(problem.layer, k)[:2]) for k in "ifgo"}
    biases = {k: getattr(problem.layer, k).b for k in "ifgo"}

    def forward() -> list[Any]:
        h, c, steps = problem.state.h[0], problem.state.c[0], []
        for x in problem.x:
            z = {k: x @ W + h @ U + biases[k] for k, (W, U) in weights.items()}
            i, f, o = (1 / (1 + np.exp(-z[k])) for k in "ifo")
            g, h_before, c_before = np.tanh(z["g"]), h, c
            c = f * c + i * g
            h = o * np.tanh(c)
            steps.append((x, h_before, c_before, i, f, g, o, c, h))
        return steps

    def both() -> Any:
        steps, dh, dc = forward(), d.state.h[0], d.state.c[0]
        sums = {k: [np.zeros_like(a) for a in (*weights[k], biases[k])] for k in "ifgo"}
        dx = np.empty_like(problem.x)
        for t, (x, h_before, c_before, i, f, g, o, c, _) in reversed(list(enumerate(steps))):
            dh, y = dh + d.y[t], np.tanh(c)
            dc = dc + dh * o * (1 - y * y)
            dz = {"i": dc * g * i * (1 - i), "f": dc * c_before * f * (1 - f)}
            dz |= {"g": dc * i * (1 - g * g), "o": dh * y * o * (1 - o)}
            for k, a in dz.items():
                for total, part in zip(sums[k], (x.T @ a, h_before.T @ a, a.sum(axis=0)), strict=True):
                    total += part
            dx[t], dh = (sum(a @ weights[k][n].T for k, a in dz.items()) for n in (0, 1))
            dc = dc * f
        return sums, dx, dh, dc

    return Candidate("textbook NumPy", forward, both)


# ---------------------------------------------------------------- measuring


def seconds(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Of each, round by round; the first round, in which everything is cold, is not counted."""
    repeats = {name: _repeats(function) for name, function in functions.items()}
    found: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds):
        order = list(functions)
        for name in order[number % len(order) :] + order[: number % len(order)]:
            started = time.perf_counter()
            for _ in range(repeats[name]):
                functions[name]()
            found[name].append((time.perf_counter() - started) / repeats[name])
    return found


def _repeats(function: Callable[[], Any]) -> int:
    function()
    started = time.perf_counter()
    function()
    return max(1, int(LEAST / (time.perf_counter() - started)))


def ratio(found: dict[str, list[float]], one: str, other: str) -> float:
    return median(a / b for a, b in zip(found[one], found[other], strict=True))


def ceiling(dtype: str) -> float:
    """Multiplications and additions per second of a large matrix product."""
    a = np.ones((1024, 1024), dtype)
    spent = seconds({"product": lambda: a @ a}, 9)["product"]
    return 2 * 1024**3 / min(spent)


def products(sizes: tuple[int, int, int, int], backward: bool) -> int:
    """Multiplications and additions in the matrix products of a pass."""
    T, B, I, H = sizes
    return 2 * T * B * 4 * H * (I + H) * (3 if backward else 1)


def peaks(sizes: tuple[int, int, int, int]) -> tuple[float, float]:
    """How much NumPy allocates at most, in units of T B H numbers: forward, forward + backward; without the outputs."""
    T, B, _, H = sizes
    problem, d = probe(0, sizes, "float32")
    unit = T * B * H * 4
    return (
        (_peak(lambda: numpy_backend.forward(problem)) - T * B * H * 4) / unit,
        (_peak(lambda: numpy_backend.gradients(problem, d)) - problem.x.nbytes - T * B * H * 4) / unit,
    )


def _peak(function: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@click.command()
@click.option("--rounds", default=9, show_default=True)
@click.option("--dtype", "dtypes", multiple=True, default=("float32", "float64"), show_default=True)
def main(rounds: int, dtypes: tuple[str, ...]) -> None:
    """Print the tables."""
    console = Console(width=150)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        if name in os.environ:
            raise click.UsageError(f"{name} is {os.environ[name]}; unset it for this command")
    kernels = {
        one["filepath"].split("/")[-1]: one.get("architecture")
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    console.print(
        f"NumPy {np.__version__}, BLAS kernel {', '.join(map(str, kernels.values()))}, one thread", highlight=False
    )
    for dtype in dtypes:
        top = ceiling(dtype)
        for backward in (False, True):
            console.print(table(dtype, backward, rounds, top))
    forward, both = peaks(LONG)
    console.print(f"T, B, I, H = {LONG}: beside inputs and outputs NumPy needs at most", highlight=False)
    console.print(f"{forward:.2f} T B H numbers forward, {both:.1f} with the backward pass", highlight=False)


def table(dtype: str, backward: bool, rounds: int, top: float) -> Table:
    """Times relative to torch.nn.LSTM, NumPy's own in milliseconds, and its share of the GEMM ceiling."""
    title = f"{dtype}, {'forward + backward' if backward else 'forward'}: time / that of torch.nn.LSTM"
    found, names = Table(title=title, box=None, title_justify="left"), ["numpy", "torch backend", "textbook NumPy"]
    names += ["onnxruntime"] if not backward and _has_onnxruntime(dtype) else []
    for column in ("T, B, I, H", *names, "numpy, ms", "share of GEMM"):
        found.add_column(column, justify="right")
    for sizes in SIZES:
        problem, d = probe(0, sizes, dtype)
        ways = candidates(problem, d)
        asked = {name: way.both if backward else way.forward for name, way in ways.items()}
        spent = seconds({name: function for name, function in asked.items() if function}, rounds)
        own = median(spent["numpy"])
        share = products(sizes, backward) / own / top
        ratios = [f"{ratio(spent, name, 'torch.nn.LSTM'):.2f}" for name in names]
        found.add_row(", ".join(map(str, sizes)), *ratios, f"{1000 * own:.2f}", f"{share:.0%}")
    return found


if __name__ == "__main__":
    main()
