"""Backends that crash, hang, or show what reached them in a child process: targets as `tests.helpers.fragile:NAME`."""

import atexit
import builtins
import ctypes
import os
import signal
import socket
import subprocess
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


def _note(name: str, text: str = "") -> None:
    """Leave a file for the test; whole once it is there."""
    folder = Path(os.environ["FRAGILE_FOLDER"])
    (folder / f"{name}.part").write_text(text)
    (folder / f"{name}.part").rename(folder / name)


def _start_helpers() -> None:
    """Helpers as a target may fork them: one in its group, one in a session of its own, one that hears no signal."""
    for k, prepare in enumerate((lambda: None, os.setsid, _block_signals)):
        if (helper := os.fork()) == 0:
            prepare()
            if os.fork() == 0:  # the one between ends, so that the helper is nobody's child
                _note(f"helper{k}", str(os.getpid()))
                time.sleep(1000)
            os._exit(0)
        os.waitpid(helper, 0)
    while len(list(Path(os.environ["FRAGILE_FOLDER"]).glob("helper?"))) < 3:
        time.sleep(0.01)


def _block_signals() -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def _hang_with_helpers() -> None:
    _start_helpers()
    time.sleep(1000)


def _hang_with_a_program() -> None:
    _note("helper0", str(subprocess.Popen(["sleep", "1000"], start_new_session=True).pid))
    time.sleep(1000)


def _keep_the_lock() -> None:
    """Busy in C code that holds the lock of the interpreter, and hears no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    _note(f"asked{os.getpid()}")
    ctypes.PyDLL(None).sleep(1000)


def _kill_the_keeper() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)


def _stop_the_keeper_of_helpers() -> None:
    _start_helpers()
    os.kill(os.getppid(), signal.SIGSTOP)
    _note("stopped")


def _stop_the_keeper_and_hang() -> None:
    _stop_the_keeper_of_helpers()
    time.sleep(1000)


def _kill_the_keeper_of_helpers() -> None:
    _start_helpers()
    _kill_the_keeper()


def _change_what_is_an_instance() -> None:
    builtins.isinstance = lambda *arguments: True


def _close_all() -> None:
    os.closerange(3, 1000)


def _print_a_lot() -> None:
    for _ in range(200):
        os.write(1, b"x" * 1_000_000)
    os.write(2, b"the end\n")


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
starts_helpers = Backend("starts_helpers", _first(_start_helpers))
hangs_with_helpers = Backend("hangs_with_helpers", _first(_hang_with_helpers))
hangs_with_a_program = Backend("hangs_with_a_program", _first(_hang_with_a_program))
keeps_the_lock = Backend("keeps_the_lock", _first(_keep_the_lock))
stops_its_keeper = Backend("stops_its_keeper", _first(_stop_the_keeper_of_helpers))
stops_its_keeper_and_hangs = Backend("stops_its_keeper_and_hangs", _first(_stop_the_keeper_and_hang))
kills_its_keeper = Backend("kills_its_keeper", _first(_kill_the_keeper))
kills_its_keeper_with_helpers = Backend("kills_its_keeper_with_helpers", _first(_kill_the_keeper_of_helpers))
changes_what_is_an_instance = Backend("changes_what_is_an_instance", _first(_change_what_is_an_instance))
closes_all = Backend("closes_all", _first(_close_all))
prints_a_lot = Backend("prints_a_lot", _first(_print_a_lot))
fails = Backend("fails", _first(_fail))
leaves = Backend("leaves", _first(_leave))


def _dies_in_the_gradient_pass(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    _die()
    raise AssertionError


segfaults_in_the_gradient_pass = replace(NUMPY, name="segfaults_backwards", gradients=_dies_in_the_gradient_pass)

# ---------------------------------------------------------------- it writes into the connection to the judge


def _find_link() -> tuple[socket.socket, bytes]:
    """The socket to the judge, and the number of the question: both are in the frame that serves questions."""
    frame = sys._getframe()
    while frame.f_code.co_name != "_serve_backend":
        assert frame.f_back
        frame = frame.f_back
    return frame.f_locals["link"], frame.f_locals["number"]


def _send(head: Callable[[bytes], bytes], drip: bool = False) -> Callable[[], None]:
    """Write what is made of the number of the question; then a byte now and then, or nothing more."""

    def send() -> None:
        link, number = _find_link()
        link.sendall(head(number))
        while drip:
            time.sleep(0.05)
            link.sendall(b"x")

    return send


def _answer_twice() -> None:
    """It forks, and both processes answer."""
    os.fork()


drips = Backend("drips", _first(_send(lambda number: b"", drip=True)))
drips_a_reply = Backend(
    "drips_a_reply", _first(_send(lambda number: number + (10**6).to_bytes(8, "little"), drip=True))
)
announces_too_much = Backend("announces_too_much", _first(_send(lambda number: number + (2**60).to_bytes(8, "little"))))
writes_anything = Backend("writes_anything", _first(_send(lambda number: b"debug: " * 20), LONG))
replies_nonsense = Backend(
    "replies_nonsense", _first(_send(lambda number: number + (100).to_bytes(8, "little") + b"[" * 100))
)
answers_twice = Backend("answers_twice", _first(_answer_twice, LONG))


def drips_when_made() -> Backend:
    _send(lambda number: b"", drip=True)()
    raise AssertionError


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
    (path,) = Path(os.environ["FRAGILE_FOLDER"]).glob("asked-*.safetensors")
    a = load_file(path)
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
