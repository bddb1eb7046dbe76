"""Inputs for a model that nobody gave any for: a file's own, or drawn ones in the range that the model is made for."""

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from conformance.models.asked import ModelError
from conformance.models.weights import read_arrays
from lstm_spec import Problem, State
from lstm_spec.types import Array

T, B = 16, 2
SEED = 0
TABLE, MEAN, VARIANCE = "embed", "mean", "var"  # in names of tensors that say what the inputs are like
LARGEST_UNITS = 1 << 32  # samples squared times cells; a layer with more weights takes too long
LARGEST = 1 << 24  # numbers of an input that is drawn


def load_inputs(path: Path | None) -> dict[str, Array]:
    """The arrays of a .npz by name, that of a .npy under the name ""; nothing without a path.

    Raises ModelError, also for arrays of anything but numbers.
    """
    if path is None:
        return {}
    found = read_arrays(path)
    named = {"": found} if isinstance(found, np.ndarray) else found
    for name, a in named.items():
        if a.dtype.kind not in "biuf":
            raise ModelError(f"{path}: {name or 'the array'} is of {a.dtype}, expected numbers; convert it")
    return named


def suggests_inputs(name: str) -> bool:
    """Whether `draw_x` looks at a tensor of that name."""
    return any(word in name.lower() for word in (TABLE, MEAN, VARIANCE))


def draw_x(tensors: Mapping[str, Array], I: int, dtype: np.dtype[Any], T: int = T) -> Array:
    """x (T, B, I), as the file's own numbers suggest: rows of an embedding, or normal with its mean."""
    rng = np.random.default_rng(SEED)
    for name, a in tensors.items():
        if TABLE in name.lower() and a.ndim == 2 and a.shape[1] == I and len(a):
            return a[rng.integers(len(a), size=(T, B))].astype(dtype)
    mean, variance = (_find_vector(tensors, word, I) for word in (MEAN, VARIANCE))
    x = rng.standard_normal((T, B, I))
    if mean is not None and variance is not None:
        x = mean + x * np.sqrt(np.maximum(variance, 0))
    return x.astype(dtype)


def draw_affordable_units(problem: Problem) -> Iterator[Problem]:
    """The problems of `draw_units`, without those that take too long."""
    return (one for one in draw_units(problem) if one.x.shape[1] ** 2 * one.state.c.shape[2] <= LARGEST_UNITS)


def draw_units(problem: Problem) -> Iterator[Problem]:
    """For each layer by itself, one step from each unit vector, so that every weight is seen without any other.

    First those of x, from a hidden state of zeros, then those of h; each from cell states of ones, where the forget
    gate is seen best, and of zeros, where the input gate is.
    """
    for row in problem.parameters:
        I, H, P = row[0].g.W.shape[1], len(row[0].g.b), problem.P
        units = np.tile(np.eye(I + P, dtype=problem.dtype), (2, 1))
        c = np.zeros((len(row), 2 * (I + P), H), problem.dtype)
        c[:, : I + P] = 1
        state = State(np.repeat(units[None, :, I:], len(row), axis=0), c)
        yield Problem((row,), units[None, :, :I].copy(), state, None, problem.variant, problem.directions)


def _find_vector(tensors: Mapping[str, Array], word: str, size: int) -> Array | None:
    named = (a for name, a in tensors.items() if word in name.lower() and a.shape == (size,))
    return next(named, None)


def draw_input(
    shape: tuple[int | str | None, ...], dtype: np.dtype[Any], most: int | None, number: int, steps: int
) -> Array:
    """An input of a model: floats within -1 and 1, whole numbers below `most`.

    A size that is not known is the number of steps, but B if it is named like a batch, or comes first. Raises
    ModelError if it is too large.
    """
    known = [n if isinstance(n, int) and n > 0 else 0 for n in shape]
    alone = sum(map(bool, known)) == len(known) - 1 and len(known) > 2  # a state, e.g. (1, ?, 128)
    sizes = [n or (B if alone or _is_batch(shape[k], k) else steps) for k, n in enumerate(known)]
    if prod(sizes) > LARGEST:
        raise ModelError(f"input {number} has shape {tuple(sizes)}, too large to be drawn; give it with --inputs")
    rng = np.random.default_rng((SEED, number))
    if dtype.kind == "b":
        return np.ones(sizes, dtype)
    if dtype.kind in "iu":
        return rng.integers(most or 2, size=sizes).astype(dtype)
    return rng.uniform(-1, 1, sizes).astype(dtype)


def _is_batch(name: int | str | None, axis: int) -> bool:
    return "batch" in name.lower() or name in ("N", "B", "b", "n") if isinstance(name, str) else axis == 0
