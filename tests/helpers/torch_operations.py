"""A network of PyTorch operations with autograd: at 16 bits each operation is rounded. It claims every feature.

torch is imported when the backend is asked, so that this table can be read without it.
"""

from typing import Any

import numpy as np

from backends.stacked import stack_problem
from lstm_spec import (
    Answer,
    Array,
    Backend,
    Cotangents,
    Description,
    Feature,
    Gradients,
    Parameters,
    Problem,
    State,
    checked,
)
from lstm_spec.adapters.torch.tensors import to_tensor
from lstm_spec.types import each_array
from lstm_spec.variants import KINDS


def forward(problem: Problem) -> Answer:
    import torch

    with torch.no_grad():
        return _to_answer(problem, *_run(problem, *_leaves(problem)))


def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    import torch

    rows, x, state = leaves = _leaves(problem)
    flat = [a.requires_grad_() for a in (*_arrays(rows), x, *state)]
    y, h, c = _run(problem, *leaves)
    dy = stack_problem(np, problem, problem.x, problem.state, problem.lengths).select_valid(d.y)
    outputs = [(a, to_tensor(da)) for a, da in zip((y, h, c), (dy, *d.state), strict=True) if a.requires_grad]
    ends, losses = zip(*outputs, strict=True)
    found = torch.autograd.grad(ends, flat, losses, allow_unused=True, materialize_grads=True)
    turned = iter([_to_array(a, problem) for a in found])
    grads = tuple(tuple(each_array(lambda _: next(turned), p) for p in row) for row in problem.parameters)
    return _to_answer(problem, y, h, c), Gradients(grads, next(turned), State(next(turned), next(turned)))


def _leaves(problem: Problem) -> tuple[Any, Any, Any]:
    rows = [[each_array(lambda a: to_tensor(a), p) for p in row] for row in problem.parameters]
    q = stack_problem(np, problem, problem.x, problem.state, problem.lengths)
    return rows, to_tensor(q.select_valid(q.x)), [to_tensor(a) for a in problem.state]


def _arrays(rows: Any) -> list[Any]:
    found: list[Any] = []
    for row in rows:
        for p in row:
            each_array(lambda a: found.append(a) or a, p)
    return found


def _run(problem: Problem, rows: Any, x: Any, state: Any) -> tuple[Any, Any, Any]:
    import torch

    checked(problem)
    lengths = np.full(x.shape[1], len(x)) if problem.lengths is None else np.asarray(problem.lengths)
    valid, after, D = torch.from_numpy(np.arange(len(x))[:, None] < lengths)[..., None], [], len(problem.directions)
    for layer, row in enumerate(rows):
        ys = []
        for n, p in enumerate(row):
            turn = problem.directions[n] == "reverse"
            h, c, steps = state[0][layer * D + n], state[1][layer * D + n], []
            read = _turn(x, lengths) if turn else x
            for t in range(len(x)):
                new_h, new_c = _step(problem, p, read[t], h, c)
                h, c = torch.where(valid[t], new_h, h), torch.where(valid[t], new_c, c)
                steps.append(torch.where(valid[t], h, torch.zeros_like(h)))
            y = torch.stack(steps) if steps else x.new_zeros((0, *h.shape))
            ys.append(_turn(y, lengths) if turn else y)
            after.append((h, c))
        x = torch.cat(ys, dim=-1)
    return x, *(torch.stack(column) for column in zip(*after, strict=True))


def _turn(a: Any, lengths: Array) -> Any:
    t = np.arange(len(a))[:, None]
    return a[np.where(t < lengths, lengths - 1 - t, t), np.arange(a.shape[1])]


def _step(problem: Problem, p: Parameters, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    import torch

    kind, gates, a = KINDS[problem.variant.kind], p.gates, problem.variant.activations
    W, U, b = (torch.cat([getattr(gate, name) for gate in gates.values()]) for name in "WUb")
    z = dict(zip(gates, (x @ W.T + h @ U.T + b).chunk(len(gates), -1), strict=True))

    def receive(letter: str, seen: Any) -> Any:
        peephole = gates[letter].p
        return z[letter] if peephole is None else z[letter] + peephole * seen

    def squash(z: Any, scale: float) -> Any:
        return torch.tanh(z) if kind.stretch == 1 else 2 * scale * torch.sigmoid(z) - scale

    def configured(name: str, z: Any, scale: float) -> Any:
        return torch.relu(z) if name == "relu" else z if name == "identity" else squash(z, scale)

    def open_gate(z: Any) -> Any:
        if a is None or a.gate == "sigmoid":
            return torch.sigmoid(z)
        if a.alpha == 1 / 6 and a.beta == 0.5:
            return torch.clamp(z + 3, 0, 6) / 6  # torch has one of its own, whose slope is a float32 at any dtype
        return torch.clamp(a.alpha * z + a.beta, 0, 1)

    i, g = open_gate(receive("i", c)), configured(a.candidate if a else "tanh", z["g"], kind.stretch)
    if "f" in gates:
        c = open_gate(receive("f", c)) * c + i * g
    else:
        c = (1 - i) * c + i * g if kind.keeps == "1 - i" else c + i * g
    if problem.variant.clip is not None:
        k = float(problem.dtype.type(problem.variant.clip))
        c = torch.clamp(c, -k, k)
    m = open_gate(receive("o", c)) * configured(a.output if a else "tanh", c, 1)
    h = m if p.R is None else m @ p.R.T
    if problem.variant.projection_clip is not None:
        k = float(problem.dtype.type(problem.variant.projection_clip))
        h = torch.clamp(h, -k, k)
    return h, c


def _to_array(a: Any, problem: Problem) -> Array:
    """torch cannot convert its bfloat16 to NumPy, so the bits are passed."""
    import torch

    bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[problem.dtype.itemsize]
    return np.asarray(a.detach().contiguous().view(bits).numpy().view(problem.dtype))


def _to_answer(problem: Problem, y: Any, h: Any, c: Any) -> Answer:
    y, h, c = (_to_array(a, problem) for a in (y, h, c))
    return Answer(y, State(h, c))


DTYPES = ("float32", "float64", "bfloat16", "float16")
BACKEND = Backend(
    "operations",
    forward,
    gradients,
    Description(dtypes=DTYPES, features=frozenset(Feature) - {Feature.BFLOAT16_WEIGHTS}),
)
