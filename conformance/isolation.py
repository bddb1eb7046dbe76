"""A backend in a child process, so that a crash or a hang is a verdict and the judge goes on.

One process answers all questions; when it dies, the next question starts another. What the backend returns is never
unpickled, and what it prints passes through: questions and answers are safetensors files, sent over a socket.
"""

import hashlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from conformance.border import is_answer, is_pair, line
from conformance.property import Errored, Refuted
from conformance.targets import TargetError, resolve
from lstm_spec import (
    Answer,
    Backend,
    Cotangents,
    Description,
    ErrorModel,
    Feature,
    Gate,
    Gradients,
    Parameters,
    Problem,
    Shapes,
    State,
)
from lstm_spec.types import Array, Variant

FORMAT = "lstm-spec question 1"
STARTING = 60.0  # seconds at least: making a backend may import a large library
LEAVING = 1.0  # seconds
KEPT = 4  # earlier answers that are watched

Tensors = dict[str, Array]
About = dict[str, str]
Form = Any  # JSON: the name of a tensor, null, [noun, part, ...], {"plain": value}, {"module": ..., "name": ...}

# ---------------------------------------------------------------- arrays to bytes, and back

DTYPES = {"F64": np.dtype("f8"), "F32": np.dtype("f4"), "F16": np.dtype("f2"), "BF16": np.dtype(ml_dtypes.bfloat16)}
CODES = {dtype: code for code, dtype in DTYPES.items()}


