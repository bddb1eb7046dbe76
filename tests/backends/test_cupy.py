"""What can be said of the CuPy backend without CuPy; the rest is tools/gpu/check.py's (docs/gpu.md)."""

import sys
from types import SimpleNamespace

import pytest

from backends.cupy.backend import TF32, backend
from backends.cupy.kernels import list_instances, read_source
from lstm_spec.contract import BackendUnavailable
from tools.gpu import mutants


def test_without_cupy_it_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(BackendUnavailable, match="cupy cannot be imported") as refused:
        backend()
    assert "cuda13x" in refused.value.remedy and "driver" in refused.value.remedy


class NoDevice:
    """Of CuPy, what a machine without a driver shows."""

    __version__ = "14.2.0"

    class cuda:
        @staticmethod
        def Device(number: int) -> None:
            raise RuntimeError("cudaErrorInsufficientDriver: too old\nand more")


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "cpu", "cuda:one"])
def test_without_the_device_it_says_what_would_help(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", NoDevice)
    with pytest.raises(BackendUnavailable) as refused:
        backend(device)
    assert f"cannot use device {device!r}" in refused.value.reason and "\n" not in str(refused.value)
    known = device in ("cuda", "cuda:1")
    assert ("cudaErrorInsufficientDriver" if known else "expected cuda, or cuda:1") in refused.value.reason
    assert "nvidia-smi" in refused.value.remedy


class Device:
    """Of CuPy, a device that can be used."""

    def __init__(self, number: int) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def usable(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SimpleNamespace(sum=lambda: SimpleNamespace(item=lambda: 0.0))
    found = SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(Device=Device), zeros=lambda n: one)
    monkeypatch.setitem(sys.modules, "cupy", found)


def test_tf32_is_an_error_model_of_its_own_and_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch)
    monkeypatch.delenv("CUPY_TF32", raising=False)
    assert backend().description.grade("float32") == "relative"
    monkeypatch.setenv("CUPY_TF32", "1")
    assert backend().description.grade("float32") is TF32
    assert backend().description.grade("float64") == "relative"


def test_every_instance_is_of_a_kernel_in_the_read_source() -> None:
    assert all(f" {name.split('<')[0]}(" in read_source() for name in list_instances())
    assert read_source().count("__global__") == len({name.split("<")[0] for name in list_instances()})


def test_there_are_28_mistakes_each_of_which_changes_the_kernels() -> None:
    assert len({mutant.name for mutant in mutants.MUTANTS}) == len(mutants.MUTANTS) == 28
    made = {mutants.edited(mutant, read_source()) for mutant in mutants.MUTANTS}
    assert len(made) == len(mutants.MUTANTS) and read_source() not in made


def test_an_edit_that_finds_no_place_is_no_mistake() -> None:
    with pytest.raises(AssertionError, match="stands nowhere"):
        mutants.edited(mutants.Mutant("nothing", "no such line", ""), read_source())
