"""Files with weights only: state dicts, TorchScript, HDF5, .keras, safetensors and .npz, by their names."""

import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from conformance.arrays import read_tensor
from conformance.models.asked import ModelError, describe_error, require_file
from lstm_spec import Activations, Network, networks_from
from lstm_spec.adapters.archives import check_members
from lstm_spec.layouts.foreign import to_array
from lstm_spec.layouts.unnamed import name_list
from lstm_spec.types import Array


class Stored(NamedTuple):
    """What a file holds."""

    tensors: dict[str, Any]
    networks: dict[str, Network]  # by what their names begin with
    runtime: str  # whose file it is
    notes: tuple[str, ...] = ()


TORCH = (".pt", ".pth", ".bin", ".ckpt", ".ts", ".jit")
KERAS = (".h5", ".hdf5", ".keras")
SUFFIXES = (".onnx", ".tflite", *TORCH, *KERAS, ".safetensors", ".npz")
LONGEST = 500  # characters of a name; those of an LSTM are shorter
NUMPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"  # with which such files begin
ACTIVATIONS = "not judged: the activations of {}, which the file does not tell: σ and tanh were taken for granted"

CONFIGURED = (
    "keras",
    "flax",
    "nnx",
    "nnx-optimized",
    "onnx",
    "openvino",
    "tf1",
    "tf1-basic",
)  # layers have them as options


def read_weights(path: Path, layout: str | None = None) -> Stored:
    """Every LSTM in a file of weights. Raises ModelError if there is none, or none that can be read."""
    require_file(path, f"a model: {', '.join(SUFFIXES)}")
    suffix = path.suffix.lower()
    reader, runtime = next((found for ends, found in READERS.items() if suffix in ends), (None, ""))
    if reader is None:
        raise ModelError(f"{path} ends in {suffix!r}, expected one of {', '.join(SUFFIXES)}; rename or convert it")
    try:
        found, described = reader(path)
        tensors = {name: a for name, a in found.items() if len(name) <= LONGEST}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            networks = _find_networks(tensors, layout)
        notes = _set_activations(networks, described)
    except ModelError:
        raise
    except ValueError as error:
        raise ModelError(f"{path}: {str(error).strip().splitlines()[0]}") from error
    except Exception as error:
        raise ModelError(f"{path} cannot be read ({describe_error(error)}); write it again") from error
    return Stored(tensors, networks, runtime, (*notes, *(str(one.message) for one in caught)))


def _find_networks(tensors: Mapping[str, Any], layout: str | None) -> dict[str, Network]:
    try:
        return networks_from(tensors, layout)
    except TypeError as error:  # of what is no array of numbers, or of another dtype than the rest
        raise ValueError(str(error)) from error


def _set_activations(networks: dict[str, Network], described: Mapping[str, Activations | None] | None) -> list[str]:
    """Give each network those of its layer, or of all layers if they are the same; what has to be said of others."""
    known, unknown = described or {}, list[str]()
    every = {*known.values()}
    for name, network in networks.items():
        places = [place for place in known if f"/{place}" in f"/{name}"]
        if places:
            networks[name] = replace(network, activations=known[max(places, key=len)])
        elif len(every) == 1 and len(known) >= len(networks):
            networks[name] = replace(network, activations=next(iter(every)))
        elif described is not None or network.layout in CONFIGURED:
            unknown.append(name.rstrip("/.") or "the LSTM")
    return [ACTIVATIONS.format(", ".join(unknown))] if unknown else []


Found = tuple[dict[str, Any], Mapping[str, Activations | None] | None]  # tensors; what `read_description` returns
Reader = Callable[[Path], Found]


def _read_torch(path: Path) -> Found:
    _require("torch", "torch")
    found: dict[str, Any] = import_module("lstm_spec.adapters.torch.stored").read_stored(path)
    narrow = {name: read_tensor(name, a) for name, a in found.items() if str(a.dtype) == "torch.bfloat16"}
    return found | narrow, None


def _read_keras(path: Path) -> Found:
    _require("h5py", "keras")
    found, described = import_module("lstm_spec.adapters.keras.stored").read_stored(path)
    return {name: a.view(ml_dtypes.bfloat16) if a.dtype.kind == "V" else a for name, a in found.items()}, described


def _read_safetensors(path: Path) -> Found:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, None  # noqa: SIM118  it is no dictionary
    except (SafetensorError, OSError, MemoryError) as error:
        raise ModelError(f"{path} cannot be read as safetensors ({describe_error(error)}); write it again") from error


def _read_npz(path: Path) -> Found:
    found = read_arrays(path)
    if isinstance(found, np.ndarray):
        raise ModelError(f"{path} holds one array without a name, expected tensors by name; write them with np.savez")
    if found and found.keys() == {f"arr_{k}" for k in range(len(found))}:  # np.savez was given no names
        try:
            return name_list([found[f"arr_{k}"] for k in range(len(found))], None, None)[0], None
        except ValueError as error:
            how = "by name, as np.savez(file, **tensors) does"
            raise ModelError(
                f"{path} holds arrays without names, and {str(error).partition(';')[0]}; write them {how}"
            ) from error
    return found, None


def read_arrays(path: Path) -> Array | dict[str, Array]:
    """The array of a .npy, or those of a .npz by name; nothing is unpickled. Raises ModelError."""
    require_file(path, "arrays in .npy or .npz")
    try:
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):  # of sizes that are none
            start = file.read(len(NUMPY))
            if start != NUMPY and start[: len(ZIP)] != ZIP:
                raise ValueError("it begins as neither of them")
            if start != NUMPY:
                with zipfile.ZipFile(file) as archive:
                    check_members(archive)
            file.seek(0)
            found = np.load(file, allow_pickle=False)
            return found if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as .npy or .npz ({describe_error(error)}); write it with np.save or np.savez"
        ) from error


READERS: Mapping[tuple[str, ...], tuple[Reader, str]] = {
    TORCH: (_read_torch, "torch"),
    KERAS: (_read_keras, "keras"),
    (".safetensors",): (_read_safetensors, "torch"),
    (".npz",): (_read_npz, "torch"),
}


def _require(library: str, extra: str) -> None:
    if find_spec(library) is None:
        raise ModelError(f'{library} is not installed, which reads such files; pip install "lstm-spec[{extra}]"')


def list_arrays(stored: Stored) -> dict[str, Array]:
    """Everything in the file that is an array of floating-point numbers."""
    found = {}
    for name, value in stored.tensors.items():
        try:
            found[name] = to_array(name, value)
        except TypeError:
            continue
    return found
