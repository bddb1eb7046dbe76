"""Somebody else's file is read whole, or refused at once with an OSError."""

import os
from pathlib import Path

import pytest

from conformance.files import read_whole

MOST = 1000


def make_odd_file(folder: Path, what: str) -> Path:
    path = folder / "odd"
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    elif what == "a link to itself":
        path.symlink_to(path)
    elif what == "5 GB of nothing":
        with path.open("wb") as file:
            file.truncate(5 << 30)
    elif what == "one byte too many":
        path.write_bytes(bytes(MOST + 1))
    return path


ODD = {
    "a pipe": "it is no regular file",
    "a folder": "Is a directory",
    "a link to itself": "Too many levels",
    "5 GB of nothing": "it has 5,368,709,120 bytes, expected at most 1,000",
    "one byte too many": "it has 1,001 bytes",
    "nothing": "No such file",
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_no_small_regular_file_is_refused_without_waiting(what: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=ODD[what]):
        read_whole(make_odd_file(tmp_path, what), MOST)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty"])
def test_a_device_is_refused_without_reading(device: str) -> None:
    with pytest.raises(OSError, match="it is no regular file|No such device"):
        read_whole(Path(device), MOST)


@pytest.mark.parametrize("name", ["null\0", "surrogate\ud800", "long" * 1000])
def test_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no file can have this name|File name too long"):
        read_whole(tmp_path / name, MOST)


def test_a_file_that_grows_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fstat = tmp_path / "grows", os.fstat
    path.write_bytes(b"short")

    def grow(descriptor: int) -> os.stat_result:
        about = fstat(descriptor)
        path.write_bytes(b"longer than before")
        return about

    monkeypatch.setattr(os, "fstat", grow)
    with pytest.raises(OSError, match="it changed while it was read"):
        read_whole(path, MOST)


@pytest.mark.parametrize("raw", [b"", b"right", bytes(MOST)])
def test_a_small_file_is_read(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    assert read_whole(tmp_path / "file", MOST) == raw
