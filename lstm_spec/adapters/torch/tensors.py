"""NumPy's arrays as torch's tensors on a device, and back."""

from typing import Any

import numpy as np
import torch

from lstm_spec.contract import BackendUnavailable
from lstm_spec.types import Array


def require_device(device: str) -> None:
    """Raises BackendUnavailable unless torch can compute on that device."""
    try:
        torch.zeros(1, device=device).item()
    except Exception as error:  # torch raises a different class for each kind of device it lacks
        reason = str(error).splitlines()[0]
        raise BackendUnavailable(
            f"torch {torch.__version__} cannot use device {device!r} ({reason})",
            "choose one that it can with --device, e.g. cpu",
        ) from error


def to_tensor(array: Array, device: str = "cpu") -> Any:
    """The array as a tensor of its own. torch cannot convert NumPy's bfloat16, so its bits are passed."""
    copied = np.array(array, order="C")
    if is_bfloat16(copied.dtype):
        return torch.from_numpy(copied.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(copied).to(device)


def to_array(tensor: Any, dtype: np.dtype[Any]) -> Array:
    """The numbers of a tensor; of that dtype if it is bfloat16, which NumPy does not know itself."""
    found = tensor.detach().cpu()
    if found.dtype == torch.bfloat16 and is_bfloat16(dtype):
        return found.view(torch.int16).numpy().view(dtype)
    array: Array = found.numpy()
    return array


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize == 2 and dtype.name == "bfloat16"  # `name` alone is slow
