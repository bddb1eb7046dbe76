"""Tensors in files of torch, read without anything of the file being run; and torch.nn.LSTM with such tensors."""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch

from lstm_spec.adapters.torch.tensors import to_array, to_tensor
from lstm_spec.layouts.foreign import flatten_names
from lstm_spec.types import Array, State

PACKED = "_all_weight_values"  # in a layer whose weights are quantised


def read_stored(path: Path) -> dict[str, Any]:
    """The tensors of a state dict, or of TorchScript, by name.

    Nothing but tensors is unpickled, and no code of the file is called. Raises ValueError if it holds something else,
    or layers with quantised weights.
    """
    try:
        found = _read_script(path) if _is_script(path) else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        is_pickled = "Weights only load failed" in str(error)
        reason = "Python objects or quantised weights, which are not unpickled" if is_pickled else type(error).__name__
        raise ValueError(
            f"it cannot be read as tensors ({reason}), expected a state dict or TorchScript; write it with"
            " torch.save(model.state_dict(), FILE)"
        ) from error
    if not isinstance(found, Mapping):
        raise ValueError(f"it holds a {type(found).__name__}, expected a state dict; save model.state_dict()")
    named = {str(name): a for name, a in flatten_names(found).items()}
    if quantised := [name for name in named if PACKED in name]:
        raise ValueError(f"{quantised[0].partition('.' + PACKED)[0]} has quantised weights, which are not judged")
    return {name: a for name, a in named.items() if isinstance(a, torch.Tensor)}


def save_tensors(tensors: Mapping[str, Array], file: IO[bytes]) -> None:
    """Write them as a state dict."""
    torch.save({name: to_tensor(a) for name, a in tensors.items()}, file)


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return any("/code/" in name for name in file.namelist())


def _read_script(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # but files are there
        module = torch.jit.load(str(path), map_location="cpu")
    quantised = [name for name, one in module.named_modules() if "quantized" in str(getattr(one, "_c", one)._type())]
    tensors = dict(module.state_dict())
    return tensors | {f"{name}.{PACKED}": None for name in quantised}


def run_stored(tensors: Mapping[str, Array], x: Array, state: State) -> tuple[Array, Array, Array]:
    """y, h and c of torch.nn.LSTM with the tensors of one network, by its own names: two biases stay two.

    Raises what torch raises.
    """
    named = {name if "_l" in name else f"{name}_l0": to_tensor(a) for name, a in tensors.items()}
    W, U, R = (named.get(f"weight_{part}_l0") for part in ("ih", "hh", "hr"))
    assert W is not None and U is not None
    with torch.device("meta"):
        lstm = torch.nn.LSTM(
            W.shape[1],
            len(U) // 4,
            sum(name.startswith("weight_ih") and not name.endswith("_reverse") for name in named),
            bias="bias_ih_l0" in named,
            bidirectional="weight_ih_l0_reverse" in named,
            proj_size=0 if R is None else len(R),
            dtype=W.dtype,
        )
    lstm.load_state_dict(named, assign=True)
    with torch.no_grad(), warnings.catch_warnings(action="ignore", category=UserWarning):  # a projection is slow
        y, (h, c) = lstm(to_tensor(x), tuple(map(to_tensor, state)))
    return to_array(y, x.dtype), to_array(h, x.dtype), to_array(c, x.dtype)
