"""A crash of a library that reads a file is a sentence with a status of its own, and the command goes on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conformance.models import apart
from conformance.models.apart import read_apart
from conformance.models.asked import ModelError
from conformance.models.reading import read_file
from conformance.models.weights import Stored
from conformance.nouns import name_all_arrays
from conformance.report.status import CRASHED, PASSED, UNUSABLE
from lstm_spec import Network
from lstm_spec.types import Array
from tests.helpers.specimens import said

LIBRARIES = {  # what reads a kind of file, by the module whose import crashes here
    "model.tflite": "ai_edge_litert/interpreter.py",
    "model.h5": "h5py.py",
    "model.keras": "h5py.py",
    "model.onnx": "onnxruntime.py",
    "model.pt": "torch.py",
}


@pytest.fixture(autouse=True)
def own_process() -> Iterator[None]:
    """A process that knows the modules of a test, and that no other test asks."""
    apart.start_process.cache_clear()
    yield
    apart.start_process.cache_clear()


def write_library(folder: Path, place: str, code: str) -> None:
    path = folder / place
    path.parent.mkdir(parents=True)
    (path.parent / "__init__.py").touch()
    path.write_text(code)


def write_weights(path: Path) -> Path:
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (8, 3), "weight_hh_l0": (8, 2), "bias_ih_l0": (8,), "bias_hh_l0": (8,)}
    tensors = {f"memory.{name}": rng.standard_normal(shape).astype("f") for name, shape in shapes.items()}
    np.savez(path, **tensors, **{"an.embedding": np.ones((5, 3), "f"), "other": np.ones(7)})  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_crash_is_one_sentence_and_a_status_of_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_library(tmp_path / "with", LIBRARIES[name], "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / name).write_bytes(b"hello")
    monkeypatch.syspath_prepend(str(tmp_path / "with"))
    status, text = said("judge", str(tmp_path / name))
    sentence = f"{name} crashed the process that reads it (signal SIGSEGV): it is damaged, or a library has a defect;"
    assert status == CRASHED and sentence in text and len(text.splitlines()) == 1


def test_a_file_that_is_never_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_library(tmp_path / "with", "h5py.py", "import time\ntime.sleep(1000)\n")
    (tmp_path / "model.h5").write_bytes(b"hello")
    monkeypatch.syspath_prepend(str(tmp_path / "with"))
    monkeypatch.setattr(apart, "LIMIT", 1.0)
    status, text = said("judge", str(tmp_path / "model.h5"))
    assert status == CRASHED and "model.h5 is not read within 1 s; give shorter --inputs, or" in text


def test_the_next_file_is_read_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_library(tmp_path / "with", "h5py.py", "import os\nos.abort()\n")
    (tmp_path / "model.h5").write_bytes(b"hello")
    write_weights(tmp_path / "model.npz")
    monkeypatch.syspath_prepend(str(tmp_path / "with"))
    monkeypatch.chdir(tmp_path)
    status, text = said("port", "model.h5", "new.npz")
    assert status == CRASHED and text.startswith("lstm-conform: model.h5 crashed the process that reads it (signal SIG")
    assert said("judge", "model.npz", "--runtime", "numpy")[0] == PASSED


def test_what_another_process_read_is_what_this_one_reads(tmp_path: Path) -> None:
    path, inputs = write_weights(tmp_path / "model.npz"), {"memory.x": np.ones((3, 2))}
    here, apart_ = read_file(path, inputs), read_apart(path, inputs)
    assert isinstance(here, Stored) and isinstance(apart_, Stored)
    assert "other" not in apart_.tensors and "an.embedding" in apart_.tensors and here.notes == apart_.notes
    ((prefix, one),), ((again, other),) = here.networks.items(), apart_.networks.items()
    assert (prefix, repr(one), one.names, one.prefix) == (again, repr(other), other.names, other.prefix)
    pairs = zip(_list_all(here.tensors, one), _list_all(apart_.tensors, other), strict=True)
    assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def _list_all(tensors: dict[str, Array], network: Network) -> list[Array]:
    sizes = [a for row in network.bias_sizes for one in row for a in one.values()]
    return [*tensors.values(), *name_all_arrays(p=network.parameters).values(), *sizes]


def test_a_sentence_is_the_same_from_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("nothing.pt"), Path("text.txt"), tmp_path):
        with pytest.raises(ModelError) as here:
            read_file(path, {})
        with pytest.raises(ModelError) as there:
            read_apart(path, {})
        assert str(here.value) == str(there.value) and there.value.status == UNUSABLE


class Here:
    """A process that is this one."""

    def exchange(self, question: bytes, limit: float, longest: int) -> memoryview:
        return memoryview(apart.reply_to(memoryview(question)))


def test_a_mistake_of_ours_is_none_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*arguments: object) -> None:
        raise IndexError("of ours")

    monkeypatch.setattr(apart, "read_file", read)
    monkeypatch.setattr(apart, "find_process", Here)
    with pytest.raises(RuntimeError, match="IndexError: of ours") as failed:
        read_apart(Path("model.npz"), {})
    assert f'{__name__.rpartition(".")[2]}.py", line ' in failed.value.__notes__[0]
