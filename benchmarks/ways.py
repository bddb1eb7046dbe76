"""Ways to the same answer, to be measured beside each other: ours, torch's, a textbook loop, onnxruntime's."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from backends.numpy import backend as numpy_backend
from lstm_spec import Cotangents, Problem
from lstm_spec.packing import pack
from lstm_spec.types import GATES


class Candidate(NamedTuple):
    """A way to the same answer."""

    name: str
    forward: Callable[[], Any]
    both: Callable[[], Any] | None  # forward + backward


def candidates(problem: Problem, d: Cotangents) -> list[Candidate]:
    """Ours, torch's module itself, our use of it, a textbook loop, and onnxruntime where it is installed."""
    ours = numpy_backend.BACKEND
    found = [
        Candidate("numpy", lambda: ours.forward(problem), lambda: ours.differentiate(problem, d)),
        torch_module(problem, d),
        torch_backend(problem, d),
        textbook(problem, d),
    ]
    return found + ([onnxruntime_session(problem)] if has_onnxruntime(problem.dtype.name) else [])


def has_onnxruntime(dtype: str) -> bool:
    """Its LSTM is of float32 alone."""
    return dtype == "float32" and bool(find_spec("onnxruntime") and find_spec("onnx"))


def torch_module(problem: Problem, d: Cotangents) -> Candidate:
    """torch.nn.LSTM with everything in its place; the smallest that a caller can pay."""
    import torch

    from backends.torch import make_module, to_inputs
    from lstm_spec.adapters.torch.tensors import to_tensor

    torch.set_num_threads(1)
    lstm, (x, state) = make_module("cpu", problem), to_inputs("cpu", problem)
    leaves = [x, *state, *lstm.parameters()]
    outside = [to_tensor(a) for a in (d.y, *d.state)]

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
    from backends.torch import backend

    torch = backend("cpu")
    return Candidate("torch backend", lambda: torch.forward(problem), lambda: torch.differentiate(problem, d))


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
    weights = {k: tuple(np.ascontiguousarray(a.T) for a in getattr(problem.layer, k)[:2]) for k in GATES}
    biases = {k: getattr(problem.layer, k).b for k in GATES}

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
        sums = {k: [np.zeros_like(a) for a in (*weights[k], biases[k])] for k in GATES}
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