class Laid(NamedTuple):
    """How an array lies in memory."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    size: int  # in the file, in bytes


def packed(tensors: Tensors, about: About) -> bytes:
    """A safetensors file that holds these arrays to the last bit, and their strides.

    An array of another dtype is a row of bytes; one that does not lie in memory in C order is there twice: its numbers,
    and as `memory.NAME` everything from its first byte in memory to its last.
    """
    everything = tensors | {f"memory.{name}": _memory(a) for name, a in tensors.items() if not a.flags.c_contiguous}
    blobs = [b"" if a.dtype.hasobject else a.tobytes() for a in everything.values()]
    laid = (
        Laid(name, a.dtype, a.shape, a.strides, len(blob))
        for (name, a), blob in zip(everything.items(), blobs, strict=True)
    )
    return b"".join((_header(tuple(laid), tuple(about.items())), *blobs))


def unpacked(raw: bytes | memoryview) -> tuple[Tensors, About]:
    """The arrays, in memory and strides like those that were packed, and what was said about them."""
    start = 8 + int.from_bytes(raw[:8], "little")
    straight, odd, about = _read(bytes(raw[8:start]))
    tensors = {
        name: np.ndarray(shape, dtype, raw, start + at).copy() if at >= 0 else np.ndarray(shape, dtype)
        for name, dtype, shape, at in straight
    }
    for name, dtype, shape, *strided in odd:
        tensors[name] = np.ndarray(shape, dtype, tensors.pop(f"memory.{name}", tensors[name]), *strided)
    return tensors, about


@lru_cache(256)  # one property asks much alike, and JSON is most of the time
def _header(arrays: tuple[Laid, ...], about: tuple[tuple[str, str], ...]) -> bytes:
    layout = {a.name: form for a in arrays if (form := _layout(a))}
    header: dict[str, Any] = {"__metadata__": dict(about) | ({"layout": json.dumps(layout)} if layout else {})}
    end = 0
    for a in arrays:
        start, end, code = end, end + a.size, CODES.get(a.dtype)
        header[a.name] = {"dtype": code or "U8", "shape": a.shape if code else [a.size], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


@lru_cache(256)
def _read(header: bytes) -> tuple[list[Any], list[Any], About]:
    """Name, dtype, shape and place of every array; the same of those in odd strides, and strides; what was said."""
    entries = json.loads(header)
    about = entries.pop("__metadata__")
    layout = json.loads(about.get("layout", "{}"))
    straight, odd = [], []
    for name, entry in entries.items():
        dtype, shape, *strided = layout.get(name) or (DTYPES[entry["dtype"]], entry["shape"])
        dtype = np.dtype(dtype)
        straight.append((name, dtype, shape, -1 if dtype.hasobject else entry["data_offsets"][0]))
        if strided:
            odd.append((name, dtype, shape, *strided))
    return straight, odd, about


def _layout(a: Laid) -> list[Any] | None:
    """What the format has no place for: another dtype; where in memory the first element lies, and the strides."""
    plain = a.size == 0 or a.strides == tuple(
        a.dtype.itemsize * math.prod(a.shape[k + 1 :]) for k in range(len(a.shape))
    )
    if a.dtype in CODES and plain:
        return None
    named = a.dtype.kind == "V" and a.dtype.type is not np.void
    form = [a.dtype.name if named else a.dtype.str, a.shape]
    return (
        form
        if plain
        else [*form, -sum((n - 1) * min(s, 0) for n, s in zip(a.shape, a.strides, strict=True)), a.strides]
    )


def _memory(a: Array) -> Array:
    """From its first byte in memory to its last, in one row; of the same dtype where the strides allow it."""
    last = sum((n - 1) * abs(s) for n, s in zip(a.shape, a.strides, strict=True))
    lowest = a[tuple(slice(-1, None) if s < 0 else slice(1) for s in a.strides)].reshape(1).view(np.uint8)
    row = as_strided(lowest, (last + a.itemsize,), (1,), writeable=False)
    return row.view(a.dtype) if all(s % a.itemsize == 0 for s in a.strides) else row


# ---------------------------------------------------------------- nouns to arrays, and back

NOUNS = {noun.__name__: noun for noun in (Problem, Variant, Parameters, Gate, State, Cotangents, Answer, Gradients)}
UNNAMED = {(Problem, "parameters"), (Gradients, "parameters"), (Cotangents, "state")}  # i.W, not parameters.i.W
OTHERS: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "list": list, "scalar": lambda parts: parts[0][()]}
LABELS: dict[Any, list[tuple[str, str]]] = {
    noun: [(part, "" if (noun, part) in UNNAMED else f".{part}") for part in noun.__match_args__]
    for noun in NOUNS.values()
}


def taken_apart(value: Any, name: str, tensors: Tensors) -> Form:
    """How a noun is made of arrays, which go into `tensors`; of what is none of ours, its type alone."""
    if isinstance(value, np.ndarray):
        tensors[name] = np.asarray(value)
        return name
    if value is None:
        return None
    if noun := _noun(value.__class__):
        parts = [taken_apart(getattr(value, part), name + label, tensors) for part, label in LABELS[noun]]
        return [noun.__name__, *parts]
    if isinstance(value, tuple | list):
        parts = [taken_apart(part, f"{name}.{k}" if len(value) > 1 else name, tensors) for k, part in enumerate(value)]
        return ["list" if isinstance(value, list) else "tuple", *parts]
    if isinstance(value, np.generic):
        return ["scalar", taken_apart(np.asarray(value), name, tensors)]
    if type(value) in (str, int, float, bool):
        return {"plain": value}
    return {"module": type(value).__module__, "name": type(value).__name__}


@lru_cache(256)
def _noun(kind: type) -> Any:
    """The noun of ours that a type is, or is made from."""
    return next((noun for noun in LABELS if issubclass(kind, noun)), None)


def put_together(form: Form, tensors: Tensors) -> Any:
    """The noun again; in place of what is none of ours an object whose type has the same name."""
    if form is None:
        return None
    if isinstance(form, str):
        return tensors[form]
    if isinstance(form, dict):
        return form["plain"] if "plain" in form else type(form["name"], (), {"__module__": form["module"]})()
    parts = [put_together(part, tensors) for part in form[1:]]
    return OTHERS[form[0]](parts) if form[0] in OTHERS else NOUNS[form[0]](*parts)


class Asked(NamedTuple):
    """A question: which of the backend's functions is asked, and about what."""

    call: str
    arguments: list[Any]  # a Problem, and Cotangents
    writable: Tensors


def asked(raw: bytes | memoryview) -> Asked:
    """The question in a file, its arrays as they were handed over: the same bits, strides and permission to write."""
    arrays, about = unpacked(raw)
    writable = json.loads(about["writable"])
    for name, a in arrays.items():
        a.flags.writeable = name in writable
    arguments = [put_together(form, arrays) for form in json.loads(about["form"])]
    return Asked(about["call"], arguments, {name: arrays[name] for name in writable})


