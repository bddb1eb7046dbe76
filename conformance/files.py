"""Files of other people, read without waiting and without surprise; files of ours, written whole or not at all."""

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from shutil import copymode

LARGEST_HEADER = 2**18  # bytes, of a safetensors file of ours
NOT_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG)


def read_whole(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most that many bytes.

    Raises OSError for everything else: a folder, a pipe and a device, too, none of which is waited for.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            if about.st_size > most:
                raise OSError(errno.EFBIG, f"it has {about.st_size:,} bytes, expected at most {most:,}")
            raw = file.read(about.st_size + 1)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have this name") from error
    if len(raw) != about.st_size:
        raise OSError(errno.EIO, "it changed while it was read")
    return raw


def _open_without_waiting(path: str, flags: int) -> int:
    if sys.platform != "win32":
        flags |= os.O_NONBLOCK | os.O_NOCTTY
    return os.open(path, flags)


def write_whole(path: Path, content: bytes) -> None:
    """Put the content into a file. It is written beside it and renamed, so that nobody ever reads half of it.

    A device or a pipe is written to directly, and so is a file beside which there can be no other one. Raises OSError.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    try:
        _replace_file(part, path, content)
    except OSError as error:
        if error.errno not in NOT_BESIDE:
            raise
        path.write_bytes(content)


def _replace_file(part: Path, path: Path, content: bytes) -> None:
    try:
        part.write_bytes(content)
        if path.exists():
            copymode(path, part)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def remove_stale(path: Path, start: bytes) -> None:
    """Remove a file, or empty it if it can only be written; nothing if it is no file.

    Raises OSError, also for a file that begins with something else: it is not ours.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        if not start.startswith(file.read(len(start))):
            raise OSError(errno.EEXIST, "it is there, and no former report")
    try:
        path.unlink()
    except OSError:
        path.write_bytes(b"")


def remove_oldest(folder: Path, name: str, form: str, most: int, kept: Set[Path] = frozenset()) -> list[Path]:
    """Remove the oldest files of that name (a regular expression) beyond `most`, except those to be kept; what is gone.

    Only a safetensors file that says that it has that format is one of ours. What cannot be removed stays.
    """
    removed = list[Path]()
    with suppress(OSError):
        ours = [path for path in folder.iterdir() if re.fullmatch(name, path.name)]
        for path in sorted(ours, key=lambda path: path.lstat().st_mtime_ns)[: max(0, len(ours) - most)]:
            with suppress(OSError):
                if path not in kept and read_format(path) == form:
                    path.unlink()
                    removed.append(path)
    return removed


def read_format(path: Path) -> str:
    """What a safetensors file says that it is; empty if it says nothing, or is none."""
    with suppress(OSError, ValueError, RecursionError, LookupError, TypeError):
        with open(path, "rb", opener=_open_without_waiting) as file:
            header = file.read(8 + LARGEST_HEADER) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        return str(json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]["format"])
    return ""
