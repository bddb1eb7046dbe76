"""Files of models of every kind, small ones that are made here, damaged, or written to do harm.

Some say that they hold more than there is room for, some lead to other files, and some have code in them. None of that
may be read, and no code be run: it would leave a mark in the folder.
"""

import io
import os
import pickle
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load as unpack_tensors
from safetensors.numpy import save as pack_tensors

from conformance.models.asked import ModelError
from tools.checks.odd import damage_bytes, replace_token

I, H = 3, 2
SECRET = 7.25  # every number in the file that another one leads to
MARK, OUTSIDE = "sprung", "outside"
RUN = 0.3  # seconds that a run of a graph may take here
BOMB = 640 << 20  # bytes of zeros: more than an input may take
PLAIN = re.compile(
    r"\b(object has no attribute|subscriptable|NoneType|unhashable|index out of range|(positional|keyword) argument)\b"
)
Damage = Callable[[bytes, random.Random], bytes]


class Kind(NamedTuple):
    """Files of one kind: what reads them, how they are made, and what else than bytes is damaged in them."""

    suffix: str
    libraries: tuple[str, ...]
    list_files: Callable[[Path], Iterator[bytes]]  # sound ones, then odd ones; what these lead to is in the folder
    sound: int  # how many of them are
    damages: tuple[Damage, ...] = ()

    def find_missing(self) -> list[str]:
        """Libraries that have to be installed, and are not."""
        return [name for name in self.libraries if find_spec(name) is None]


class Trap:
    """It leaves a mark when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder / MARK),)


def read_model(path: Path) -> Any:
    """What `lstm-conform judge` makes of a file: the question to each LSTM. Raises ModelError."""
    from conformance.models import graphs
    from conformance.models.drawing import draw_x, load_inputs
    from conformance.models.lite import ask_lite
    from conformance.models.weights import list_arrays, read_weights

    graphs.SECONDS = RUN
    if path.suffix in (".onnx", ".tflite"):
        asked = list((graphs.ask_graph if path.suffix == ".onnx" else ask_lite)(path, {}))
        return [one.judge("absolute") for one in asked]
    if path.suffix == ".npy":
        return load_inputs(path)
    stored = read_weights(path)
    arrays = list_arrays(stored)
    for network in stored.networks.values():
        W = network.parameters[0][0].g.W
        network.ask(draw_x(arrays, W.shape[1], W.dtype))
    return arrays


def explain_wrong_reading(folder: Path, found: Any) -> str:
    """What was done beside reading the file itself; empty if nothing was."""
    if (folder / MARK).exists():
        (folder / MARK).rmdir()
        return "code in the file was run"
    arrays = found.values() if isinstance(found, Mapping) else ()
    if any(a.dtype.kind == "f" and a.size and (a == SECRET).all() for a in arrays):
        return "it holds what is in another file"
    return ""


def explain_refusal(error: Exception) -> str:
    """Why a refusal is none for a user; empty if it is one."""
    text = str(error)
    if not isinstance(error, ModelError) or "; " not in text and "expected" not in text and "cannot be" not in text:
        return f"its refusal says nothing of a remedy: {text!r:.300}"
    return f"its refusal is one of Python: {text!r:.300}" if PLAIN.search(text) else ""


# ---------------------------------------------------------------- tensors


def list_tensors(fill: float | None = None) -> dict[str, np.ndarray]:
    """An LSTM among other layers, with the names of PyTorch."""
    rng = np.random.default_rng(0)
    shapes = {"embedding.weight": (4, I), "norm.running_mean": (I,), "norm.running_var": (I,)}
    shapes |= {"lstm.weight_ih_l0": (4 * H, I), "lstm.weight_hh_l0": (4 * H, H)}
    shapes |= {"lstm.bias_ih_l0": (4 * H,), "lstm.bias_hh_l0": (4 * H,)}
    found = {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return found if fill is None else {name: np.full_like(a, fill) for name, a in found.items()}


def _list_safetensors(folder: Path) -> Iterator[bytes]:
    tensors = list_tensors()
    yield pack_tensors(tensors)
    yield pack_tensors({**tensors, "epoch": np.array(3), "empty": np.zeros((0, 2**40), np.float32)})
    yield pack_tensors({name: a.astype(np.float16) for name, a in tensors.items()}, {"format": "pt"})


def _damage_header(raw: bytes, rng: random.Random) -> bytes:
    """One value in the description of the tensors is another."""
    size = int.from_bytes(raw[:8], "little")
    header = replace_token(raw[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def _damage_tensors(raw: bytes, rng: random.Random) -> bytes:
    """One tensor is gone, or has another shape, dtype or name, or no numbers in it."""
    try:
        tensors = dict(unpack_tensors(raw))
    except Exception:  # it is damaged already
        return raw
    name = rng.choice(list(tensors))
    a = tensors.pop(name)
    how = rng.randrange(6)
    if how == 0:
        tensors[name] = a.reshape(rng.choice([(-1,), (1, *a.shape), (*a.shape, 1), a.shape[::-1]]))
    elif how == 1:
        with warnings.catch_warnings(action="ignore"):
            tensors[name] = a.astype(rng.choice(["f8", "f2", "i8", "u1", "?"]))
    elif how == 2:
        tensors[rng.choice([name + "_reverse", name[:-1] + "9" * rng.choice([1, 20, 5000]), "\x1b[31m", "", "a b"])] = a
    elif how == 3:
        tensors[name] = np.full_like(a, rng.choice([np.nan, np.inf, 1e4]) if a.dtype.kind == "f" else 9)
    elif how == 4:
        tensors[name] = np.zeros([rng.choice([0, 1, n, 2 * n]) % 999 for n in a.shape], a.dtype)
    return pack_tensors(tensors) if tensors else b""


# ---------------------------------------------------------------- archives


def pack_archive(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return file.getvalue()


def unpack_archive(raw: bytes) -> dict[str, bytes]:
    """The members of a zip, as far as they are no bombs."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if one.file_size < 1 << 20}