def asking(call: str, arguments: tuple[Any, ...], about: About) -> tuple[Tensors, bytes]:
    """The arrays of a question by the names that they have in its file, and the file."""
    arrays: Tensors = {}
    form = [taken_apart(a, name, arrays) for a, name in zip(arguments, ("asked", "asked.d"), strict=False)]
    writable = [name for name, a in arrays.items() if a.flags.writeable]
    about = about | {"format": FORMAT, "call": call, "form": json.dumps(form), "writable": json.dumps(writable)}
    return arrays, packed(arrays, about)


def described(about: Description) -> str:
    """What a backend says of itself, as JSON."""
    shapes = {k: (sizes.start, sizes.stop, sizes.step) for k, sizes in vars(about.shapes).items()}
    grades = {dtype: vars(g) if isinstance(g, ErrorModel) else g for dtype, g in about.grades.items()}
    lists = {"dtypes": list(about.dtypes), "features": list(about.features)}
    return json.dumps(vars(about) | lists | {"shapes": shapes, "grades": grades}, default=float)


def description(said: str) -> Description:
    """What `described` wrote down."""
    about = json.loads(said)
    about["dtypes"], about["features"] = tuple(about["dtypes"]), frozenset(map(Feature, about["features"]))
    about["shapes"] = Shapes(**{k: range(*sizes) for k, sizes in about["shapes"].items()})
    about["grades"] = {dtype: g if isinstance(g, str) else ErrorModel(**g) for dtype, g in about["grades"].items()}
    return Description(**about)


# ---------------------------------------------------------------- the socket between parent and child


def send(link: socket.socket, message: bytes) -> None:
    link.sendall(len(message).to_bytes(8, "little") + message)


def received(link: socket.socket, waited: Callable[[], None] = lambda: None) -> memoryview:
    """The next message; whenever the socket's own timeout is over, `waited` is called, and may raise.

    Raises ConnectionError where the other side is gone.
    """
    message = bytearray()
    while len(message) < 8 or len(message) < 8 + int.from_bytes(message[:8], "little"):
        try:
            part = link.recv(1 << 16)
        except TimeoutError:
            waited()
            continue
        if not part:
            raise ConnectionResetError
        message += part
    return memoryview(message)[8:]


# ---------------------------------------------------------------- the child


class Given(NamedTuple):
    """Arrays as they are in the child, and the bytes of them that the parent has."""

    arrays: Tensors
    bits: dict[str, bytes]

    def changes(self) -> Tensors:
        """Those that are not what they were."""
        return {name: a for name, a in self.arrays.items() if a.tobytes() != self.bits[name]}


def given(arrays: Tensors) -> Given:
    return Given(arrays, {name: a.tobytes() for name, a in arrays.items()})


def serve(descriptor: int, target: str, device: str | None, timeout: float) -> None:
    """Make the backend, then answer questions until the parent closes the socket."""
    earlier: deque[Given] = deque(maxlen=KEPT)
    with socket.socket(fileno=descriptor) as link, suppress(ConnectionError):
        _die_in(max(timeout, STARTING))
        try:
            backend = resolve(target, device)
        except TargetError as error:
            return send(link, packed({}, {"refused": str(error)}))
        about = {"name": str(backend.name), "description": described(backend.description)}
        send(link, packed({}, about if backend.gradients is None else about | {"gradients": "yes"}))
        while True:
            _die_in(0)
            question = received(link)
            _die_in(timeout)
            send(link, _reply(backend, question, earlier))


def _die_in(seconds: float) -> None:
    """Have the system end this process a little later, should the parent not be there to do it; 0: not at all."""
    signal.alarm(math.ceil(seconds + 2 * LEAVING) if seconds else 0)


def _reply(backend: Backend, question: memoryview, earlier: deque[Given]) -> bytes:
    """The answer, and whatever the call changed of its inputs and of earlier answers."""
    call, arguments, writable = asked(question)
    inputs = given(writable)
    told, answer = _told(backend, call, arguments)
    tensors = dict(answer)
    for prefix, known in (("input", inputs), *((f"earlier{k}", one) for k, one in enumerate(earlier))):
        changed = known.changes()
        known.bits.update((name, a.tobytes()) for name, a in changed.items())
        tensors |= {f"{prefix}.{name}": a for name, a in changed.items()}
    if "form" in told:
        earlier.append(given(answer))
    return packed({name: np.asarray(a, order="C") for name, a in tensors.items()}, told)


