"""A journal is readable at any time."""

import os
from pathlib import Path

import pytest

from conformance.journal import Journal, read_journal


def test_what_was_added_can_be_read_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "folder")
    for k in range(3):
        journal.add({"entry": k, "name": "σ"})
        assert [entry["entry"] for entry in read_journal(journal.path)] == list(range(k + 1))
    journal.close(keep=True)
    assert len(read_journal(journal.path)) == 3


@pytest.mark.parametrize("torn", [1, 5, 11])
def test_a_torn_last_line_is_left_out(tmp_path: Path, torn: int) -> None:
    journal = Journal(tmp_path)
    journal.add({"entry": 0})
    journal.add({"entry": 1})
    journal.close(keep=True)
    os.truncate(journal.path, journal.path.stat().st_size - torn)
    assert read_journal(journal.path) == [{"entry": 0}]


def test_a_journal_of_a_finished_run_is_removed_and_a_stale_one_begun_anew(tmp_path: Path) -> None:
    for keep in (True, False):
        journal = Journal(tmp_path)
        assert (journal.path.name, read_journal(journal.path)) == ("journal.jsonl", [])
        journal.add({"entry": 0})
        journal.close(keep)
    assert not list(tmp_path.iterdir())


def test_two_runs_in_one_folder_keep_journals_of_their_own(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path)
    one.add({"run": 1})
    two.add({"run": 2})
    assert read_journal(one.path) == [{"run": 1}] and read_journal(two.path) == [{"run": 2}]
    one.close(keep=False)
    two.close(keep=False)


@pytest.mark.usefixtures("full_disk")
def test_a_journal_on_a_full_disk_says_so_and_stays_readable(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add({"entry": 0})
    with pytest.raises(OSError, match="too large"):
        journal.add({"entry": "x" * 2000})
    journal.close(keep=True)
    assert read_journal(journal.path) == [{"entry": 0}]
