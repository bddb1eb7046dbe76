"""What stands where a small file is expected."""

import os
from pathlib import Path


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
    return path