def _told(backend: Backend, call: str, arguments: list[Any]) -> tuple[About, Tensors]:
    """What came of a call, in the words of conformance.border, and the arrays of the answer."""
    answer: Tensors = {}
    try:
        with np.errstate(all="ignore"):  # as the runner does
            result = getattr(backend, call)(*arguments)
    except (Exception, SystemExit) as error:
        return {"errored": f"it raised {type(error).__name__}: {line(error)}"}, answer
    try:
        (is_pair if call == "gradients" else is_answer)(result)
    except Refuted as refuted:
        return {"refuted": refuted.reason, "clause": refuted.clause}, answer
    return {"form": json.dumps(taken_apart(result, "answer", answer))}, answer


# ---------------------------------------------------------------- the parent


@dataclass(frozen=True)
class Isolated:
    """A backend that lives in a child process, and how to end that."""

    backend: Backend
    close: Callable[[], None]

    def __enter__(self) -> "Isolated":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def isolated(target: str, device: str | None, timeout: float, folder: Path | None) -> Isolated:
    """The backend that a target names, in a child process that has `timeout` seconds for each question.

    A crash and a hang are Errored. A question lies in `folder` before it is asked; one that killed the process stays
    there, and is not asked again. Raises TargetError, and OSError where the folder cannot be written.
    """
    child = _Child(target, device, timeout, folder)
    try:
        said = child.start()
    except BaseException:
        child.close()
        raise
    gradients = partial(child.ask, "gradients") if "gradients" in said else None
    backend = Backend(said["name"], partial(child.ask, "forward"), gradients, description(said["description"]))
    return Isolated(backend, child.close)


