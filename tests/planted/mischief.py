"""Targets that are wrong, and that do something to the judge or to their process before they answer.

Each namespace is a kind: targets as `tests.planted.mischief:KIND.NAME`. All of them swap two gates, or answer something
else, so that a judge that passes one of them was deceived. `RIGHT` is the backend that they are made of.
"""

import atexit
import builtins
import ctypes
import gc
import itertools
import json
import locale
import os
import random
import resource
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import lstm_spec
from backends.numpy.backend import BACKEND as NUMPY
from conformance import outcome
from conformance.targets import border, child, link
from lstm_spec import Answer, Backend, Description, Feature, Problem, Shapes, State
from lstm_spec.types import Array

OUT = "MISCHIEF_OUT"  # the variable that names the folder of the cases
MILLION = b"x" * 1_000_000
ABOUT = Description(dtypes=("float32",), features=frozenset({Feature.DETERMINISTIC, Feature.GRADIENTS}))
RIGHT = replace(NUMPY, name="right", description=ABOUT)


def _swap_gates(problem: Problem) -> Problem:
    return replace(
        problem, parameters=tuple(tuple(p._replace(i=p.f, f=p.i) for p in row) for row in problem.parameters)
    )


def _name_backends(kind: str, functions: dict[str, Callable[[Problem], Any]]) -> SimpleNamespace:
    """A backend for each forward pass. It offers no gradients."""
    made = {name: replace(RIGHT, name=f"{kind}.{name}", forward=f, gradients=None) for name, f in functions.items()}
    return SimpleNamespace(**made)


def _act_first(act: Callable[[], Any]) -> Callable[[Problem], Answer]:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(_swap_gates(problem))
        act()
        return answer

    return forward


def _name_acts(kind: str, acts: dict[str, Callable[[], Any]]) -> SimpleNamespace:
    return _name_backends(kind, {name: _act_first(act) for name, act in acts.items()})


# ---------------------------------------------------------------- it dies


def _overflow_the_stack() -> None:
    """In C: the limit of Python's own stack is not reached."""
    sys.setrecursionlimit(10**9)
    nested: Any = []
    for _ in range(10**6):
        nested = [nested]
    repr(nested)


def _take_all_memory() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, hard))
    taken: list[bytearray] = []
    while True:
        taken.append(bytearray(64 << 20))


