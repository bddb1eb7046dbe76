"""Answers in the forms in which people have them: arrays or tensors, with or without states, in one or in parts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import frozen, read_tensor
from lstm_spec import Answer, Problem, State
from lstm_spec.layouts.foreign import shape_of
from lstm_spec.types import Array

Given = Answer | Array | tuple[Any, ...] | list[Any]


def read_answer(problem: Problem, answer: Any) -> tuple[Array, Array | None, Array | None]:
    """y, h and c. Raises ValueError if one has another shape than the problem asks for."""
    parts = (answer.y, *answer.state) if isinstance(answer, Answer) else answer
    if isinstance(parts, tuple) and len(parts) == 2 and isinstance(parts[1], tuple):  # as torch.nn.LSTM returns them
        parts = (parts[0], *parts[1])
    y, h, c = parts if isinstance(parts, tuple) and len(parts) == 3 else (parts, None, None)
    T, B, _, H = problem.sizes
    readers, D = len(problem.directions) * len(problem.parameters), len(problem.directions)
    shapes = {"y": (T, B, D * problem.P), "h": (readers, B, problem.P), "c": (readers, B, H)}
    found: list[Any] = []
    for (name, shape), given in zip(shapes.items(), (y, h, c), strict=True):
        is_foreign = not isinstance(given, np.ndarray) and shape_of(given) == shape
        a = read_tensor(name, given) if is_foreign else given
        found.append(a)
        if a is None and name != "y":
            continue
        if not isinstance(a, np.ndarray) or a.shape != shape:
            what = f"has shape {shape_of(a)}" if shape_of(a) else f"is a {type(a).__name__}"
            raise ValueError(f"{name} {what}, expected an array of shape {shape}; steps come first, then samples")
    y, h, c = found
    return y, h, c


def split_sequence(problem: Problem, answers: list[Any]) -> Iterator[tuple[Problem, Any]]:
    """Each part of a sequence as a problem of its own, which starts from the state that the part before returned."""
    start, state = 0, problem.state
    if problem.lengths is not None:
        raise ValueError("a sequence with lengths was given in parts, expected one without; judge each part by itself")
    for k, answer in enumerate(answers):
        y = answer.y if isinstance(answer, Answer) else answer[0] if isinstance(answer, tuple) else answer
        part = replace(problem, x=frozen(problem.x[start : start + len(y)].copy()), state=state)
        yield part, answer
        _, h, c = read_answer(part, answer)
        if k + 1 < len(answers) and (h is None or c is None):
            raise ValueError(f"part {k} has no final states, from which the next one starts; give (y, h, c)")
        start, state = start + len(y), state if h is None or c is None else State(h, c)
    if start != len(problem.x):
        raise ValueError(f"the parts have {start} steps together, expected {len(problem.x)}; give all of them")
