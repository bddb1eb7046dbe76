"""Weights in files of Keras: .h5, .weights.h5 and .keras, read by h5py. Keras is not imported, and nothing is run."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from lstm_spec.adapters.archives import check_members, check_unpacked
from lstm_spec.adapters.keras.described import Described, read_description
from lstm_spec.types import Array

BF16 = "bfloat16"


def read_stored(path: Path) -> tuple[dict[str, Array], Described]:
    """The weights by name, and the activations of the layers that the file describes; of bfloat16 the two bytes.

    Raises ValueError if it is no such file, or has an LSTM that `read_description` refuses.
    """
    is_archive = zipfile.is_zipfile(path)
    try:
        raw, config, version = _read_archive(path) if is_archive else (path, None, "")
        with h5py.File(raw, "r") as file:
            config = config or file.attrs.get("model_config")
            version = version or _to_text(file.attrs.get("keras_version", ""))
            datasets = dict(_list_datasets(file, "", set()))
            check_unpacked(sum(one.nbytes for one in datasets.values()), sum(map(_measure_stored, datasets.values())))
            tensors = {name: np.asarray(one) for name, one in datasets.items()}
        described = json.loads(config) if config else None
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:150]
        raise ValueError(f"it cannot be read as a file of Keras ({first}), expected HDF5 or .keras") from error
    return tensors, read_description(described, version, is_archive)


def save_tensors(tensors: Mapping[str, Array], file: IO[bytes]) -> None:
    """Write them as HDF5."""
    with h5py.File(file, "w") as written:
        for name, a in tensors.items():
            written[name] = a


def _to_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _read_archive(path: Path) -> tuple[io.BytesIO, bytes, str]:
    with zipfile.ZipFile(path) as file:
        check_members(file)
        about = json.loads(file.read("metadata.json")) if "metadata.json" in file.namelist() else {}
        if not isinstance(about, dict):
            raise ValueError("its metadata.json describes nothing")
        version = str(about.get("keras_version", ""))
        return io.BytesIO(file.read("model.weights.h5")), file.read("config.json"), version


def _measure_stored(one: Any) -> int:
    return int(one.id.get_storage_size())


def _list_datasets(group: Any, before: str, visited: set[Any]) -> Iterator[tuple[str, Any]]:
    """Every array of floating-point numbers but the optimiser's, once; what is in other files is not read."""
    place = h5py.h5o.get_info(group.id).addr
    if place in visited:
        return
    visited.add(place)
    for name in group:
        if name.startswith("optimizer") or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        one = group[name]
        if isinstance(one, h5py.Group):
            yield from _list_datasets(one, f"{before}{name}/", visited)
        elif not isinstance(one, h5py.Dataset):  # a type by name
            continue
        elif one.external or one.is_virtual:
            raise ValueError(f"{before}{name} is kept in another file")
        elif (one.dtype.kind == "f" or _is_bfloat16(one)) and one.shape is not None:
            yield f"{before}{name}", one


def _is_bfloat16(one: Any) -> bool:
    """As Keras writes it: two bytes whose meaning HDF5 does not know; a name beside them in newer files."""
    return one.dtype.kind == "V" and one.dtype.itemsize == 2 and _to_text(one.attrs.get("dtype", BF16)) == BF16
