"""Somebody else's file is read whole, or refused at once with an OSError; ours is whole or as it was."""

import os
from pathlib import Path

import pytest

from conformance.files import read_whole, remove_stale, write_whole
from tests.helpers.odd_files import make_odd_file

MOST = 1000


ODD = {
    "a pipe": "it is no regular file",
    "a folder": "Is a directory",
    "a link to itself": "Too many levels",
    "5 GB of nothing": "it has 5,368,709,120 bytes, expected at most 1,000",
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


def test_one_byte_too_many_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(MOST + 1))
    with pytest.raises(OSError, match="it has 1,001 bytes, expected at most 1,000"):
        read_whole(tmp_path / "file", MOST)


@pytest.mark.parametrize("raw", [b"", b"right", bytes(MOST)])
def test_a_small_file_is_read(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    assert read_whole(tmp_path / "file", MOST) == raw


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_whole(file, b"before")
    with pytest.raises(OSError, match="too large"):
        write_whole(file, b"x" * 2000)
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupt_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*names: Path) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "case.safetensors"
    write_whole(file, b"before")
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"after")
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link_and_a_mode_stays_that_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "here" / "report.xml", tmp_path / "report.xml"
    file.parent.mkdir()
    file.touch(0o600)
    link.symlink_to(file)
    write_whole(link, b"after")
    assert link.is_symlink() and file.read_bytes() == b"after"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"whole")
    assert os.read(reader, 100) == b"whole"
    os.close(reader)


def test_a_file_beside_which_there_is_no_room_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: Path) -> None:
        raise PermissionError(1, "mounted by itself")

    file = tmp_path / ("x" * 250)  # no room for a longer name
    write_whole(file, b"whole")
    assert file.read_bytes() == b"whole"
    monkeypatch.setattr(os, "replace", refuse)
    write_whole(tmp_path / "mounted", b"whole")
    assert (tmp_path / "mounted").read_bytes() == b"whole"


def test_a_stale_file_is_removed_or_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(1, "a folder that cannot be written")

    file = tmp_path / "report.json"
    remove_stale(file, b"gre")
    file.write_bytes(b"green")
    remove_stale(file, b"gre")
    assert not file.exists()
    file.write_bytes(b"green")
    monkeypatch.setattr(Path, "unlink", refuse)
    remove_stale(file, b"gre")
    assert file.read_bytes() == b""


@pytest.mark.parametrize("content", [b"import numpy\n", b"g", b"\xff"])
def test_a_file_that_begins_otherwise_is_no_stale_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.py"
    file.write_bytes(content)
    with pytest.raises(OSError, match="it is there, and no former report"):
        remove_stale(file, b"{}")
    assert file.read_bytes() == content