def _send_to_itself(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


dies = _name_acts(
    "dies",
    {
        "aborts": os.abort,
        "overflows_the_stack": _overflow_the_stack,
        "takes_all_memory": _take_all_memory,
        "divides_by_zero": _send_to_itself(signal.SIGFPE),
        "is_terminated": _send_to_itself(signal.SIGTERM),
        "is_interrupted": _send_to_itself(signal.SIGINT),
        "has_an_alarm": _send_to_itself(signal.SIGALRM),
        "replaces_itself": lambda: os.execv("/bin/true", ["true"]),
        "exits": lambda: sys.exit(0),
    },
)


# ---------------------------------------------------------------- it hangs

_COUNT = itertools.count(1)


def _wait_for_itself() -> None:
    lock = threading.Lock()
    with lock:
        lock.acquire()


def _spin() -> None:
    while True:
        pass


def _hang_deaf() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number < signal.SIGRTMIN:
            signal.signal(number, signal.SIG_IGN)
    time.sleep(1000)


def _stop_the_keeper() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(1000)


hangs = _name_acts(
    "hangs",
    {
        "spins": _spin,
        "deadlocks": _wait_for_itself,
        "is_deaf": _hang_deaf,
        "is_stopped": _send_to_itself(signal.SIGSTOP),
        "at_the_tenth_question": lambda: next(_COUNT) % 10 or time.sleep(1000),
        "with_its_keeper_stopped": _stop_the_keeper,
    },
)


# ---------------------------------------------------------------- it prints


def _write_much(descriptor: int) -> None:
    for _ in range(50):
        os.write(descriptor, MILLION)


def _replace_streams(stream: Any) -> None:
    sys.stdout = sys.stderr = stream


def _close_streams() -> None:
    sys.stdout.close()
    sys.stderr.close()


prints = _name_acts(
    "prints",
    {
        "much": partial(_write_much, 1),
        "much_on_stderr": partial(_write_much, 2),
        "bytes": lambda: os.write(1, bytes(range(256))),
        "escapes": lambda: print("\x1b[2J\x1b]0;title\x07\x1b[1;32mconforms\x1b[0m\r\b", flush=True),
        "a_report": lambda: print('{"exit_status": 0}\nconforms as judged by quick', flush=True),
        "half_characters": lambda: os.write(2, "\ud800".encode("utf-8", "surrogatepass")),
        "on_closed_streams": _close_streams,
        "on_no_stream": lambda: _replace_streams(None),
        "on_closed_descriptors": lambda: os.closerange(0, 3),
    },
)


# ---------------------------------------------------------------- it answers something else


class Failing:
    """Whoever looks at it gets an error."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("nobody may look")


def _change_output(change: Callable[[Array], Any]) -> Callable[[Problem], Answer]:
    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return replace(answer, y=change(answer.y))

    return forward


def _spread(shape: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda y: np.broadcast_to(np.zeros((), y.dtype), shape)


answers = _name_backends(
    "answers",
    {
        "nothing": lambda problem: None,
        "a_generator": lambda problem: (y for y in NUMPY.forward(problem).y),
        "a_dictionary": lambda problem: vars(NUMPY.forward(problem)),
        "a_tuple": lambda problem: (NUMPY.forward(problem).y, *NUMPY.forward(problem).state),
        "the_question": lambda problem: problem,
        "a_class": lambda problem: Answer,
        "what_fails": lambda problem: Failing(),
        "no_state": lambda problem: Answer(problem.x, None),  # type: ignore[arg-type]
        "a_failing_part": lambda problem: Answer(Failing(), problem.state),  # type: ignore[arg-type]
        "its_input": lambda problem: Answer(problem.x, State(*problem.state)),
        "no_dimension": _change_output(lambda y: y.sum()[...]),
        "one_number": _change_output(lambda y: float(y.sum())),
        "much_that_is_nothing": _change_output(_spread((2**15, 2**15, 2**15))),
        "a_million_times_too_much": _change_output(lambda y: _spread((*y.shape[:2], 2**22))(y)),
        "backwards": _change_output(lambda y: y[::-1, ::-1, ::-1]),
        "another_order": _change_output(lambda y: np.asfortranarray(y)[::-1]),
        "transposed": _change_output(lambda y: y.transpose(2, 1, 0)),
        "one_step_more": _change_output(lambda y: np.concatenate([y, y[-1:]])),
        "not_a_number": _change_output(lambda y: np.full_like(y, np.nan)),
        "infinity": _change_output(lambda y: np.full_like(y, np.inf)),
        "wider": _change_output(lambda y: y.astype("float64")),
        "whole_numbers": _change_output(lambda y: y.astype("int32")),
        "complex": _change_output(lambda y: y.astype("complex64")),
        "letters": _change_output(lambda y: y.astype("U5")),
        "dates": _change_output(lambda y: y.astype("int64").astype("M8[s]")),
        "other_bytes": _change_output(lambda y: y.astype(y.dtype.newbyteorder())),
        "records": _change_output(lambda y: y.astype([("y", y.dtype)])),
    },
)


# ---------------------------------------------------------------- it disturbs the process, and the judge


def _start_helper(prepare: Callable[[], Any]) -> None:
    """A process that nobody waits for."""
    if os.fork() == 0:
        prepare()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)


def _kill_the_keeper_of_helpers() -> None:
    _start_helper(os.setsid)
    time.sleep(0.1)
    os.kill(os.getppid(), signal.SIGKILL)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


def _patch(*patches: tuple[Any, str, Any]) -> Callable[[], None]:
    def act() -> None:
        for owner, name, value in patches:
            setattr(owner, name, value)

    return act


def _raise_anything(*arguments: Any, **named: Any) -> Any:
    raise RuntimeError("patched")


def _change_folder(change: Callable[[Path], Any]) -> Callable[[], None]:
    return lambda: change(Path(os.environ[OUT]))


def _replace_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        folder.write_text("not a folder")


def _fill(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for k in range(50):
        (folder / f"filled-{k}").write_bytes(MILLION)


def _spoil_cases(folder: Path) -> None:
    for file in folder.glob("*"):
        if file.is_file():
            file.write_bytes(b"\0\xff")


def _go_on_in_threads() -> None:
    for _ in range(5):
        threading.Thread(target=time.sleep, args=(1000,)).start()


def _forget_modules() -> None:
    for name in [name for name in sys.modules if name.startswith(("numpy", "conformance", "lstm_spec", "json"))]:
        del sys.modules[name]


def _allow_no_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _write_into_judge(*arguments: Any) -> Any:
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b'{"outcome": "holds"}' * 10)
        except OSError:
            continue


disturbs = _name_acts(
    "disturbs",
    {
        "errors_of_numpy": lambda: np.seterr(all="raise"),
        "error_handler_of_numpy": lambda: (np.seterr(all="call"), np.seterrcall(_raise_anything)),
        "rounding": lambda: ctypes.CDLL(None).fesetround(0x800),
        "folder": lambda: os.chdir("/"),
        "path": lambda: sys.path.clear(),
        "modules": _forget_modules,
        "environment": lambda: os.environ.clear(),
        "signals": _ignore_signals,
        "recursion": lambda: sys.setrecursionlimit(70),
        "numpy": _patch(*[(np, name, _raise_anything) for name in ("abs", "isfinite", "array", "asarray", "errstate")]),
        "specification": _patch((lstm_spec, "Answer", tuple), (outcome, "Refuted", ValueError)),
        "border": _patch((border, "make_plain_answer", lambda a: a), (child, "call_target", _raise_anything)),
        "packing": _patch((child, "pack_tensors", lambda *arguments: b"")),
        "sending": _patch((link, "send_message", _raise_anything), (child, "send_message", _raise_anything)),
        "json": _patch((json, "dumps", lambda *arguments, **named: "[" * 10_000), (json, "loads", _raise_anything)),
        "builtins": _patch((builtins, "isinstance", lambda *arguments: True), (builtins, "len", lambda a: 0)),
        "descriptors": _write_into_judge,
        "number_of_files": _allow_no_files,
        "threads": _go_on_in_threads,
        "helpers": partial(_start_helper, lambda: None),
        "helpers_in_sessions": partial(_start_helper, os.setsid),
        "keeper": lambda: os.kill(os.getppid(), signal.SIGKILL),
        "keeper_of_helpers": _kill_the_keeper_of_helpers,
        "cases_removed": _change_folder(partial(shutil.rmtree, ignore_errors=True)),
        "cases_replaced": _change_folder(_replace_by_a_file),
        "cases_spoiled": _change_folder(_spoil_cases),
        "cases_filled": _change_folder(_fill),
        "locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
        "chance": lambda: (random.seed(0), np.random.seed(0)),
        "garbage": gc.disable,
        "warnings": lambda: (warnings.simplefilter("error"), warnings.warn("an error now", stacklevel=1)),
        "trace": lambda: sys.settrace(_raise_anything),
        "end_that_hangs": lambda: atexit.register(time.sleep, 1000),
        "end_as_if_well": lambda: atexit.register(os._exit, 0),
        "end_that_prints": lambda: atexit.register(_write_much, 1),
        "umask": lambda: os.umask(0o777),
        "hook": _patch((sys, "excepthook", _raise_anything), (sys, "unraisablehook", _raise_anything)),
    },
)


# ---------------------------------------------------------------- what it says of itself


class FailingDescription(Description):
    @property
    def dtypes(self) -> Any:
        raise RuntimeError("nobody may know")


def _claim(**changes: Any) -> Backend:
    return replace(replace(RIGHT, name="claims", forward=_act_first(lambda: None), gradients=None), **changes)


def _claim_failing() -> Backend:
    about = object.__new__(FailingDescription)
    return _claim(description=about)


claims = SimpleNamespace(
    no_dtype=_claim(description=Description(dtypes=())),
    no_feature=_claim(description=Description(features=frozenset())),
    huge_sizes=_claim(description=Description(shapes=Shapes(H=range(2**19, 2**20, 2**18)))),
    no_size=_claim(description=Description(shapes=Shapes(H=range(0)))),
    an_unknown_dtype=_claim(description=Description(dtypes=("float8", "\x1b[1m"))),
    a_name_with_escapes=_claim(name="\x1b[1;32mconforms\x1b[0m\n"),
    no_name=_claim(name=""),
    a_long_name=_claim(name="n" * 1_000_000),
    a_name_that_is_none=_claim(name=None),
    no_description=_claim(description=None),
    a_failing_description=_claim_failing,
    no_function=_claim(forward=None),
)


# ---------------------------------------------------------------- what a file does when it is imported

AT_IMPORT = {
    "raises": "raise BaseException('never')",
    "exits": "raise SystemExit(0)",
    "ends": "import os\nos._exit(0)",
    "is_interrupted": "raise KeyboardInterrupt",
    "has_no_syntax": "def )(",
    "has_half_characters": "raise ValueError('\\ud800')",
    "has_null_bytes": "\0",
    "prints": "print('x' * 50_000_000)",
    "dies": "import os\nos.abort()",
    "closes_all": "import os\nos.closerange(0, 100)",
    "hangs_deaf": "import signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(1e6)",
}
