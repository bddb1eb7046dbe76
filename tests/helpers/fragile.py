"""Backends that crash, hang, or show what reached them in a child process: targets as `tests.helpers.fragile:NAME`."""

import atexit
import ctypes
import os
import signal
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import Answer, Backend, BackendUnavailable, Cotangents, Gradients, Problem, State

LONG = 3  # steps

# ---------------------------------------------------------------- it dies


def _first(do: Callable[[], Any], least: int = 0) -> Callable[[Problem], Answer]:
    """The NumPy backend, which does something else before it reads so many steps."""

    def forward(problem: Problem) -> Answer:
        if len(problem.x) >= least:
            do()
        return NUMPY.forward(problem)

    return forward


def _die(number: int = signal.SIGSEGV) -> None:
    os.kill(os.getpid(), number)


def _die_with_a_helper() -> None:
    """The helper was forked, so that it holds all that was open."""
    helper = os.fork()
    if helper == 0:
        time.sleep(1000)
    (Path(os.environ["FRAGILE_FOLDER"]) / "helper").write_text(str(helper))
    _die()


def _fail() -> None:
    raise ValueError("the first line\nand a second")


def _leave() -> None:
    raise SystemExit


segfaults = Backend("segfaults", _first(_die))
segfaults_on_long = Backend("segfaults_on_long", _first(_die, LONG))
reads_address_zero = Backend("reads_address_zero", _first(lambda: ctypes.string_at(0)))
is_killed = Backend("is_killed", _first(lambda: _die(signal.SIGKILL)))
leaves_a_helper = Backend("leaves_a_helper", _first(_die_with_a_helper))
exits_at_once = Backend("exits_at_once", _first(lambda: os._exit(3)))
exits_as_if_well = Backend("exits_as_if_well", _first(lambda: os._exit(0)))
lingers = Backend("lingers", _first(lambda: atexit.register(time.sleep, 1000)))
asks_the_user = Backend("asks_the_user", _first(lambda: input()))
hangs = Backend("hangs", _first(lambda: time.sleep(1000)))
hangs_on_long = Backend("hangs_on_long", _first(lambda: time.sleep(1000), LONG))
overflows = Backend("overflows", _first(lambda: np.exp(np.float32(1000))))
fails = Backend("fails", _first(_fail))
leaves = Backend("leaves", _first(_leave))


