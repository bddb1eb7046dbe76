"""Files of other people, read without waiting and without surprise."""

import errno
import os
import stat
from pathlib import Path


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
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
