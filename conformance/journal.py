"""A journal: a file of JSON, an entry a line, that can be read while it is written."""

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: what two processes write in one folder is then not told apart
    CAN_LOCK = False
else:
    CAN_LOCK = True


class Journal:
    """What was added to it can be read at once, and survives the process."""

    def __init__(self, folder: Path, complain: Callable[[str], object]) -> None:
        """Open `journal.jsonl` in the folder, or `journal-1.jsonl` if another process writes that.

        `complain` is called with a sentence if it cannot be written, once; nothing is raised.
        """
        self.folder, self._complain = folder, complain
        self._is_new_folder = not folder.exists()
        self.path: Path | None = None
        self._file: IO[bytes] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path, self._file = _open_unused(folder)
        except OSError as error:
            self._give_up(error)

    def add(self, entry: dict[str, Any]) -> None:
        """Write an entry, so that it can be read at once."""
        try:
            if self.path and self._file:
                self._file.write(json.dumps(entry, default=str).encode() + b"\n")
                self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.path = None
        self._complain(
            f"{self.folder} cannot be written ({error.strerror}), so no journal of the verdicts is kept there"
        )

    def close(self, keep: bool) -> None:
        """Close the file; unless it is to be kept, remove it, and the folder if that was made for it alone."""
        if self._file and not CAN_LOCK:  # Windows removes no open file
            self._file.close()
        with suppress(OSError):
            if self.path and not keep:
                self.path.unlink()
                if self._is_new_folder:
                    self.folder.rmdir()
        with suppress(OSError):
            if self._file:
                self._file.close()


def _open_unused(folder: Path) -> tuple[Path, IO[bytes]]:
    """A journal that no other process writes, emptied."""
    for k in count():
        path = folder / f"journal{f'-{k}' if k else ''}.jsonl"
        file = path.open("ab")
        try:
            if CAN_LOCK:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        except OSError:
            pass  # a file system without locks
        file.truncate(0)
        return path, file
    raise AssertionError


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The entries of a journal. The last line is left out if it was torn: a whole one ends with a line break.

    Raises OSError, and ValueError for a file that is no journal.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]