def pack_bomb(members: Mapping[str, bytes], name: str, head: bytes = b"") -> bytes:
    """The same zip, in which one member is packed zeros, after this head."""
    file = io.BytesIO(pack_archive({other: raw for other, raw in members.items() if other != name}))
    archive = zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open(name, "w", force_zip64=True) as member:
        member.write(head)
        for _ in range(BOMB >> 24):
            member.write(bytes(1 << 24))
    return file.getvalue()


def _damage_member(raw: bytes, rng: random.Random) -> bytes:
    """One member of a zip is damaged, gone, there twice or named otherwise; its checksum is right."""
    try:
        members = unpack_archive(raw)
    except Exception:
        return raw
    if not members:
        return raw
    name = rng.choice(list(members))
    one, how = members[name], rng.randrange(10)
    if how < 5:
        members[name] = damage_bytes(one, rng)
    elif how == 5:
        del members[name]
    elif how == 6:
        members[name] = members[rng.choice(list(members))]
    elif how == 7:
        members[rng.choice(["../" + name, "/" + name, name + "/", "\x1b[31m", name.upper()])] = members.pop(name)
    else:
        members[name] = replace_token(one, rng)
    with warnings.catch_warnings(action="ignore"):
        return pack_archive(members, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))


def _pack_npy(a: Any, **more: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, a, **more)
    return file.getvalue()


