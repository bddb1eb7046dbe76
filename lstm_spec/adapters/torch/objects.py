"""Tensors in files of torch that hold other objects, too: TorchScript, whole modules, checkpoints.

Of the classes and functions that are pickled there only the names are read: no code is imported, compiled or called.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch

MOST_OBJECTS = 200_000  # in each other
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


INSIDE = ("_parameters", "_buffers", "_modules")  # of a module, whose names do not have them


class Pickled:
    """An object of a class that is not known: what was kept of it, and the name of its class."""

    kind, state = "", None

    def __init__(self, *given: Any) -> None:
        self.items: dict[Any, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, value: Any) -> None:
        """Of a list nothing is kept."""

    def extend(self, values: Any) -> None:
        """Of a list nothing is kept."""

    def list_parts(self) -> dict[Any, Any]:
        """What it has by name."""
        return {**self.__dict__.get("items", {}), **(self.state if isinstance(self.state, dict) else {})}


def is_script(path: Path) -> bool:
    """Whether it is an archive with code in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return any("/code/" in name for name in file.namelist())


def read_objects(path: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The tensors by name, and the names of parts whose weights are quantised.

    Raises whatever its readers do.
    """
    with zipfile.ZipFile(path) as file:
        name = next(name for name in file.namelist() if name.endswith(f"/{STORED}"))
        with file.open(name) as pickled:
            module = _Unpickler(pickled, file, name.removesuffix(STORED)).load()
    found, quantised = dict[str, torch.Tensor](), list[str]()
    for place, one in _walk_parts(module, "", set(), count()):
        if isinstance(one, torch.Tensor):
            found.setdefault(place, one)
        elif "quantized" in one.kind:
            quantised.append(place)
    return found, quantised


def _walk_parts(one: Any, place: str, above: set[int], visited: "count[int]") -> Iterator[tuple[str, Any]]:
    """Every tensor and every object, by name: of an object with dots, of a mapping with slashes."""
    if next(visited) > MOST_OBJECTS:
        raise ValueError("it has objects in objects without end")
    if isinstance(one, torch.Tensor | Pickled):
        yield place, one
    if isinstance(one, torch.Tensor) or id(one) in above:
        return
    parts, mark = (one.list_parts(), ".") if isinstance(one, Pickled) else (one, "/")
    for name, part in parts.items() if isinstance(parts, dict) else ():
        inner = part if mark == "." and name in INSIDE and isinstance(part, dict) else {name: part}
        for key, each in inner.items():
            yield from _walk_parts(each, f"{place}{mark}{key}" if place else str(key), above | {id(one)}, visited)


class _Unpickler(pickle._Unpickler):  # that in C takes as much memory as it is told
    """Of classes and functions it knows those that make tensors; every other one is only a name."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file, encoding="utf-8")
        self.archive, self.folder, self.storages = archive, folder, dict[Any, torch.Tensor]()

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild_tensor
        if module == "torch._utils" and name.startswith("_rebuild_parameter"):
            return _return_first
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
        if key not in self.storages:
            raw = bytearray(self.archive.read(f"{self.folder}data/{key}"))
            self.storages[key] = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return self.storages[key]


def _return_first(first: Any = None, *rest: Any) -> Any:
    return first


def _rebuild_tensor(storage: torch.Tensor, offset: int, size: Any, stride: Any, *rest: Any) -> torch.Tensor:
    return storage.as_strided(tuple(size), tuple(stride), offset)
