"""Tensors in files of torch, read without anything of the file being run; and torch.nn.LSTM with such tensors."""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch

from lstm_spec.adapters.archives import check_members, check_unpacked
from lstm_spec.adapters.torch.objects import is_script, read_objects
from lstm_spec.adapters.torch.tensors import to_array, to_tensor
from lstm_spec.layouts.foreign import flatten_names
from lstm_spec.types import Array, State

PACKED = "_all_weight_values"  # in a layer whose weights are quantised


def read_stored(path: Path) -> dict[str, Any]:
    """The tensors of a state dict, or of TorchScript, by name.

    Of other objects only the names are unpickled, and no code of the file is called. Raises ValueError if it holds
    something else, layers with quantised weights, or tensors that are much larger than what is stored of them.
    """
    _check_archive(path)
    try:
        found = _read_any(path)
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
    tensors = {name: a for name, a in named.items() if isinstance(a, torch.Tensor) and a.layout == torch.strided}
    if not tensors:
        raise ValueError(
            "it holds no tensors, expected the weights of a model; a frozen TorchScript module has them elsewhere: save"
            " it before it is frozen"
        )
    if empty := [name for name, a in tensors.items() if a.is_meta]:
        raise ValueError(f"{empty[0]} has a shape and no numbers, expected a model with weights; load them, save again")
    sizes = (a.numel() * a.element_size() for a in tensors.values())
    check_unpacked(sum(sizes), sum(a.untyped_storage().nbytes() for a in tensors.values()))
    return tensors


def _check_archive(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:
        raise ValueError(f"it is a damaged archive ({error}), expected a state dict; write it again") from error
    with archive:
        check_members(archive)


def save_tensors(tensors: Mapping[str, Array], file: IO[bytes]) -> None:
    """Write them as a state dict."""
    torch.save({name: to_tensor(a) for name, a in tensors.items()}, file)


def _read_any(path: Path) -> Any:
    if is_script(path):
        return _read_objects(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of the protocol that it was pickled with
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        if zipfile.is_zipfile(path) and (found := _read_objects(path)):
            return found
        raise


def _read_objects(path: Path) -> dict[str, Any]:
    tensors, quantised = read_objects(path)
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
