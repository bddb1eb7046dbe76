"""Files of Keras, small ones: HDF5 that leads elsewhere, goes round, or says that it is larger than it is."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.checks.models import MARK, OUTSIDE, SECRET, Trap, pack_archive, pack_bomb

I, H = 3, 2
LAYER = {"class_name": "LSTM", "config": {"name": "lstm", "units": H}}
LAMBDA = {"class_name": "Lambda", "config": {"name": "lambda", "function": ""}}


def describe_model(*layers: Any) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}})


def _write(change: Any = None, fill: float | None = None, **attributes: Any) -> bytes:
    """A file with one LSTM, and what is changed in it."""
    import h5py

    rng, raw = np.random.default_rng(0), io.BytesIO()
    shapes = {"kernel": (I, 4 * H), "recurrent_kernel": (H, 4 * H), "bias": (4 * H,)}
    with h5py.File(raw, "w") as file:
        for name, shape in shapes.items():
            a = rng.uniform(-1, 1, shape) if fill is None else np.full(shape, fill)
            file[f"layers/lstm/cell/{name}"] = a.astype("f")
        file["layers/embedding/table"] = np.ones((4, I), "f")
        for name, value in attributes.items():
            file.attrs[name] = value
        if change:
            change(file)
    return raw.getvalue()


def _list_changes(folder: Path) -> Iterator[Any]:
    import h5py

    outside = str(folder / OUTSIDE / "secret.h5")

    def replace_kernel(make: Any) -> Any:
        def change(file: Any) -> None:
            del file["layers/lstm/cell/kernel"]
            make(file["layers/lstm/cell"])

        return change

    def link(file: Any) -> None:
        del file["layers"]
        file["layers"] = h5py.ExternalLink(outside, "/layers")

    def go_round(file: Any) -> None:
        for name in ("a", "b"):
            file[f"layers/{name}"] = file["layers"]

    def go_twice(file: Any) -> None:
        below = file["layers"]
        for k in range(60):
            group = file.create_group(f"level {k}")
            group["a"], group["b"] = below, below
            below = group

    layout = h5py.VirtualLayout((I, 4 * H), "f4")
    layout[:] = h5py.VirtualSource(outside, "layers/lstm/cell/kernel", (I, 4 * H))
    raw = [(str(folder / OUTSIDE / "secret.bin"), 0, 4 * I * 4 * H)]
    sizes: list[dict[str, Any]] = [{"chunks": (1024, 1024)}, {"chunks": (1024, 1024), "compression": "gzip"}, {}]
    yield link
    yield replace_kernel(lambda group: group.create_dataset("kernel", (I, 4 * H), "f4", external=raw))
    yield replace_kernel(lambda group: group.create_virtual_dataset("kernel", layout))
    yield replace_kernel(
        lambda group: group.__setitem__("kernel", h5py.ExternalLink(outside, "/layers/lstm/cell/kernel"))
    )
    yield replace_kernel(lambda group: group.__setitem__("kernel", h5py.SoftLink("/nowhere")))
    for more in sizes:
        yield replace_kernel(lambda group, more=more: group.create_dataset("kernel", (1 << 19, 1 << 12), "f4", **more))
    yield replace_kernel(lambda group: group.create_dataset("kernel", (1 << 20, 1 << 40), "f4", chunks=(1, 1 << 20)))
    yield replace_kernel(_write_bomb)
    yield go_round
    yield go_twice
    yield replace_kernel(lambda group: group.create_dataset("kernel", data=np.ones((I, 4 * H), ">f8")))
    yield replace_kernel(lambda group: group.create_dataset("kernel", data=np.ones((I, 4 * H), np.longdouble)))
    yield replace_kernel(lambda group: group.create_dataset("kernel", data=np.ones((I, 4 * H), [("a", "f4")])))
    yield replace_kernel(lambda group: group.create_dataset("kernel", data=h5py.Empty("f")))
    yield replace_kernel(lambda group: group.create_dataset("kernel", data="text"))


def _write_bomb(group: Any) -> None:
    """Some 700 MB of zeros, which are there, packed."""
    rows, columns, many = 1 << 10, 1 << 14, 11
    packing: Any = {"chunks": (rows, columns), "compression": "gzip", "compression_opts": 1}
    one = group.create_dataset("kernel", (many * rows, columns), "f4", **packing)
    for k in range(many):
        one[k * rows : (k + 1) * rows] = np.zeros((rows, columns), "f4")


def list_hdf5(folder: Path) -> Iterator[bytes]:
    """Sound files, with and without a description of the model, and odd ones."""
    (folder / OUTSIDE / "secret.h5").write_bytes(_write(fill=SECRET))
    yield _write()
    yield _write(model_config=describe_model(LAYER), keras_version="3.0.0")
    yield _write(model_config=describe_model(LAYER, _make_lambda(folder)), keras_version="2.4.0")
    for value in (
        3,
        "[" * 20_000,
        "null",
        "[]",
        np.ones(3),
        "9" * 5000,
        describe_model(3, None, {"class_name": "LSTM"}),
    ):
        yield _write(model_config=value, keras_version=value)
    for change in _list_changes(folder):
        yield _write(change)


def _make_lambda(folder: Path) -> Any:
    """A layer with code in it, as Keras writes one: what is marshalled, in base64."""
    import base64
    import marshal

    code = compile(f"__import__('os').mkdir({str(folder / MARK)!r})", "model", "exec")
    text = base64.b64encode(marshal.dumps(code)).decode()
    return {"class_name": "Lambda", "config": {"name": "lambda", "function": [text, None, None]}}


def list_archives(folder: Path) -> Iterator[bytes]:
    """The same as .keras: an archive of weights, a description and more."""
    import pickle

    weights = _write()
    for layers in ((LAYER,), (LAYER, _make_lambda(folder)), (3, None)):
        members = {
            "metadata.json": json.dumps({"keras_version": "3.0.0"}).encode(),
            "config.json": describe_model(*layers).encode(),
            "model.weights.h5": weights,
        }
        yield pack_archive(members)
    for odd in (b"[]", b"null", b"3", b"[" * 20_000, b"\xff", b'{"keras_version": 3}', b'{"keras_version": "x.y"}'):
        yield pack_archive(members | {"metadata.json": odd})
        yield pack_archive(members | {"config.json": odd})
    yield pack_archive(members | {"config.json": pickle.dumps(Trap(folder))})
    for change in _list_changes(folder):
        yield pack_archive(members | {"model.weights.h5": _write(change)})
    for name in ("config.json", "metadata.json", "model.weights.h5"):
        yield pack_bomb(members, name)