def describe_npy(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """The head of a .npy of this shape, without any numbers."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def _list_npy(folder: Path) -> Iterator[bytes]:
    yield _pack_npy(np.ones((4, 2, I), np.float32))
    yield _pack_npy(np.array([Trap(folder)]), allow_pickle=True)
    yield pickle.dumps(Trap(folder))
    for shape in ((1 << 40,), (1 << 31, 4), (1 << 62, 1 << 62), (0, 1 << 40)):
        yield describe_npy(shape)
    yield describe_npy((1 << 20, 1 << 20), "|V0") + bytes(9)


def _list_npz(folder: Path) -> Iterator[bytes]:
    sound = {f"{name}.npy": _pack_npy(a) for name, a in list_tensors().items()}
    yield pack_archive(sound)
    yield pack_archive(sound, zipfile.ZIP_DEFLATED)
    for odd in _list_npy(folder):
        yield pack_archive({**sound, "odd.npy": odd})
    yield pack_bomb(sound, "lstm.weight_ih_l0.npy", describe_npy((4, BOMB // 16)))


# ---------------------------------------------------------------- torch


def _save_torch(found: Any, **more: Any) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(found, file, **more)
    return file.getvalue()


def _list_state_dicts(folder: Path) -> Iterator[bytes]:
    import torch

    state = {name: torch.from_numpy(a) for name, a in list_tensors().items()}
    yield _save_torch(state)
    yield _save_torch({"epoch": 3, "model": state, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}})
    yield _save_torch(state, _use_new_zipfile_serialization=False)
    yield _save_torch({name: a.bfloat16() for name, a in state.items()})
    yield _save_torch({**state, "model": Trap(folder)})
    yield _save_torch({**state, "model": Trap(folder)}, _use_new_zipfile_serialization=False)
    yield pickle.dumps({**list_tensors(), "model": Trap(folder)})
    large, one = 4 << 13, torch.zeros(())
    shapes = {"weight_ih_l0": (large, I), "weight_hh_l0": (large, large // 4), "bias_ih_l0": (large,)}
    yield _save_torch({name: one.expand(shape) for name, shape in {**shapes, "bias_hh_l0": (large,)}.items()})
    yield _save_torch({**state, "lstm.weight_ih_l0": torch.zeros((8, I), device="meta")})
    yield _save_torch({**state, "sparse": torch.eye(3).to_sparse()})
    tree: Any = dict(state)
    for _ in range(40):
        tree = {"a": tree, "b": tree}
    yield _save_torch(tree)
    round_: Any = dict(state)
    round_["again"] = round_
    yield _save_torch(round_)
    members = unpack_archive(_save_torch({"large": torch.zeros(9), **state}))
    yield pack_bomb(members, next(name for name in members if name.endswith("/data/0")))


def _list_scripts(folder: Path) -> Iterator[bytes]:
    import torch

    class Tagger(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embedding, self.lstm = torch.nn.Embedding(4, I), torch.nn.LSTM(I, H)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.lstm(self.embedding(x))[0]
            return y

    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # it is deprecated
        torch.jit.save(torch.jit.script(Tagger()), file)
    yield file.getvalue()
    members = unpack_archive(file.getvalue())
    name = next(name for name in members if name.endswith("data.pkl"))
    yield pack_archive(members | {name: pickle.dumps(Trap(folder), protocol=2)})


# ---------------------------------------------------------------- by name


def list_kinds() -> dict[str, Kind]:
    """Every kind of file that is read, by its name."""
    from tools.checks.graphs import damage_graph, list_graphs, list_lite
    from tools.checks.hdf5 import list_archives, list_hdf5

    archive = (_damage_member, _damage_member)
    return {
        "safetensors": Kind(
            ".safetensors", (), _list_safetensors, 3, (_damage_header, _damage_tensors, _damage_tensors)
        ),
        "npz": Kind(".npz", (), _list_npz, 2, archive),
        "npy": Kind(".npy", (), _list_npy, 1, (replace_token,)),
        "torch": Kind(".pt", ("torch",), _list_state_dicts, 4, archive),
        "torchscript": Kind(".ts", ("torch",), _list_scripts, 1, archive),
        "hdf5": Kind(".h5", ("h5py",), list_hdf5, 2),
        "keras": Kind(".keras", ("h5py",), list_archives, 2, archive),
        "onnx": Kind(".onnx", ("onnx", "onnxruntime"), list_graphs, 3, (damage_graph, damage_graph)),
        "tflite": Kind(".tflite", ("ai_edge_litert",), list_lite, 7),
    }


def damage_model(kind: Kind, files: list[bytes], rng: random.Random) -> bytes:
    """A file as it is, or damaged by byte or by what is in it."""
    raw = rng.choice(files if rng.random() < 0.4 else files[: kind.sound])
    if rng.random() < 0.1:
        return raw
    damage: Damage = rng.choice((damage_bytes, *kind.damages))
    return damage(raw, rng)


def list_files(kind: Kind, folder: Path) -> list[bytes]:
    """The files that are damaged, and beside them what some of them lead to."""
    (folder / OUTSIDE).mkdir(exist_ok=True)
    secret = list_tensors(SECRET)
    np.savez(folder / OUTSIDE / "secret.npz", **secret)  # type: ignore[arg-type]
    (folder / OUTSIDE / "secret.bin").write_bytes(np.full(4096, SECRET, "<f4").tobytes())
    with warnings.catch_warnings(action="ignore"):
        return list(kind.list_files(folder))