def _dies_in_the_gradient_pass(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    _die()
    raise AssertionError


segfaults_in_the_gradient_pass = replace(NUMPY, name="segfaults_backwards", gradients=_dies_in_the_gradient_pass)

# ---------------------------------------------------------------- it cannot be made


def dies_when_made() -> Backend:
    _die()
    raise AssertionError


def hangs_when_made() -> Backend:
    time.sleep(1000)
    raise AssertionError


def unavailable() -> Backend:
    raise BackendUnavailable("there is no GPU here", "use a machine that has one")


def made_once() -> Backend:
    """It cannot be made again after it died."""
    mark = Path(os.environ["FRAGILE_FOLDER"]) / "made"
    if mark.exists():
        raise BackendUnavailable("it is used up")
    mark.touch()
    return segfaults_on_long


# ---------------------------------------------------------------- it shows what reached it


def _echo(problem: Problem) -> Answer:
    return Answer(problem.x, problem.state)


def _read_back(problem: Problem) -> Answer:
    """Not what was asked, but what lies on the disk meanwhile."""
    a = load_file(Path(os.environ["FRAGILE_FOLDER"]) / "asked.safetensors")
    return Answer(a["asked.x"], State(a["asked.state.h"], a["asked.state.c"]))


def _tell(problem: Problem) -> Answer:
    raise LookupError("; ".join(map(layout, (problem.x, *problem.layer.i, *problem.state))))


def layout(a: Any) -> str:
    """How an array lies in memory, and what surrounds it there."""
    if a is None:
        return "none"
    base = a if a.base is None else a.base
    row = np.frombuffer(base.tobytes(order="A"), a.dtype)[: a.size]
    return f"{a.dtype} {a.shape} {a.strides} {a.flags.writeable} {row.tobytes().hex()}"


def _tell_all(problem: Problem) -> Answer:
    everything = (problem.parameters, problem.lengths, problem.variant, problem.directions)
    raise LookupError(" ".join(repr(everything).split()))  # the first line alone is told


def _process(problem: Problem) -> Answer:
    return Answer(np.array(os.getpid()), NUMPY.forward(problem).state)


def _say(problem: Problem) -> Answer:
    print("printed", flush=True)
    print("complained", file=sys.stderr, flush=True)
    os.write(1, b"written\n")
    return NUMPY.forward(problem)


echoes = Backend("echoes", _echo)
reads_the_file = Backend("reads_the_file", _read_back)
tells_layouts = Backend("tells_layouts", _tell)
tells_all = Backend("tells_all", _tell_all)
shows_its_process = Backend("shows_its_process", _process)
talks = Backend("talks", _say)

# ---------------------------------------------------------------- what it hands over and takes is not its own


def _spoils_its_inputs(problem: Problem) -> Answer:
    """It writes into whatever it may, and fails afterwards."""
    for a in (problem.x, *problem.state, problem.layer.g.b):
        if a.flags.writeable:
            a += 1
    raise RuntimeError("too late")


_BUFFER = np.zeros((2, 2, 2), "float32")


def _count(problem: Problem) -> Answer:
    """Every answer is the same memory, and a number higher."""
    _BUFFER[...] += 1
    return Answer(_BUFFER[:, ::-1], State(_BUFFER[0], np.zeros(3)))


def _alternate(problem: Problem) -> Answer:
    """Every answer is the same memory, one or two in turn."""
    _BUFFER[...] = 2 - (_BUFFER == 2)
    return Answer(_BUFFER, State(_BUFFER[0], np.zeros(3)))


def _answer_of_other_things(problem: Problem) -> Answer:
    return Answer(3.5, State([1.0], np.array([None, "text"], object)))


def _half_a_pair(problem: Problem, d: Cotangents) -> Any:
    return "answer", NUMPY.differentiate(problem, d)[1]


spoils_its_inputs = Backend("spoils_its_inputs", _spoils_its_inputs)
counts = Backend("counts", _count)
alternates = Backend("alternates", _alternate)
answers_other_things = Backend("answers_other_things", _answer_of_other_things)
returns_half_a_pair = replace(NUMPY, name="returns_half_a_pair", gradients=_half_a_pair)

# ---------------------------------------------------------------- what one call knows of another


SEEN: list[Any] = []


def _recognise(problem: Problem) -> Answer:
    """Which objects and which memory are those of the call before, and which arrays share memory."""
    arrays = (problem.x, *problem.state, problem.layer.i.W, problem.layer.f and problem.layer.f.W)
    objects = [problem, problem.parameters, problem.layer, *arrays]
    same = [one is other for one, other in zip(objects, SEEN[-1], strict=True)] if SEEN else []
    shared = [np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k]]
    own = [np.shares_memory(problem.x, one) for one in ANSWERED]
    SEEN.append(objects)
    answer = NUMPY.forward(problem)
    ANSWERED.append(answer.y)
    text = f"{same} {shared} {own} {[a.ctypes.data % 8 for a in arrays]}"
    return Answer(answer.y, State(answer.state.h, np.array(text)))


ANSWERED: list[Any] = []


INPUTS: list[Any] = []


def _count_inputs(problem: Problem) -> Answer:
    """How many of the inputs of all calls are still there."""
    INPUTS.append(weakref.ref(problem.x))
    return Answer(np.array(sum(x() is not None for x in INPUTS)), NUMPY.forward(problem).state)


def _reshape_inputs(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    problem.x.shape = (-1, problem.x.shape[-1])
    return answer


def _write_into_all(problem: Problem) -> Answer:
    """It writes into every input, whatever its flag says."""
    answer = NUMPY.forward(problem)
    for a in (problem.x, *problem.state, problem.layer.g.b):
        ctypes.memset(a.ctypes.data, 0, a.nbytes)
    return answer


def _switch_subnormals_off(problem: Problem) -> Answer:
    answer = NUMPY.forward(problem)
    set_flush_denormal(True)
    return answer


def set_flush_denormal(off: bool) -> None:
    """As code does that was linked with -ffast-math."""
    from torch import set_flush_denormal

    set_flush_denormal(off)


counts_its_inputs = Backend("counts_its_inputs", _count_inputs)
recognises = Backend("recognises", _recognise)
reshapes_its_input = Backend("reshapes_its_input", _reshape_inputs)
writes_into_all = Backend("writes_into_all", _write_into_all)
switches_subnormals_off = Backend("switches_subnormals_off", _switch_subnormals_off)
