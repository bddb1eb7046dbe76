"""The question that is being asked, on disk, so that it outlives the process that it kills."""

import hashlib
import os
import re
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conformance.files import remove_oldest

FORMAT = "lstm-spec question 1"
NAME = r"(crash-[0-9a-f]{4}|asked-\d+)\.safetensors"  # the latter is there if the judge itself was killed
PART = r"asked-(\d{1,9})\.part"
NO_FILE = -1  # no descriptor
MOST_QUESTIONS = 200  # in a folder; those of this process are kept


class Notes:
    """A folder for questions; without a folder nothing is written. Raises OSError if it cannot be written."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.kept = folder, set[Path]()
        self.file = NO_FILE  # of the question that is asked
        self.close_file: Callable[[], object] = lambda: None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self.asked = folder / f"asked-{os.getpid()}.safetensors"  # other processes may ask as well
            self.part = self.asked.with_suffix(".part")
            self.part.write_bytes(b"")
            self.part.unlink()
            self.kept.add(self.asked)
            _remove_parts(folder)
            remove_oldest(folder, NAME, FORMAT, MOST_QUESTIONS, self.kept)
            weakref.finalize(self, _remove_file, self.asked)

    def write_question(self, question: bytes) -> None:
        """Write the question that is asked next in place of the last one: it is there as a whole, whoever is killed."""
        if self.folder:
            with suppress(OSError):  # a full disk is not the backend's mistake
                if _lies_at(self.file, self.asked):
                    _overwrite(self.file, question)
                    return
                self.part.write_bytes(question)
                os.replace(self.part, self.asked)
                self._open_file()

    def _open_file(self) -> None:
        self.close_file()
        self.file = os.open(self.asked, os.O_RDWR)
        self.close_file = weakref.finalize(self, os.close, self.file)

    def keep_question(self, question: bytes) -> str:
        """Write it to a file that no later one overwrites; returns where that is, as the end of a sentence.

        Of what was kept before, the newest files stay.
        """
        if not self.folder:
            return ""
        path = self.folder / f"crash-{hashlib.blake2b(question, digest_size=2).hexdigest()}.safetensors"
        try:
            path.write_bytes(question)
        except OSError as error:
            return f"; the question could not be written to {path} ({error.strerror})"
        self.kept.add(path)
        remove_oldest(self.folder, NAME, FORMAT, MOST_QUESTIONS, self.kept)
        return f"; the question is in {path}"

    def close(self) -> None:
        """Remove the file of the current question."""
        if self.folder:
            _remove_file(self.asked)
            self.close_file()
            self.folder, self.file = None, NO_FILE


def _lies_at(file: int, path: Path) -> bool:
    """Whether the open file is the one at the path: the target may have removed it."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file), os.stat(path, follow_symlinks=False))
    return False


def _overwrite(file: int, question: bytes) -> None:
    """Write the question over the last one, which takes a tenth of the time of a new file; its length comes last.

    Until then it has a header of no length, and is no question. Raises OSError.
    """
    whole = memoryview(question)
    os.pwrite(file, bytes(8), 0)
    if os.pwrite(file, whole[8:], 8) != len(whole) - 8:
        raise OSError("the disk is full")
    os.ftruncate(file, len(whole))
    os.pwrite(file, whole[:8], 0)


def _remove_parts(folder: Path) -> None:
    """Remove the halves of questions that processes left which are gone."""
    with suppress(OSError):
        for path in folder.iterdir():
            if (found := re.fullmatch(PART, path.name)) and _is_gone(int(found[1])):
                _remove_file(path)


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it belongs to somebody else; it is no number of a process
        pass
    return False


def _remove_file(path: Path) -> None:
    with suppress(OSError):  # it is gone, or the target put something else in place of the folder
        path.unlink()
