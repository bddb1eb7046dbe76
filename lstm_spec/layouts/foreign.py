"""What a framework hands out, as NumPy's arrays by name: nested dictionaries, tensors of other kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lstm_spec.types import Array


def flatten_names(tensors: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Mappings in a mapping as one, with / between the names."""
    found: dict[str, Any] = {}
    for name, value in tensors.items():
        if isinstance(value, Mapping):
            found |= flatten_names(value, f"{before}{name}/")
        else:
            found[f"{before}{name}"] = value
    return found


def to_array(name: str, value: Any) -> Array:
    """The numbers of an array or a tensor of any framework; torch's bfloat16 as float32.

    Raises TypeError for what is no array of floating-point numbers.
    """
    if type(value).__module__.partition(".")[0] == "torch":
        if getattr(value, "is_quantized", False):
            raise TypeError(f"{name} is quantised ({value.dtype}), expected floating-point numbers; dequantise it")
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if isinstance(value, str | bytes | Sequence) or value is None:
        raise TypeError(f"{name} is a {type(value).__name__}, expected an array; give the tensors by name")
    found = np.asarray(value)
    if found.dtype.kind not in "fV":  # V: bfloat16
        raise TypeError(f"{name} is {found.dtype}, expected floating-point numbers; dequantise it if it is quantised")
    return found


def shape_of(value: Any) -> tuple[int, ...]:
    """Its shape; () for what has none."""
    try:
        return tuple(int(n) for n in getattr(value, "shape", ()))
    except (TypeError, ValueError):
        return ()
