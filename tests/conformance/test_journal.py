"""A journal is readable at any time."""

import os
from pathlib import Path
from typing import Any

import pytest

from conformance.journal import Journal, read_journal


def read(journal: Journal) -> list[dict[str, Any]]:
    assert journal.path
    return read_journal(journal.path)


def test_what_was_added_can_be_read_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "folder", pytest.fail)
    for k in range(3):
        journal.add({"entry": k, "name": "σ"})
        assert [entry["entry"] for entry in read(journal)] == list(range(k + 1))
    journal.close(keep=True)
    assert len(read(journal)) == 3


@pytest.mark.parametrize("torn", [1, 5, 11])
def test_a_torn_last_line_is_left_out(tmp_path: Path, torn: int) -> None:
    journal = Journal(tmp_path, pytest.fail)
    journal.add({"entry": 0})
    journal.add({"entry": 1})
    journal.close(keep=True)
    assert journal.path
    os.truncate(journal.path, journal.path.stat().st_size - torn)
    assert read(journal) == [{"entry": 0}]


def test_a_journal_of_a_finished_run_is_removed_and_a_stale_one_begun_anew(tmp_path: Path) -> None:
    for keep in (True, False):
        journal = Journal(tmp_path, pytest.fail)
        assert (journal.path and journal.path.name, read(journal)) == ("journal.jsonl", [])
        journal.add({"entry": 0})
        journal.close(keep)
    assert not list(tmp_path.iterdir())


def test_two_runs_in_one_folder_keep_journals_of_their_own(tmp_path: Path) -> None:
    one, two = Journal(tmp_path, pytest.fail), Journal(tmp_path, pytest.fail)
    one.add({"run": 1})
    two.add({"run": 2})
    assert read(one) == [{"run": 1}] and read(two) == [{"run": 2}]
    one.close(keep=False)
    two.close(keep=False)


@pytest.mark.usefixtures("full_disk")
def test_a_journal_on_a_full_disk_says_so_once_and_stays_readable(tmp_path: Path) -> None:
    said: list[str] = []
    journal = Journal(tmp_path, said.append)
    journal.add({"entry": 0})
    for _ in range(2):
        journal.add({"entry": "x" * 2000})
    journal.close(keep=True)
    assert read_journal(tmp_path / "journal.jsonl") == [{"entry": 0}]
    assert said == [f"{tmp_path} cannot be written (File too large), so no journal of the verdicts is kept there"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "folder", said.append)
    journal.add({"entry": 0})
    journal.close(keep=False)
    assert len(said) == 1 and "(Not a directory), so no journal" in said[0]


def test_a_folder_that_was_made_for_the_journal_goes_with_it(tmp_path: Path) -> None:
    for name in ("new", "full"):
        journal = Journal(tmp_path / name, pytest.fail)
        if name == "full":
            (tmp_path / name / "case").touch()
        journal.close(keep=False)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
