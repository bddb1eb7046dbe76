"""A crash and a hang are verdicts, and the judge goes on."""

import time
from pathlib import Path

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome
from conformance.run.check import check
from conformance.targets.isolated import start_isolated
from tests.helpers.examples import ask_little
from tests.helpers.isolation import (
    LONG,
    PLENTY,
    SHORT,
    alone,
    child_of,
    cotangents,
    drawn,
    ends,
    gone,
    report_of,
    said,
    told,
)

# ---------------------------------------------------------------- crashes


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("segfaults", "signal SIGSEGV"),
        ("reads_address_zero", "signal SIGSEGV"),
        ("is_killed", "signal SIGKILL"),
        ("exits_at_once", "exit status 3"),
        ("exits_as_if_well", "exit status 0"),
    ],
)
def test_a_crash_is_errored(name: str, how: str) -> None:
    with alone(name) as it:
        assert said(it.backend.forward, SHORT) == f"Errored: it crashed ({how})"


def test_a_crash_in_the_gradient_pass_is_errored() -> None:
    with alone("segfaults_in_the_gradient_pass") as it:
        assert said(it.backend.differentiate, SHORT, cotangents(SHORT)) == "Errored: it crashed (signal SIGSEGV)"
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_after_a_crash_the_next_question_is_answered() -> None:
    with alone("segfaults_on_long") as it:
        for T in (3, 4):
            assert said(it.backend.forward, drawn(T)) == "Errored: it crashed (signal SIGSEGV)"
            assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_a_crash_is_seen_at_once_where_a_helper_holds_the_socket_and_that_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    started = time.monotonic()
    with alone("leaves_a_helper") as it:
        assert said(it.backend.forward, SHORT) == "Errored: it crashed (signal SIGSEGV)"
    assert time.monotonic() - started < PLENTY / 2
    assert ends(int((tmp_path / "helper").read_text()), within=5)


def test_the_search_goes_on_after_a_crash() -> None:
    with alone("segfaults_on_long") as it:
        report = check(it.backend, profile="quick", name="every_output_has_its_shape")
    (verdict,) = report.verdicts
    assert verdict.outcome is Outcome.ERRORED and "it crashed (signal SIGSEGV)" in verdict.detail
    assert verdict.examples > 1


def test_a_backend_that_cannot_be_made_again_is_errored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    with alone("made_once") as it:
        said(it.backend.forward, LONG)
        for _ in range(2):
            expected = "it could not be made again: tests.helpers.fragile:made_once is unavailable: it is used up"
            assert said(it.backend.forward, SHORT) == f"Errored: {expected}"


# ---------------------------------------------------------------- hangs


def test_a_hang_is_errored_and_the_next_question_is_answered() -> None:
    with alone("hangs_on_long", timeout=1.5) as it:
        started = time.monotonic()
        assert said(it.backend.forward, LONG) == "Errored: it did not answer within 1.5 s"
        assert 1.5 <= time.monotonic() - started < PLENTY / 2
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_the_process_that_hangs_is_killed() -> None:
    it = alone("hangs", timeout=0.5)
    process = child_of(it)
    assert said(it.backend.forward, SHORT) == "Errored: it did not answer within 0.5 s"
    assert gone(process)
    it.close()


def test_what_killed_the_backend_once_is_not_asked_again(tmp_path: Path) -> None:
    """Hypothesis tries what fails several times, and every time would cost the whole timeout."""
    with alone("hangs", 0.5, tmp_path) as it:
        first = said(it.backend.forward, SHORT)
        started = time.monotonic()
        assert said(it.backend.forward, SHORT) == first
        assert time.monotonic() - started < 0.5


# ---------------------------------------------------------------- verdicts


def test_the_verdicts_on_a_right_backend_are_those_of_this_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ask_little(monkeypatch)
    with start_isolated("numpy", None, PLENTY, tmp_path) as it:
        report = check(it.backend, profile="quick", examples=2)
    assert told(report.verdicts) == report_of(NUMPY, examples=2)
    assert report.failures == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fault",
    [
        "writes_the_final_state_into_the_initial_one",
        "scales_the_cotangents_in_place",
        "answers_in_one_buffer",
        "keeps_the_weights_of_the_first_call",
        "accumulates_gradients_over_calls",
        "drops_an_axis_of_length_one_from_the_gradient",
        "answers_problems_that_do_not_fit",
    ],
)
def test_the_verdicts_on_a_broken_contract_are_those_of_this_process(fault: str) -> None:
    clause = FAULTS[fault].clause
    here = report_of(FAULTS[fault].backend(), clause)
    with start_isolated(f"fault:{fault}", None, PLENTY, None) as it:
        assert report_of(it.backend, clause) == here
    assert Outcome.REFUTED in {outcome for _, outcome, _ in here} | {Outcome.ERRORED}
