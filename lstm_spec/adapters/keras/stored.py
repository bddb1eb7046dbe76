"""Weights in files of Keras: .h5, .weights.h5 and .keras, read by h5py. Keras is not imported, and nothing is run."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from lstm_spec.types import Array

USUAL = {"activation": "tanh", "recurrent_activation": "sigmoid"}
PLAIN = ("LSTM", "LSTMCell", "CuDNNLSTM")
LARGEST = 8 << 30  # bytes of a member of a .keras


def read_stored(path: Path) -> tuple[dict[str, Array], bool]:
    """The weights by name, and whether the file tells the activations, which are the usual ones then.

    Raises ValueError if it is no such file, or has an LSTM of another kind or with other activations.
    """
    try:
        raw, config = _read_archive(path) if zipfile.is_zipfile(path) else (path, None)
        with h5py.File(raw, "r") as file:
            config = config or file.attrs.get("model_config")
            tensors = dict(_list_datasets(file))
        layers = [*_list_layers(json.loads(config))] if config else []
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:150]
        raise ValueError(f"it cannot be read as a file of Keras ({first}), expected HDF5 or .keras") from error
    for kind, about in layers:
        _check_layer(kind, about)
    return tensors, bool(config)


def save_tensors(tensors: Mapping[str, Array], file: IO[bytes]) -> None:
    """Write them as HDF5."""
    with h5py.File(file, "w") as written:
        for name, a in tensors.items():
            written[name] = a


def _read_archive(path: Path) -> tuple[io.BytesIO, bytes]:
    with zipfile.ZipFile(path) as file:
        if file.getinfo("model.weights.h5").file_size > LARGEST:
            raise ValueError("its weights are too large")
        return io.BytesIO(file.read("model.weights.h5")), file.read("config.json")


def _list_datasets(group: Any, before: str = "") -> Iterator[tuple[str, Array]]:
    """Every array of floating-point numbers but the optimiser's; links to other files are not followed."""
    for name in group:
        if name.startswith("optimizer") or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        one = group[name]
        if isinstance(one, h5py.Group):
            yield from _list_datasets(one, f"{before}{name}/")
        elif one.dtype.kind == "f":
            yield f"{before}{name}", np.asarray(one)


def _list_layers(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every layer in the description of a model, as deep as it is: its class, and its own description."""
    if isinstance(config, list):
        for one in config:
            yield from _list_layers(one)
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and isinstance(config.get("config"), dict):
            yield config["class_name"], config["config"]
        for one in config.values():
            yield from _list_layers(one)


def _check_layer(kind: str, about: Mapping[str, Any]) -> None:
    name = about.get("name", kind)
    if "LSTM" in kind and kind not in PLAIN:
        raise ValueError(f"{name} is a layer of the class {kind}, expected LSTM; it is not judged")
    for option, usual in USUAL.items() if kind in PLAIN else ():
        used = about.get(option, usual)
        used = used.get("config", used) if isinstance(used, dict) else used
        if used != usual:
            raise ValueError(f"{name} has {option} {used!r}, expected {usual!r}; it is not judged")
