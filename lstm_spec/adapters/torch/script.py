"""Tensors in files of TorchScript, read from what is pickled there; no code of the file is compiled or run."""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

MOST_OBJECTS = 1_000_000  # in each other
STORED = "data.pkl"
DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Pickled:
    """An object of a class of the file: what was kept of it, and the name of its class."""

    kind = ""

    def __init__(self, *given: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def is_script(path: Path) -> bool:
    """Whether it is an archive with code in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return any("/code/" in name for name in file.namelist())


def read_script(path: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The tensors of a module by name, and the names of parts whose weights are quantised.

    Raises whatever its readers do.
    """
    with zipfile.ZipFile(path) as file:
        name = next(name for name in file.namelist() if name.endswith(f"/{STORED}"))
        with file.open(name) as pickled:
            module = _Unpickler(pickled, file, name.removesuffix(STORED)).load()
    found, quantised = dict[str, torch.Tensor](), list[str]()
    for count, (place, one) in enumerate(_walk_parts(module, "", set())):
        if count > MOST_OBJECTS:
            raise ValueError("it has objects in objects without end")
        if isinstance(one, torch.Tensor):
            found[place] = one
        elif "quantized" in one.kind:
            quantised.append(place)
    return found, quantised


def _walk_parts(one: Any, place: str, above: set[int]) -> Iterator[tuple[str, Any]]:
    """Every tensor and every module, by name."""
    if isinstance(one, torch.Tensor):
        yield place, one
    elif isinstance(one, Pickled) and id(one) not in above:
        yield place, one
        parts = one.state if isinstance(one.state, dict) else {}
        for name, part in parts.items():
            yield from _walk_parts(part, f"{place}.{name}" if place else str(name), above | {id(one)})


class _Unpickler(pickle._Unpickler):  # that in C takes as much memory as it is told
    """Of classes and functions it knows those that make tensors; every other one is only a name."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file, encoding="utf-8")
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        known = {"_rebuild_tensor_v2": _rebuild_tensor, "_rebuild_parameter": _rebuild_parameter}
        if module == "torch._utils" and name in known:
            return known[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if module.startswith("torch.jit._pickle"):  # lists of numbers, and tensors by number
            return _return_first
        return type("Pickled", (Pickled,), {"kind": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        """The numbers of a storage; nothing of them if they are of another kind, as quantised ones are."""
        _, dtype, key = pid[:3]
        if not isinstance(dtype, torch.dtype):
            return None
        return torch.frombuffer(bytearray(self.archive.read(f"{self.folder}data/{key}")), dtype=dtype)


def _return_first(first: Any = None, *rest: Any) -> Any:
    return first


def _rebuild_tensor(storage: torch.Tensor, offset: int, size: Any, stride: Any, *rest: Any) -> torch.Tensor:
    return storage.as_strided(tuple(size), tuple(stride), offset)


def _rebuild_parameter(data: torch.Tensor, *rest: Any) -> torch.Tensor:
    return data
