"""Files of models, sound, odd and damaged, which are refused or read rightly."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.checks.apart import run_apart
from tools.checks.fuzz import MODELS, Tally, find_reader, limit_addresses, try_inputs
from tools.checks.models import list_files

FEW = 150
PATIENCE = 60.0  # seconds for one file


def assert_models_are_refused_or_read(kind: str, folder: Path) -> None:
    """Each of the odd files as it is, and some that are damaged; the sound ones are read. In a process of its own."""
    found, last, end = run_apart(partial(_read_all, kind, folder), PATIENCE)
    assert not end, f"at file {last}: {end}"
    as_they_are, damaged = found
    assert not as_they_are.findings and as_they_are.counts["read"] >= MODELS[kind].sound
    assert not damaged.findings and min(damaged.counts["refused"], damaged.counts["read"]) > FEW / 20


def _read_all(kind: str, folder: Path, at: Callable[[int], None]) -> tuple[Tally, Tally]:
    reader, about = find_reader(kind, folder), MODELS[kind]
    path, files = folder / f"model{about.suffix}", list_files(about, folder)
    numbered = iter(files)

    def write_next(rng: object) -> Path:
        path.write_bytes(next(numbered))
        return path

    limit_addresses()
    as_they_are = try_inputs(kind, reader._replace(make=write_next), range(len(files)), 0, print, at)
    return as_they_are, try_inputs(kind, reader, range(FEW), 1, print, at)