class _Child:
    """The process that holds the backend, and the next one when it died."""

    def __init__(self, target: str, device: str | None, timeout: float, folder: Path | None) -> None:
        self.target, self.device, self.timeout = target, device, timeout
        self.home, self.path = os.getcwd(), [entry for entry in sys.path if isinstance(entry, str)]
        self.deadly: dict[bytes, str] = {}  # what came of the questions that killed it
        self.notes = _Notes(folder)
        self.end: weakref.finalize[..., Any] | None = None  # of the process, if there is one
        self.closed = False

    def start(self) -> About:
        """Make the process, and the backend in it; what that says of itself. Raises TargetError."""
        limit = max(self.timeout, STARTING)
        self._spawn()
        try:
            said = unpacked(self._exchanged(b"", limit))[1]
        except ConnectionError as death:
            what = f"killed the process ({death}); import it alone to see where"
            raise TargetError(f"target {self.target!r}: making the backend {what}") from None
        except TimeoutError:
            what = f"did not end within {limit:g} s; import it alone to see why, or give it more time"
            raise TargetError(f"target {self.target!r}: making the backend {what}") from None
        if "refused" in said:
            self._killed(LEAVING)
            raise TargetError(said["refused"])
        return said

    def _spawn(self) -> None:
        self.link, theirs = socket.socketpair()
        self.handed: deque[Tensors] = deque(maxlen=KEPT)
        serving = f"serve({theirs.fileno()}, {self.target!r}, {self.device!r}, {self.timeout!r})"
        code = f"import sys; sys.path[:] = {self.path!r}; from conformance.isolation import serve; {serving}"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the keyboard is for the parent alone
            )
        self.end = weakref.finalize(self, _ended, self.process, self.link, LEAVING)

    def ask(self, call: str, *arguments: Any) -> Any:
        """What the backend's function `call` returns. Raises Errored and Refuted in the words of conformance.border."""
        arrays, question = asking(call, arguments, {"target": self.target, "device": self.device or ""})
        reply = None if self.deadly and _key(question) in self.deadly else self._reply(question)
        if reply is None:  # the only place: Hypothesis takes what is raised on another line for another error
            raise Errored(self.deadly[_key(question)])
        return self._answer(reply, arrays)

    def _reply(self, question: bytes) -> memoryview | None:
        """The reply; None, and the reason among `deadly`, where it killed the process."""
        self._revive()
        self.notes.write(question)
        try:
            return self._exchanged(question, self.timeout)
        except ConnectionError as death:
            what = f"it crashed ({death})"
        except TimeoutError:
            what = f"it did not answer within {self.timeout:g} s"
        self.deadly[_key(question)] = what + self.notes.keep(question)
        return None

    def close(self) -> None:
        """End the process for good."""
        self.closed = True
        self.notes.close()
        if self.end:
            self.end()

    def _revive(self) -> None:
        if self.closed:
            raise ValueError(f"{self.target} is asked after it was closed; ask it before")
        if self.end is None:
            try:
                self.start()
            except TargetError as error:
                raise Errored(f"it could not be made again: {error}") from None

    def _exchanged(self, question: bytes, limit: float) -> memoryview:
        """The reply; after TimeoutError and ConnectionError (which says how it died) the process is no more."""
        deadline = time.monotonic() + limit

        def waited() -> None:
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self.process.poll() is not None:
                raise ConnectionResetError  # a process that it forked holds on to the socket

        try:
            self.link.settimeout(limit)
            if question:
                send(self.link, question)
            self.link.settimeout(min(limit, LEAVING))
            return received(self.link, waited)
        except ConnectionError:
            status = self._killed(LEAVING)
            raise ConnectionError(_death(status)) from None
        except BaseException:
            self._killed(0)
            raise

    def _killed(self, patience: float) -> int | None:
        end, self.end = self.end, None
        status = _ended(self.process, self.link, patience)
        if end:
            end.detach()
        return status

    def _answer(self, reply: memoryview, inputs: Tensors) -> Any:
        """What the reply says, once what the call changed is changed here, too."""
        tensors, told = unpacked(reply)
        answer: Tensors = {}
        known = {"input": inputs} | {f"earlier{k}": arrays for k, arrays in enumerate(self.handed)}
        for name, a in tensors.items():
            where, _, rest = name.partition(".")
            if where == "answer":
                answer[name] = a
            else:
                np.copyto(known[where][rest], a)
        if "errored" in told:
            raise Errored(told["errored"])
        if "refuted" in told:
            raise Refuted(told["refuted"], clause=told["clause"])
        self.handed.append(answer)
        return put_together(json.loads(told["form"]), {name: a.view() for name, a in answer.items()})


def _ended(process: "subprocess.Popen[bytes]", link: socket.socket, patience: float) -> int | None:
    """Let the process end by itself, or kill it with what it started; its exit status, None if it had to be killed."""
    link.close()
    status = None
    try:
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(patience)
    finally:
        if status != 0:
            with suppress(ProcessLookupError, PermissionError):  # nothing is left of its group; macOS says the latter
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return status


def _death(status: int | None) -> str:
    if status is None:
        return "it closed its connection to the judge"
    names = {number.value: number.name for number in signal.Signals}
    return f"exit status {status}" if status >= 0 else f"signal {names.get(-status, -status)}"


class _Notes:
    """The question that is being asked, on disk: it outlives the process, and the judge, too."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.file = folder, None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = (folder / "asked.safetensors").open("wb", buffering=0)
            weakref.finalize(self, self.file.close)

    def write(self, question: bytes) -> None:
        if self.file:
            with suppress(OSError):  # a full disk is not the backend's mistake
                os.pwrite(self.file.fileno(), question, 0)
                self.file.truncate(len(question))

    def keep(self, question: bytes) -> str:
        """Write it where no later one goes; where that is, as the end of a sentence."""
        if not self.folder:
            return ""
        path = self.folder / f"crash-{hashlib.blake2b(question, digest_size=2).hexdigest()}.safetensors"
        try:
            path.write_bytes(question)
        except OSError as error:
            return f"; the question could not be written to {path} ({error.strerror})"
        return f"; the question is in {path}"

    def close(self) -> None:
        if self.folder and self.file and not self.file.closed:
            self.file.close()
            (self.folder / "asked.safetensors").unlink(missing_ok=True)


def _key(question: bytes) -> bytes:
    return hashlib.blake2b(question, digest_size=16).digest()
