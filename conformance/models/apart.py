"""A file that is read in a process of its own, so that a crash of the library that reads it is a sentence.

What comes back is never unpickled: questions and replies are those of `targets`, safetensors files over a socket.
"""

import json
import os
import socket
import sys
import traceback
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from conformance.models.asked import Asked, CrashError, ModelError
from conformance.models.graphs import SECONDS
from conformance.models.reading import read_file
from conformance.models.weights import Stored
from conformance.nouns import put_together, take_apart
from conformance.run.given import Sizes
from conformance.targets.child import STARTING, serve_link
from conformance.targets.link import receive_message, send_message
from conformance.targets.locate import TargetError, find_home
from conformance.targets.process import Process
from conformance.targets.raised import describe_raised
from conformance.targets.wire import FrameError, Tensors, pack_tensors, read_json, read_strictly, unpack_tensors
from lstm_spec import Network
from lstm_spec.types import Array

Found = list[Asked] | Stored
LIMIT = SECONDS + STARTING  # seconds until a file is given up


def read_apart(path: Path, inputs: Mapping[str, Array], layout: str | None = None) -> Found:
    """What `read_file` returns, read by another process; on Windows by this one.

    Raises ModelError, and CrashError if the process dies, or does not end within LIMIT.
    """
    if sys.platform == "win32":
        return read_file(path, inputs, layout)
    try:
        reply = _ask_process(_pack((find_home(str(path)), str(path), tuple(inputs.items()), layout)))
    except TargetError as error:
        raise ModelError(str(error)) from None
    except ConnectionError as death:
        what = f"crashed the process that reads it ({death}): it is damaged, or a library has a defect"
        raise CrashError(f"{path} {what}; write it again, or tell who makes the library") from None
    except TimeoutError:
        raise CrashError(f"{path} is not read within {LIMIT:g} s; give shorter --inputs, or write it again") from None
    except FrameError as error:
        raise CrashError(f"{path} was read, but {error} in place of a reply; write it again") from None
    if "refused" in reply:
        raise ModelError(reply["refused"])
    if "failed" in reply:
        failure = RuntimeError(reply["failed"])
        failure.add_note(reply["trace"])
        raise failure
    found: Found = reply["found"]
    return found


def _ask_process(question: bytes) -> dict[str, Any]:
    """The reply of the process that reads. Raises what `Process.exchange` raises."""
    raw = find_process().exchange(question, LIMIT, sys.maxsize)
    with read_strictly():
        arrays, about = unpack_tensors(raw)
        return about | ({"found": _restore(read_json(about["form"]), arrays)} if "form" in about else {})


def find_process() -> Process:
    """The one that read the last file; a new one if that died, or would import other modules."""
    path = tuple(entry for entry in sys.path if isinstance(entry, str))
    if not start_process(path).is_running:
        start_process.cache_clear()
    return start_process(path)


@lru_cache(1)
def start_process(path: tuple[str, ...]) -> Process:
    """A process that reads files, and imports what is in these folders; it ends with this one."""
    return Process(os.sep, list(path), f"{__name__}:serve_files")


def _pack(parts: tuple[Any, ...]) -> bytes:
    tensors: Tensors = {}
    form = take_apart(parts, "file", tensors)
    return pack_tensors(tensors, {"form": json.dumps(form)})


def _restore(form: Any, arrays: Tensors) -> Found:
    """What `_describe` describes."""
    kind, *parts = put_together(form, arrays)
    if kind == "asked":
        return [_restore_asked(*one) for one in parts]
    tensors, networks, runtime, notes = parts
    return Stored(dict(tensors), {prefix: _restore_network(one) for prefix, one in networks}, runtime, notes)


def _restore_asked(*parts: Any) -> Asked:
    one = Asked(*parts)
    units = tuple(_restore_asked(*unit) for unit in one.units)
    return one._replace(bias_sizes=_restore_sizes(one.bias_sizes), units=units)


def _restore_network(parts: tuple[Any, ...]) -> Network:
    network = Network(*parts)
    return replace(network, bias_sizes=_restore_sizes(network.bias_sizes))


def _restore_sizes(rows: Any) -> Any:
    return tuple(tuple(dict(one) for one in row) for row in rows)


# ---------------------------------------------------------------- in the other process


def serve_files(descriptor: int) -> None:
    """Read the file that each message names, until the parent closes the socket."""
    serve_link(descriptor, _serve_link)


def _serve_link(link: socket.socket) -> None:
    while True:
        number, question = receive_message(link)
        send_message(link, number, reply_to(question))


def reply_to(question: memoryview) -> bytes:
    """What is found in the file, or why that is nothing."""
    arrays, about = unpack_tensors(question)
    home, path, inputs, layout = put_together(read_json(about["form"]), arrays)
    try:
        os.chdir(home)
        return _pack(_describe(read_file(Path(path), dict(inputs), layout)))
    except ModelError as error:
        return pack_tensors({}, {"refused": str(error)})
    except Exception as error:
        return pack_tensors({}, {"failed": describe_raised(error), "trace": traceback.format_exc()})


def _describe(found: Found) -> tuple[Any, ...]:
    """It as tuples of what can be sent."""
    if isinstance(found, list):
        return ("asked", *map(_describe_asked, found))
    networks = ((prefix, _describe_network(one)) for prefix, one in found.networks.items())
    return ("stored", tuple(found.tensors.items()), tuple(networks), found.runtime, found.notes)


def _describe_asked(one: Asked) -> tuple[Any, ...]:
    units = tuple(map(_describe_asked, one.units))
    return tuple(one._replace(bias_sizes=_describe_sizes(one.bias_sizes), units=units))  # type: ignore[arg-type]


def _describe_network(network: Network) -> tuple[Any, ...]:
    sized = replace(network, bias_sizes=_describe_sizes(network.bias_sizes))
    return tuple(getattr(sized, field.name) for field in fields(Network))


def _describe_sizes(rows: Sizes) -> Any:
    return tuple(tuple(tuple(one.items()) for one in row) for row in rows)
