"""What a framework hands out, as NumPy's arrays by name: nested dictionaries, tensors of other kinds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from lstm_spec.types import Array

MOST_MAPPINGS, DEEPEST = 100_000, 30


def flatten_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings in a mapping as one, with / between the names.

    Raises ValueError if there is no end of them, as when one is in itself.
    """
    return dict(_walk_names(tensors, "", 0, count()))


def _walk_names(
    tensors: Mapping[str, Any], before: str, depth: int, visited: "count[int]"
) -> Iterator[tuple[str, Any]]:
    if depth > DEEPEST or next(visited) > MOST_MAPPINGS:
        raise ValueError("there are mappings in mappings without end, expected tensors by name; give a state dict")
    for name, value in tensors.items():
        if isinstance(value, Mapping):
            yield from _walk_names(value, f"{before}{name}/", depth + 1, visited)
        else:
            yield f"{before}{name}", value


def to_array(name: str, value: Any) -> Array:
    """The numbers of an array or a tensor of any framework; torch's bfloat16 as float32.

    Raises TypeError for what is no array of floating-point numbers.
    """
    if type(value).__module__.partition(".")[0] == "torch":
        if getattr(value, "is_quantized", False):
            raise TypeError(f"{name} is quantised ({value.dtype}), expected floating-point numbers; dequantise it")
        value = _read_torch(name, value)
    if isinstance(value, str | bytes | Sequence) or value is None:
        raise TypeError(f"{name} is a {type(value).__name__}, expected an array; give the tensors by name")
    found = np.asarray(value)
    if found.dtype.kind not in "fV":  # V: bfloat16
        raise TypeError(f"{name} is {found.dtype}, expected floating-point numbers; dequantise it if it is quantised")
    return found


def _read_torch(name: str, tensor: Any) -> Array:
    try:
        found = tensor.detach().cpu()
        numbers: Array = (found.float() if str(found.dtype) == "torch.bfloat16" else found).numpy()
    except (TypeError, RuntimeError) as error:  # it is sparse, has no numbers, or 8 bits
        about = f"{tensor.dtype}, {tensor.layout}, on {tensor.device}"
        raise TypeError(
            f"{name} is {about}, expected a dense tensor with numbers that NumPy has; convert it"
        ) from error
    return numbers


def shape_of(value: Any) -> tuple[int, ...]:
    """Its shape; () for what has none."""
    try:
        return tuple(int(n) for n in getattr(value, "shape", ()))
    except (TypeError, ValueError):
        return ()
