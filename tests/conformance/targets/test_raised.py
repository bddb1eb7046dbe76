"""Whatever a target raises is one clean line, and a verdict; whatever arrays it returns are plain ones or refused."""

import json
import signal
from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Errored, Outcome
from conformance.report.json import as_json
from conformance.run.check import check
from conformance.targets.border import guard_backend
from conformance.targets.raised import KEPT, MAY_BE_INTERRUPTED
from conformance.targets.resolve import TargetError, resolve
from lstm_spec import Backend
from tests.helpers.hostile import KINDS, PLACES, RAISED, list_odd_arrays, raises_by_length, raising, returns_odd_arrays
from tests.helpers.isolation import PLENTY, alone, child_of, cotangents, drawn, said

HERE = [name for name in RAISED if name != "interrupted"]  # in this process it may be the user's
QUICK = {"profile": "quick", "examples": 1, "clauses": ("SHAPE-1", "CELL-2"), "diagnose": False}


@pytest.mark.parametrize("name", HERE)
def test_whatever_is_raised_is_one_clean_line(name: str) -> None:
    with pytest.raises(Errored) as raised:
        guard_backend(raising(name)).forward(drawn(2))
    assert str(raised.value) == f"it raised {RAISED[name][1]}" and str(raised.value).isprintable()
    assert raised.value.__context__ is None and raised.value.__cause__ is None
    assert len(raised.value.message.encode("utf-8")) <= KEPT


def test_an_interrupt_in_this_process_is_the_users() -> None:
    with pytest.raises(KeyboardInterrupt):
        guard_backend(raising("interrupted")).forward(drawn(2))


def test_an_interrupt_that_nobody_sent_is_the_targets() -> None:
    token = MAY_BE_INTERRUPTED.set(lambda: False)
    with pytest.raises(Errored, match="it raised KeyboardInterrupt"):
        guard_backend(raising("interrupted")).forward(drawn(2))
    MAY_BE_INTERRUPTED.reset(token)


def test_an_interrupt_in_a_process_that_judges_for_another_is_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.parent_process", lambda: "the judge")
    with pytest.raises(KeyboardInterrupt):
        guard_backend(raising("interrupted")).forward(drawn(2))
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with pytest.raises(Errored, match="it raised KeyboardInterrupt"):
            guard_backend(raising("interrupted")).forward(drawn(2))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def test_the_whole_message_is_kept() -> None:
    with pytest.raises(Errored) as raised:
        guard_backend(raising("traceback")).forward(drawn(2))
    assert raised.value.message.startswith("worker 3 failed\nTraceback")
    with pytest.raises(Errored) as raised:
        guard_backend(raising("long")).forward(drawn(2))
    assert raised.value.message.startswith("first words") and raised.value.message.endswith("last words")
    assert len(raised.value.message) > 0.9 * KEPT and "(1,000,023 characters in all)" in raised.value.message


def test_whatever_is_raised_in_a_process_of_its_own_is_told_in_the_same_words() -> None:
    with alone("tests.helpers.hostile:raises_by_length") as it:
        process = child_of(it)
        for T, (_, shown) in enumerate(RAISED.values()):
            with pytest.raises(Errored) as raised:
                it.backend.forward(drawn(T))
            assert str(raised.value) == f"it raised {shown}"
            if shown != RAISED["interrupted"][1]:
                with pytest.raises(Errored) as here:
                    guard_backend(raises_by_length).forward(drawn(T))
                assert vars(raised.value) == vars(here.value)
        assert child_of(it) == process


@pytest.mark.parametrize("name", HERE)
def test_whatever_is_raised_when_a_target_is_made_is_a_sentence(name: str) -> None:
    with pytest.raises(TargetError, match="making the backend raised") as refused:
        resolve(f"tests.helpers.hostile:when_made.{name}")
    assert RAISED[name][1] in str(refused.value) and str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["interrupted", "mute", "half_characters"])
def test_whatever_is_raised_when_a_target_is_made_in_a_process_of_its_own_is_a_sentence(name: str) -> None:
    with pytest.raises(TargetError, match="making the backend raised") as refused:
        alone(f"tests.helpers.hostile:when_made.{name}")
    assert RAISED[name][1] in str(refused.value) and str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["stopped", "cancelled", "unsatisfied", "mute", "liar", "skipped", "not_claimed"])
def test_whatever_is_raised_is_a_verdict_and_the_others_stand(name: str) -> None:
    mixed = replace(NUMPY, gradients=raising(name).gradients)
    report = check(mixed, **{**QUICK, "clauses": ("SHAPE-1", "SHAPE-3")})  # type: ignore[arg-type]
    found = {v.property.clauses[0]: v for v in report.verdicts if v.outcome is not Outcome.NOT_CLAIMED}
    assert found["SHAPE-1"].outcome is Outcome.HOLDS
    assert found["SHAPE-3"].outcome is Outcome.ERRORED and RAISED[name][1] in found["SHAPE-3"].detail


@pytest.mark.parametrize("name", ["long", "half_characters", "colours"])
def test_the_report_holds_the_whole_message(name: str) -> None:
    report = check(raising(name), **{**QUICK, "clauses": ("SHAPE-1",)})  # type: ignore[arg-type]
    (found,) = json.loads(json.dumps(as_json([report], {})).encode("utf-8"))["targets"][0]["verdicts"][:1]
    error = report.verdicts[0].error
    assert error and found["message"] == error.message and len(found["message"]) >= len(found["detail"]) - 30


# ---------------------------------------------------------------- arrays


def ask(backend: Backend, T: int, place: str) -> str:
    problem = drawn(T)
    if place.startswith("the gradient"):
        return said(backend.differentiate, problem, cotangents(problem))
    return said(backend.forward, problem)


def test_arrays_that_are_no_plain_ones_are_refused_everywhere_in_the_same_words() -> None:
    odd = guard_backend(returns_odd_arrays)
    with alone("tests.helpers.hostile:returns_odd_arrays", PLENTY) as it:
        for T, (kind, place) in enumerate(list_odd_arrays()):
            here = ask(odd, T, place)
            assert here.startswith(f"Refuted: {place} is a {KINDS[kind][1]}, expected a numpy.ndarray; ")
            assert ask(it.backend, T, place) == here
    assert len(list_odd_arrays()) == len(PLACES) * len(KINDS)
