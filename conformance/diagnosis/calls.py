"""Which calls it takes until a module answers wrong: a session is made as short as it can be, and told in words."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, product
from typing import Any

import numpy as np

from conformance.assertions.modules.replies import assert_session_conforms
from conformance.diagnosis.experiments.diagnose import NO_TIME, Inquiry, Row
from conformance.diagnosis.experiments.laboratory import Finding, OutOfTime, Said
from conformance.diagnosis.sessions import SIZES, list_sessions
from conformance.outcome import Errored, Inconclusive, NotClaimed, Refuted
from conformance.problems.form import Form
from lstm_spec import Backend
from lstm_spec.contract import PARTS
from lstm_spec.modules.sessions import Call, Session, check_session

EQUAL = ((4, 3),) * 3  # T and B
ASKS = ("forward", "gradients")
WRONG = {
    "forward": "its answers are",
    "gradients": "its gradients are",
    "read": "the parameters that are read from it are",
}
UNKNOWN = "it is wrong in a session of calls; which of them that takes is unknown"
DONE = {  # with the module that is wrong at last, and with another one
    "build": ("it was built", "another module was built"),
    "forward": ("it was asked for an answer", "another module was asked for an answer"),
    "gradients": ("it was asked for gradients", "another module was asked for gradients"),
    "load": ("its parameters were changed in place", "the parameters of another module were changed in place"),
    "read": ("its parameters were read", "the parameters of another module were read"),
    "reset": ("its state was reset", "the state of another module was reset"),
    "save": ("it was saved", "another module was saved"),
    "restore": ("it was restored", "another module was restored"),
    "copy": ("it was made as a copy", "it was copied"),
    "tie": ("it was tied to another module", "another module was tied to it"),
    "train": ("it was put into training", "another module was put into training"),
    "evaluate": ("it was put back into evaluation", "another module was put back into evaluation"),
}


def inquire_calls(
    backend: Backend,
    dtype: str,
    seconds: float,
    session: Session | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Inquiry:
    """The calls that it takes until a guarded backend that builds modules is wrong.

    In a session that was refuted, or else in sessions of every kind that it can hold.
    """
    if backend.converse is None:
        return Inquiry((), "")
    trial, calls, note = Trial(backend, clock() + seconds, clock), tuple[Call, ...](), "nothing"
    try:
        sessions = (session,) if session else list_all_sessions(backend, np.dtype(dtype))
        calls = next(filter(None, (find_calls(trial, each) for each in sessions)), ())
    except OutOfTime:
        note = NO_TIME
    except NotClaimed as error:
        note = str(error)
    tried = tuple(trial.tried)
    found = Finding(describe_calls(calls), True, tried, is_condition=False) if calls else None
    if not (found or session) and any(said == "wrong" for _, said in tried):  # which is no acquittal
        found = Finding(UNKNOWN, False, tried, is_condition=False)
    about = "gradients" if calls and calls[-1].does == "gradients" else "answers"
    return Inquiry((Row("calls", about, found, "" if found else note),), found.sentence if found else "")


def list_all_sessions(backend: Backend, dtype: np.dtype[Any]) -> Iterator[Session]:
    """Sessions of every kind, of other sizes and of equal ones, plain, with lengths and of two layers, if claimed."""
    for form, sizes in product((Form(), Form(lengths="any"), Form(layers=2)), (SIZES, EQUAL)):
        if form.features <= backend.description.features:
            yield from list_sessions(backend, form, dtype, sizes)


def find_calls(trial: "Trial", session: Session) -> tuple[Call, ...]:
    """The calls that it takes in a session, if one was wrong; empty if none was, or if a plain first call is."""
    calls = trial.shorten(session.calls)
    if calls and (len(calls) > 2 or _list_omissions(calls) or calls[-1].state == "kept" or _is_partial(calls[-1])):
        return calls
    return ()  # other experiments say more of a first call


@dataclass
class Trial:
    """A guarded backend that holds sessions while there is time; what it was asked is noted."""

    backend: Backend
    end: float
    clock: Callable[[], float] = time.perf_counter
    tried: list[tuple[str, Said]] = field(default_factory=list)

    def is_wrong(self, calls: tuple[Call, ...]) -> bool:
        """Whether some call of a session gets another answer than it should. Raises OutOfTime."""
        if self.clock() > self.end:
            raise OutOfTime
        said: Said = "right"
        try:
            check_session(Session(calls))
            with np.errstate(all="ignore"):
                assert_session_conforms(self.backend, Session(calls))
        except Refuted:
            said = "wrong"
        except Inconclusive:
            said = "open"
        except (ValueError, TypeError, Errored, NotClaimed):
            return False
        self.tried.append((", ".join(c.does + (f" of {c.module}" if c.module else "") for c in calls), said))
        return said == "wrong"

    def shorten(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        """The calls up to the first wrong one, and of those before it only those without which it is right.

        Empty if none is wrong, or not each time. A question before the last one is that one if it makes no difference.
        """
        if not self.is_wrong(calls):
            return ()
        calls = self._end_at_wrong(calls)
        for k in reversed(range(len(calls) - 1)):
            if self.is_wrong(rest := calls[:k] + calls[k + 1 :]):
                calls = self._end_at_wrong(rest)
        for k, call in enumerate(calls[:-1]):
            same = call._replace(problem=calls[-1].problem, d=call.d and calls[-1].d)
            if call.does in ASKS and calls[-1].does in ASKS and self.is_wrong((*calls[:k], same, *calls[k + 1 :])):
                calls = (*calls[:k], same, *calls[k + 1 :])
        return calls if self.is_wrong(calls) and not self.is_wrong(calls[:-1]) else ()

    def _end_at_wrong(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        return next(calls[:n] for n in range(1, len(calls) + 1) if n == len(calls) or self.is_wrong(calls[:n]))


def describe_calls(calls: tuple[Call, ...]) -> str:
    """What is wrong of the last of these calls, and what has to be done before it."""
    last = calls[-1]
    done = [_describe_call(c, last) for c in calls[:-1] if not _builds(c, last)]
    counts = [(words, len(list(same))) for words, same in groupby(done)]
    after = [words if many == 1 else f"{words} {many} times" for words, many in counts]
    how = "".join(f" where the {part} is left out" for part in _list_omissions(calls))
    how += " from a kept state" if last.state == "kept" else ""
    how += f" where only those of {', '.join(last.wanted)} are wanted" if _is_partial(last) else ""
    told = f" only after {', then '.join(after)}" if after else ""
    return f"{WRONG.get(last.does, WRONG['forward'])} wrong{how}{told}"


def _builds(call: Call, last: Call) -> bool:
    return call.does == "build" and call.module == last.module


def _list_omissions(calls: tuple[Call, ...]) -> list[str]:
    """What is left out where the module is built that is asked last, and in that question."""
    return [c.without for c in calls if (_builds(c, calls[-1]) or c is calls[-1]) and c.without]


def _describe_call(call: Call, last: Call) -> str:
    words = DONE[call.does][call.module != last.module]
    if call.does not in ASKS:
        return words
    if call.without:
        words += f" without a {call.without}"
    if _is_partial(call):
        words += f" of {', '.join(call.wanted)} only"
    if call.problem is None or last.problem is None or call.problem is last.problem:
        return words
    with suppress(AttributeError):
        one, two = (p.x.shape[:2] for p in (call.problem, last.problem))
        if one != two:
            return f"{words} at T, B = {one[0]}, {one[1]}, now {two[0]}, {two[1]}"
    lengths = [p.lengths is not None for p in (call.problem, last.problem)]
    if any(lengths):
        return f"{words} with other lengths"
    return f"{words} with other numbers"


def _is_partial(call: Call) -> bool:
    return call.does == "gradients" and len(call.wanted) < len(PARTS)
