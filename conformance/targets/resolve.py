"""From what stands on the command line to a Backend: an entry point, an import path or a known fault."""

import difflib
import importlib
import os
import sys
from importlib.metadata import entry_points
from typing import Any

from conformance.arrays import subnormals_are_kept
from conformance.targets.border import SWITCHED_OFF
from conformance.targets.raised import describe_raised, read_message
from conformance.text import clean_line
from lstm_spec import Backend, BackendUnavailable
from lstm_spec.claims import check_backend

GROUP = "lstm_spec.backends"


class TargetError(Exception):
    """The target cannot be found, imported or used; the message is one sentence with the remedy."""


def list_installed() -> list[str]:
    """The names of the installed backends."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def is_ours(target: str) -> bool:
    """Whether the target belongs to this project: one of its backends, the reference, or a known mistake."""
    modules = [entry.module for entry in entry_points(group=GROUP) if entry.name == target]
    module = modules[0] if modules else target.partition(":")[0]
    return module.partition(".")[0] in ("backends", "lstm_spec", "fault")


def resolve(target: str, device: str | None = None) -> Backend:
    """The backend that a target names. Raises TargetError."""
    if target.startswith("fault:"):
        if device not in (None, "cpu"):
            raise TargetError(f"target {target!r} runs on cpu only, not on {device!r}; drop --device")
        return _make_fault(target.removeprefix("fault:"))
    try:
        return _check_target(_make_backend(target, _load_target(target), device))
    except (TargetError, KeyboardInterrupt):
        raise
    except BackendUnavailable as error:
        raise TargetError(f"{target} is unavailable: {clean_line(read_message(error))}") from error
    except (TypeError, ValueError) as error:
        raise TargetError(f"target {target!r}: {clean_line(read_message(error))}") from error
    except BaseException as error:
        raise TargetError(f"target {target!r}: looking at it raised {describe_raised(error)}; mend that") from error


def _check_target(backend: Backend) -> Backend:
    check_backend(backend)
    if not subnormals_are_kept():
        raise ValueError(SWITCHED_OFF)
    return backend


def _make_fault(name: str) -> Backend:
    from conformance.faults.catalogue import FAULTS

    if name not in FAULTS:
        raise TargetError(
            f"fault {name!r} is not in the catalogue{_suggest_name(name, list(FAULTS))}; see lstm-conform list faults"
        )
    return FAULTS[name].backend()


def _load_target(target: str) -> Any:
    for entry in entry_points(group=GROUP):
        if entry.name == target:
            return _import_attribute(target, entry.module, entry.attr)
    if ":" not in target:
        names = list_installed()
        raise TargetError(
            f"target {target!r} is not an installed backend ({', '.join(names)}){_suggest_name(target, names)}; "
            "for one of your own write package.module:NAME"
        )
    module, _, attribute = target.partition(":")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    return _import_attribute(target, module, attribute)


def _import_attribute(target: str, module: str, attribute: str) -> Any:
    try:
        found = importlib.import_module(module)
    except (BackendUnavailable, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise TargetError(
            f"target {target!r}: module {module!r} cannot be imported ({describe_raised(error)}); "
            "run it from the folder that holds the module, or install it"
        ) from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        names = [name for name in dir(found) if not name.startswith("_")]
        raise TargetError(
            f"target {target!r}: module {module!r} has no {attribute!r}{_suggest_name(attribute, names)}; "
            "name a Backend, or a function that makes one from a device"
        ) from error
    return found


def _make_backend(target: str, found: Any, device: str | None) -> Backend:
    if isinstance(found, Backend):
        if device is not None and device != found.description.device:
            raise TargetError(
                f"target {target!r} runs on {found.description.device} only, not on {device!r}; drop --device"
            )
        return found
    if callable(found):
        try:
            made = found() if device is None else found(device)
        except (BackendUnavailable, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise TargetError(
                f"target {target!r}: making the backend raised {describe_raised(error)}; "
                "raise lstm_spec.BackendUnavailable if it cannot be used here"
            ) from error
        if isinstance(made, Backend):
            return made
        found = made
    raise TargetError(
        f"target {target!r} is of type {type(found).__name__}, expected an lstm_spec.Backend "
        "or a function that makes one; wrap it with lstm_spec.from_packed"
    )


def _suggest_name(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, 1) or [other for other in names if name and other.startswith(name)]
    return f", did you mean {close[0]!r}?" if close else ""
