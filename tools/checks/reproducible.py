"""Builds the wheel and the source archive twice, from copies of the tree with the same files, and compares.

The copies have other names, times of files and permissions of new files. SOURCE_DATE_EPOCH is the day of the version.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import click

from lstm_spec.version import SUITE_DATE

ROOT = Path(__file__).parents[2]
EPOCH = int(datetime.fromisoformat(SUITE_DATE).replace(tzinfo=UTC).timestamp())
TREES = (("a", 1_000_000_000, 0o022), ("another name", 1_500_000_000, 0o077))  # name, time of the files, umask


def list_files() -> list[str]:
    """The files of the tree, without those that git ignores."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in found if name and (ROOT / name).is_file()]


def copy_tree(files: list[str], to: Path, time: int) -> None:
    """Copy files of the tree to another folder, with one time for all."""
    for name in files:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, to / name)
        os.utime(to / name, (time, time))


def build_archives(tree: Path, out: Path, umask: int) -> dict[str, str]:
    """Build the wheel and the source archive of a tree; the SHA-256 of each, by name."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(out)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONPATH": ""}
    subprocess.run(command, cwd=tree, env=environment, umask=umask, check=True, stdout=subprocess.DEVNULL)
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}


def build_twice(folder: Path) -> list[dict[str, str]]:
    """Build in two different copies of the tree in a folder."""
    files, found = list_files(), []
    for name, time, umask in TREES:
        copy_tree(files, folder / name, time)
        found.append(build_archives(folder / name, folder / name / "dist", umask))
    return found


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "dist", show_default="dist", help="The folder.")
def main(out: Path) -> None:
    """Build twice; put the archives in a folder, and print their hashes. Exit status 1 if they differ."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = build_twice(Path(folder))
        if first != second:
            named = ", ".join(name for name in {**first, **second} if first.get(name) != second.get(name))
            raise click.ClickException(
                f"two builds of the same files differ in {named}; look for times, paths and order"
            )
        shutil.copytree(Path(folder) / TREES[0][0] / "dist", out, dirs_exist_ok=True)
    for name, digest in first.items():
        click.echo(f"{digest}  {name}")


if __name__ == "__main__":
    main()
