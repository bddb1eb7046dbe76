"""Backends in a process of their own, for tests: small questions, and how to see that a process is gone."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.arrays import frozen
from conformance.outcome import Errored, Outcome, Refuted
from conformance.run.check import check
from conformance.targets.isolated import Isolated, start_isolated
from conformance.verdict import Verdict
from lstm_spec import Activations, Backend, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.types import Array, Variant
from tests.helpers import fragile

SPECIMENS = "tests.helpers.specimens"
PLENTY = 60.0  # seconds: none of these backends takes longer than that unless it hangs


def drawn(T: int = 2, dtype: Any = "float32", B: int = 2, I: int = 3, H: int = 4) -> Problem:
    rng = np.random.default_rng(T)

    def make(*shape: int) -> Array:
        return frozen(rng.standard_normal(shape).astype(dtype))

    i, f, g, o = (Gate(make(H, I), make(H, H), make(H)) for _ in "ifgo")
    return Problem(((Parameters(i, f, g, o),),), make(T, B, I), State(make(1, B, H), make(1, B, H)))


def cotangents(problem: Problem) -> Cotangents:
    answer = NUMPY.forward(problem)
    return Cotangents(answer.y, answer.state)


SHORT, LONG = drawn(2), drawn(fragile.LONG)


def alone(name: str, timeout: float = PLENTY, folder: Path | None = None) -> Isolated:
    return start_isolated(name if ":" in name else f"tests.helpers.fragile:{name}", None, timeout, folder)


def said(function: Callable[..., Any], *arguments: Any) -> str:
    """What a call of a backend raises: the type of the exception, and its text."""
    with pytest.raises((Errored, Refuted)) as raised:
        function(*arguments)
    return f"{type(raised.value).__name__}: {raised.value}"


def whole(function: Callable[..., Any], *arguments: Any) -> str:
    """The whole message of the exception that a target raises."""
    with pytest.raises(Errored) as raised:
        function(*arguments)
    return raised.value.message


def gone(process: int) -> bool:
    """Whether the process ends within a second; one that nobody has waited for is still there."""
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def process_of(backend: Backend) -> int:
    return int(backend.forward(SHORT).y)


def bits(a: Array) -> tuple[str, tuple[int, ...], bytes]:
    return a.dtype.str if a.dtype.kind != "V" else a.dtype.name, a.shape, a.tobytes()


def random_bits(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Numbers of all kinds: NaN with any payload, infinities, subnormal numbers."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.random.default_rng(dtype.itemsize).integers(0, 2 if dtype.kind == "b" else 256, size, np.uint8)
    return np.frombuffer(raw.tobytes(), dtype).reshape(shape)


def strided(a: Array) -> list[Array]:
    spread = np.full((*a.shape[:-1], 2 * a.shape[-1]), 99, a.dtype)
    spread[..., ::2] = a
    return [
        a,
        a.copy(),
        spread[..., ::2],
        a[..., ::-1].copy()[..., ::-1],
        a[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
        np.asfortranarray(a),
        a.swapaxes(0, -1).copy().swapaxes(0, -1),
        np.broadcast_to(a[:1].copy(), a.shape),
    ]


def odd_problems() -> list[Problem]:
    """Malformed, or of what is not judged yet."""
    i, f, g, o = SHORT.layer[:4]
    assert isinstance(f, Gate)
    a = np.arange(3.0)
    peephole = Parameters(i._replace(p=a), None, g, o._replace(p=a), np.eye(4))
    none = Parameters(Gate(None, None, None), Gate(None, i.U, None), g, None)  # type: ignore[arg-type]
    two = Parameters(i, f, g, o)
    return [
        replace(SHORT, parameters=((peephole,),), variant=Variant("peephole", 1.5)),
        replace(SHORT, parameters=((peephole,),), variant=Variant("clipped", np.float32(0.1))),  # type: ignore[arg-type]
        replace(SHORT, variant=Variant("configured", 0.5, Activations("hard sigmoid", "relu", alpha=0.25), 2.0)),
        replace(SHORT, variant=Variant(activations="relu")),  # type: ignore[arg-type]
        replace(SHORT, parameters=((none,),)),
        replace(SHORT, parameters=((two, none), (peephole, two)), directions=("forward", "reverse")),
        replace(SHORT, parameters=((two,), (none,), (two,)), lengths=np.array([2, 0])),
        replace(SHORT, parameters=((two, none),), directions=("reverse",)),
        replace(SHORT, parameters=()),
        replace(SHORT, parameters=((),)),
        replace(SHORT, parameters=([two],), lengths=[1, 2], variant=None),  # type: ignore[arg-type]
    ]


def told(verdicts: list[Verdict]) -> list[tuple[str, Outcome, str]]:
    return [(v.property.name, v.outcome, v.refutation.clause if v.refutation else "") for v in verdicts]


def report_of(backend: Backend, *clauses: str, examples: int = 5) -> list[tuple[str, Outcome, str]]:
    how: Any = {"profile": "quick", "diagnose": False, "shrink": False}
    return told(check(backend, examples=examples, clauses=clauses, **how).verdicts)


def child_of(it: Isolated) -> int:
    assert it.pid is not None
    return it.pid


def ends(process: int, within: float) -> bool:
    """Whether an orphan ends; when it is taken off the list of processes is not ours to say."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        done = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
        if done.stdout.strip().startswith("Z") or not done.stdout.strip():
            return True
        time.sleep(0.1)
    return False
