"""Deadlines hold while bytes arrive, what is no reply ends the child, and a target that hangs is given up."""

import time

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome
from conformance.run.check import check
from conformance.targets.isolated import HANGS
from conformance.targets.keeper import SHOWN
from conformance.targets.resolve import TargetError
from tests.helpers.isolation import LONG, PLENTY, SHORT, alone, child_of, gone, said

UNREADABLE = "Errored: its reply cannot be read: "


@pytest.mark.parametrize("name", ["drips", "drips_a_reply"])
def test_a_deadline_holds_while_bytes_arrive(name: str) -> None:
    with alone(name, timeout=1) as it:
        process, started = child_of(it), time.monotonic()
        found = said(it.backend.forward, SHORT)
        assert found == "Errored: it did not answer within 1 s" or found.startswith(UNREADABLE) and name == "drips"
        assert time.monotonic() - started < PLENTY / 2 and gone(process)


def test_a_deadline_holds_while_bytes_arrive_from_a_target_that_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.targets.isolated.STARTING", 1.0)
    with pytest.raises(TargetError, match="making the backend (did not end within 1 s|wrote into the connection)"):
        alone("drips_when_made", timeout=1)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("announces_too_much", "it announces 1,152,921,504,606,846,976 bytes, expected at most"),
        ("writes_anything", "it has the number of no question"),
        ("replies_nonsense", "its header has"),
    ],
)
def test_what_is_no_reply_ends_the_child_and_is_said(name: str, why: str) -> None:
    with alone(name) as it:
        process = child_of(it)
        assert said(it.backend.forward, LONG).startswith(UNREADABLE + why)
        assert gone(process)
        if name == "writes_anything":
            assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_a_target_that_closes_the_connection_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with alone("closes_all") as it:
        assert said(it.backend.forward, SHORT) == "Errored: it crashed (exit status 1)"
    why = "the process of the target cannot go on (OSError: [Errno 9] Bad file descriptor)"
    assert capfd.readouterr() == ("", f"lstm-conform: {why}\n")


def test_a_target_that_changes_what_a_message_is_made_with_is_told_in_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with alone("changes_what_is_an_instance") as it:
        assert said(it.backend.forward, SHORT) == "Errored: it crashed (exit status 1)"
    why = "the process of the target cannot go on (AttributeError: its message cannot be read)"
    assert capfd.readouterr() == ("", f"lstm-conform: {why}\n")


def test_a_second_answer_is_not_taken_for_the_next() -> None:
    with alone("answers_twice") as it:
        assert np.array_equal(it.backend.forward(LONG).y, NUMPY.forward(LONG).y)
        time.sleep(0.5)  # the second answer arrives
        assert said(it.backend.forward, SHORT) == f"{UNREADABLE}it has the number of no question or of an earlier one"
        again = it.backend.forward(SHORT.__class__(SHORT.parameters, SHORT.x.copy() + 1, SHORT.state))
        assert again.y.shape == (2, 2, 4)


def test_a_target_that_hangs_is_given_up_with_a_verdict_on_every_property() -> None:
    with alone("hangs", timeout=0.2) as it:
        report = check(it.backend, profile="quick", clauses=("SHAPE-1", "CELL-*", "SEQ-*"), dtypes=("float32",))
        assert it.child.hangs == HANGS
    found = [v for v in report.verdicts if v.outcome is not Outcome.NOT_CLAIMED]
    given_up = [v for v in found if v.detail.startswith("it is given up: it did not answer 3 times in a row")]
    assert {v.outcome for v in found} == {Outcome.ERRORED} and len(found) > len(given_up) > len(found) / 2
    assert all(v.error and v.error.problem is None and v.examples == 1 for v in given_up)


def test_an_answer_between_two_hangs_counts() -> None:
    with alone("hangs_on_long", timeout=0.5) as it:
        for _ in range(2):
            said(it.backend.forward, LONG)
            it.backend.forward(SHORT)
        assert it.child.hangs == 0


def test_what_is_printed_without_an_end_is_left_out_and_counted(capfd: pytest.CaptureFixture[str]) -> None:
    with alone("prints_a_lot") as it:
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)
    out, errors = capfd.readouterr()
    printed, _, note = errors.partition("\nlstm-conform: ")
    assert out == "" and len(printed) <= SHOWN and set(printed) == {"x"}
    left_out = 200_000_000 + len("the end\n") - len(printed)
    assert note == f"{left_out:,} bytes more that the target printed are left out\n"
