"""Inputs for a model that nobody gave any for: a file's own, or drawn ones in the range that the model is made for."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conformance.models.asked import ModelError
from lstm_spec.types import Array

T, B = 16, 2
SEED = 0


def load_inputs(path: Path | None) -> dict[str, Array]:
    """The arrays of a .npz by name, that of a .npy under the name ""; nothing without a path. Raises ModelError."""
    if path is None:
        return {}
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        return {"": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as .npy or .npz ({str(error).splitlines()[0]}); write it with np.save"
        ) from error


def draw_x(tensors: Mapping[str, Array], I: int, dtype: np.dtype[Any]) -> Array:
    """x (T, B, I), as the file's own numbers suggest: rows of an embedding, or normal with its mean."""
    rng = np.random.default_rng(SEED)
    for name, a in tensors.items():
        if "embed" in name.lower() and a.ndim == 2 and a.shape[1] == I and len(a):
            return a[rng.integers(len(a), size=(T, B))].astype(dtype)
    mean, variance = (_find_vector(tensors, word, I) for word in ("mean", "var"))
    x = rng.standard_normal((T, B, I))
    if mean is not None and variance is not None:
        x = mean + x * np.sqrt(np.maximum(variance, 0))
    return x.astype(dtype)


def _find_vector(tensors: Mapping[str, Array], word: str, size: int) -> Array | None:
    named = (a for name, a in tensors.items() if word in name.lower() and a.shape == (size,))
    return next(named, None)


def draw_input(
    shape: tuple[int | str | None, ...], dtype: np.dtype[Any], most: int | None, number: int, steps: int
) -> Array:
    """An input of a model: floats within -1 and 1, whole numbers below `most`.

    A size that is not known is the number of steps, but B if it is named like a batch, or comes first.
    """
    rng = np.random.default_rng((SEED, number))
    known = [n if isinstance(n, int) and n > 0 else 0 for n in shape]
    alone = sum(map(bool, known)) == len(known) - 1 and len(known) > 2  # a state, e.g. (1, ?, 128)
    sizes = [n or (B if alone or _is_batch(shape[k], k) else steps) for k, n in enumerate(known)]
    if dtype.kind == "b":
        return np.ones(sizes, dtype)
    if dtype.kind in "iu":
        return rng.integers(most or 2, size=sizes).astype(dtype)
    return rng.uniform(-1, 1, sizes).astype(dtype)


def _is_batch(name: int | str | None, axis: int) -> bool:
    return "batch" in name.lower() or name in ("N", "B", "b", "n") if isinstance(name, str) else axis == 0
