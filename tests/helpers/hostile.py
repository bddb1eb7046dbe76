"""What a hostile target raises and returns: targets as `tests.helpers.hostile:NAME`.

A problem of T steps gets the T-th of all, so that one process shows them one after another.
"""

import asyncio
import unittest
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis.errors import StopTest, UnsatisfiedAssumption

from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Inconclusive, NotClaimed
from lstm_spec import Answer, Backend, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array

# ---------------------------------------------------------------- it raises


class OwnEnd(BaseException):
    """Nobody catches it."""


class Mute(Exception):
    def __str__(self) -> str:
        raise OwnEnd


class Numeric(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class Words(str):
    def __getitem__(self, key: Any) -> Any:
        raise OwnEnd

    encode = splitlines = __str__ = __getitem__  # type: ignore[assignment]


class Wordy(Exception):
    def __str__(self) -> str:
        return Words("said in words of its own")


class Endless(Exception):
    def __str__(self) -> str:
        return str(self)


class Liar(Exception):
    """Whoever compares it, or asks for its class, has to do with another exception."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise OwnEnd

    def __eq__(self, other: object) -> bool:
        raise OwnEnd

    __hash__ = __eq__  # type: ignore[assignment]


class Kind(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise OwnEnd


class Nameless(Exception, metaclass=Kind):
    pass


TRACEBACK = "worker 3 failed\nTraceback (most recent call last):\n  File 'a.py', line 1\nValueError: the shape is off\n"
LONG = "first words " + "x" * 1_000_000 + "\nlast words"

RAISED: dict[str, tuple[Callable[[], BaseException], str]] = {  # what is raised, and what is shown of it
    "cancelled": (lambda: asyncio.CancelledError("by its loop"), "CancelledError: by its loop"),
    "closed": (GeneratorExit, "GeneratorExit: (no message)"),
    "stopped": (lambda: StopTest(7), "StopTest: 7"),
    "unsatisfied": (UnsatisfiedAssumption, "UnsatisfiedAssumption: (no message)"),
    "skipped": (lambda: pytest.skip.Exception("not here"), "Skipped: not here"),
    "skipped_as_unittest_does": (lambda: unittest.SkipTest("nor here"), "SkipTest: nor here"),
    "failed": (lambda: pytest.fail.Exception("never"), "Failed: never"),
    "exhausted": (StopIteration, "StopIteration: (no message)"),
    "not_claimed": (lambda: NotClaimed("so it says"), "NotClaimed: so it says"),
    "inconclusive": (lambda: Inconclusive("so it says"), "Inconclusive: so it says"),
    "its_own": (lambda: OwnEnd("the end"), "OwnEnd: the end"),
    "interrupted": (KeyboardInterrupt, "KeyboardInterrupt: (no message)"),
    "mute": (Mute, "Mute: (its message cannot be read: that raised OwnEnd)"),
    "numeric": (Numeric, "Numeric: (its message cannot be read: that raised TypeError)"),
    "wordy": (Wordy, "Wordy: said in words of its own"),
    "endless": (Endless, "Endless: (its message cannot be read: that raised RecursionError)"),
    "liar": (lambda: Liar("a lie"), "Liar: a lie"),
    "nameless": (lambda: Nameless("who"), "Nameless: who"),
    "half_characters": (lambda: ValueError("a\ud800b"), r"ValueError: a\ud800b"),
    "colours": (lambda: ValueError("\x1b[1;31mred\x1b[0m \x1b]0;title\x07\b"), r"ValueError: red \x1b]0;title\x07\x08"),
    "late": (lambda: ValueError("\n\n-----\n  at last\nmore"), "ValueError: at last"),
    "traceback": (lambda: RuntimeError(TRACEBACK), "RuntimeError: ValueError: the shape is off"),
    "long": (lambda: RuntimeError(LONG), f"RuntimeError: {LONG[:499]}…"),
    "long_name": (type("N" * 1000, (ValueError,), {}), f"{'N' * 99}…: (no message)"),
    "several": (
        lambda: BaseExceptionGroup("all of", [OwnEnd(), ValueError()]),
        "BaseExceptionGroup: all of (2 sub-exceptions)",
    ),
}


def _raise_by_length(problem: Problem) -> Answer:
    raise [make for make, _ in RAISED.values()][len(problem.x)]()


def _make_raising(make: Callable[[], BaseException]) -> Callable[[], Backend]:
    def backend() -> Backend:
        raise make()

    return backend


raises_by_length = replace(NUMPY, name="raises_by_length", forward=_raise_by_length)
when_made = SimpleNamespace(**{name: _make_raising(make) for name, (make, _) in RAISED.items()})


def raising(name: str) -> Backend:
    """The backend that raises this in both passes."""

    def fail(*arguments: Any) -> Any:
        raise RAISED[name][0]()

    return replace(NUMPY, name="raising", forward=fail, gradients=fail)


when_asked = SimpleNamespace(**{name: raising(name) for name in RAISED})


# ---------------------------------------------------------------- it returns arrays that are no plain ones


class Watchful(np.ndarray):
    """An array that lets nobody compute with it, compare it, or look at it."""

    def refuse(self, *arguments: Any, **named: Any) -> Any:
        raise OwnEnd

    __eq__ = __ne__ = __array_ufunc__ = __array_function__ = __getitem__ = astype = tobytes = refuse
    shape = dtype = flags = property(refuse)


class Pretender:
    """It says that it is an array."""

    __class__ = np.ndarray  # type: ignore[assignment]

    def __array__(self, *arguments: Any, **named: Any) -> Any:
        raise OwnEnd


KINDS: dict[str, tuple[Callable[[Array], Any], str]] = {  # how an array is made another one, and what it is called
    "masked": (lambda a: np.ma.masked_array(a, mask=True), "numpy.ma.MaskedArray"),
    "matrix": (lambda a: a.reshape(1, -1).view(np.matrix), "numpy.matrix"),
    "record": (lambda a: a.view(np.recarray), f"{np.recarray.__module__}.recarray"),
    "watchful": (lambda a: a.view(Watchful), "tests.helpers.hostile.Watchful"),
    "objects": (lambda a: a.astype(object), "numpy.ndarray of dtype ObjectDType"),
    "pretender": (lambda a: Pretender(), "tests.helpers.hostile.Pretender"),
}


def _change_state(state: State, name: str, change: Callable[[Array], Any]) -> State:
    return state._replace(**{name: change(getattr(state, name))})


def _change_gate(g: Gradients, change: Callable[[Array], Any]) -> Gradients:
    (p,), *rest = g.parameters
    return replace(g, parameters=((p._replace(o=p.o._replace(U=change(p.o.U))),), *rest))


IN_ANSWER: dict[str, Callable[[Answer, Callable[[Array], Any]], Answer]] = {
    "y": lambda a, change: replace(a, y=change(a.y)),
    "the final h": lambda a, change: replace(a, state=_change_state(a.state, "h", change)),
    "the final c": lambda a, change: replace(a, state=_change_state(a.state, "c", change)),
}
IN_GRADIENTS: dict[str, Callable[[Gradients, Callable[[Array], Any]], Gradients]] = {
    "the gradient of x": lambda g, change: replace(g, x=change(g.x)),
    "the gradient of h_0": lambda g, change: replace(g, state=_change_state(g.state, "h", change)),
    "the gradient of c_0": lambda g, change: replace(g, state=_change_state(g.state, "c", change)),
    "the gradient of o.U": _change_gate,
}
PLACES = [*IN_ANSWER, *IN_GRADIENTS]


def _answer_odd_output(change: Callable[[Array], Any], problem: Problem) -> Answer:
    return IN_ANSWER["y"](NUMPY.forward(problem), change)


when_returned = SimpleNamespace(
    **{
        kind: replace(NUMPY, name=kind, forward=partial(_answer_odd_output, change), gradients=None)
        for kind, (change, _) in KINDS.items()
    }
)


def list_odd_arrays() -> list[tuple[str, str]]:
    """Each kind of array at each place, in the order in which problems of 0, 1, 2, ... steps get them."""
    return [(kind, place) for place in PLACES for kind in KINDS]


def _answer_odd_arrays(problem: Problem) -> Answer:
    kind, place = list_odd_arrays()[len(problem.x)]
    return IN_ANSWER[place](NUMPY.forward(problem), KINDS[kind][0])


def _differentiate_odd_arrays(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    kind, place = list_odd_arrays()[len(problem.x)]
    answer, found = NUMPY.differentiate(problem, d)
    if place in IN_ANSWER:
        return IN_ANSWER[place](answer, KINDS[kind][0]), found
    return answer, IN_GRADIENTS[place](found, KINDS[kind][0])


returns_odd_arrays = replace(
    NUMPY, name="returns_odd_arrays", forward=_answer_odd_arrays, gradients=_differentiate_odd_arrays
)
