"""Files of models, sound, odd and damaged, which are refused or read rightly.

    python -m tests.helpers.models KIND FOLDER

prints what is neither.
"""

import subprocess
import sys
from pathlib import Path

from tests.helpers.root import ROOT
from tools.checks.fuzz import MODELS, find_reader, limit_addresses, try_inputs
from tools.checks.models import list_files

FEW = 150


def assert_models_are_refused_or_read(kind: str, folder: Path) -> None:
    """Each of the odd files as it is, and some that are damaged; the sound ones are read. In a process of its own."""
    words = [sys.executable, "-m", __name__, kind, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=600)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def read_all(kind: str, folder: Path) -> None:
    """Print what is wrong with the files as they are, and with damaged ones."""
    reader, about = find_reader(kind, folder), MODELS[kind]
    path, files = folder / f"model{about.suffix}", list_files(about, folder)
    numbered = iter(files)

    def write_next(rng: object) -> Path:
        path.write_bytes(next(numbered))
        return path

    limit_addresses()
    as_they_are = try_inputs(kind, reader._replace(make=write_next), range(len(files)), 0, lambda line: None)
    damaged = try_inputs(kind, reader, range(FEW), 1, lambda line: None)
    for found in (as_they_are, damaged):
        for number, what in found.findings.items():
            print(number, what)
    if as_they_are.counts["read"] < about.sound or min(damaged.counts["refused"], damaged.counts["read"]) < FEW / 20:
        print("few are read:", as_they_are.counts, damaged.counts)


if __name__ == "__main__":
    read_all(sys.argv[1], Path(sys.argv[2]))
