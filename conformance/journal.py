"""A journal: a file of JSON, an entry a line, that can be read while it is written."""

import fcntl
import json
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any


class Journal:
    """What was added to it can be read at once, and survives the process."""

    def __init__(self, folder: Path) -> None:
        """Open `journal.jsonl` in the folder, or `journal-1.jsonl` if another process writes that. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._file = _open_unused(folder)

    def add(self, entry: dict[str, Any]) -> None:
        """Write an entry. Raises OSError."""
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()

    def close(self, keep: bool) -> None:
        """Close the file, and remove it unless it is to be kept; no failure to do so is raised."""
        with suppress(OSError):
            if not keep:
                self.path.unlink()
        with suppress(OSError):
            self._file.close()


def _open_unused(folder: Path) -> tuple[Path, IO[bytes]]:
    """A journal that no other process writes, emptied."""
    for k in count():
        path = folder / f"journal{f'-{k}' if k else ''}.jsonl"
        file = path.open("ab")
        try:
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
