"""From what stands on the command line to a Backend: an entry point, an import path, a module or a known fault."""

from dataclasses import fields, replace
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from conformance.arrays import subnormals_are_kept
from conformance.targets.border import SWITCHED_OFF
from conformance.targets.locate import TargetError as TargetError
from conformance.targets.locate import (
    adapt_target,
    import_place,
    is_file,
    list_modules_here,
    pick_object,
    split_target,
    suggest_name,
)
from conformance.targets.raised import describe_raised, raise_interrupt, read_message
from conformance.text import clean_line
from lstm_spec import Backend, BackendUnavailable, Description, Implementation, make_backend
from lstm_spec.claims import check_backend
from lstm_spec.frameworks import split_adapter
from lstm_spec.remedies import EXPECTED, GROUP, explain_no_backend, find_network, list_needed_arguments


def list_installed() -> list[str]:
    """The names of the installed backends."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def is_ours(target: str) -> bool:
    """Whether the target belongs to this project: one of its backends, the reference, or a known fault."""
    entry = find_entry(target)
    module = entry.module if entry else split_target(split_adapter(target)[1])[0]
    is_fault = target.startswith("fault:")
    return is_fault or (not is_file(module) and module.partition(".")[0] in ("backends", "lstm_spec"))


def find_entry(target: str) -> EntryPoint | None:
    """The entry point of the installed backend of that name; None if there is none."""
    return next(iter(entry_points(group=GROUP, name=target)), None)


def resolve(target: str, device: str | None = None) -> Backend:
    """The backend that a target names. Raises TargetError."""
    if target.startswith("fault:"):
        if device not in (None, "cpu"):
            raise TargetError(f"target {target!r} runs on cpu only, not on {device!r}; drop --device")
        return _make_fault(target.removeprefix("fault:"))
    try:
        return _check_target(_make_backend(target, _load_target(target, device), device))
    except TargetError:
        raise
    except BackendUnavailable as error:
        raise TargetError(f"{target} is unavailable: {clean_line(read_message(error))}") from error
    except (TypeError, ValueError) as error:
        raise TargetError(f"target {target!r}: {clean_line(read_message(error))}") from error
    except BaseException as error:
        raise_interrupt(error)
        raise TargetError(f"target {target!r}: looking at it raised {describe_raised(error)}; mend that") from error


def _check_target(backend: Backend) -> Backend:
    check_backend(backend)
    if not subnormals_are_kept():
        raise ValueError(SWITCHED_OFF)
    about = backend.description
    plain = Description(**{field.name: getattr(about, field.name) for field in fields(Description)})
    return backend if type(about) is Description else replace(backend, description=plain)


def _make_fault(name: str) -> Backend:
    from conformance.faults.catalogue import FAULTS

    if name not in FAULTS:
        raise TargetError(
            f"fault {name!r} is not in the catalogue{suggest_name(name, list(FAULTS))}; see lstm-conform list faults"
        )
    return FAULTS[name].backend()


def _load_target(target: str, device: str | None) -> Any:
    if split_adapter(target)[0]:
        return adapt_target(target, device, _import_module)
    if entry := find_entry(target):
        return _import_object(target, entry.module, entry.attr)
    where, name = split_target(target)
    try:
        return _import_object(target, where, name)
    except TargetError as error:
        cause = error.__cause__
        if where != target or not (isinstance(cause, ModuleNotFoundError) and _is_within(where, cause.name)):
            raise
    names = list_installed()
    hint = suggest_name(target, names) or suggest_name(target, list_modules_here())
    raise TargetError(
        f"target {target!r} is not an installed backend ({', '.join(names)}){hint}; "
        "for one of your own write package.module:NAME or file.py:NAME"
    )


def _import_object(target: str, where: str, name: str) -> Any:
    return pick_object(target, _import_module(target, where), name)


def _import_module(target: str, where: str) -> ModuleType:
    try:
        return import_place(target, where)
    except (BackendUnavailable, TargetError):
        raise
    except BaseException as error:
        raise_interrupt(error)
        raise TargetError(
            f"target {target!r}: module {where!r} cannot be imported ({describe_raised(error)})"
            f"{_suggest_import(where, error)}"
        ) from error


def _is_within(module: str, package: str | None) -> bool:
    """Whether the module has that name, or is part of a package of that name."""
    return f"{module}.".startswith(f"{package}.")


def _suggest_import(where: str, error: BaseException) -> str:
    """What helps if that cannot be imported, as the end of a sentence."""
    if not isinstance(error, ModuleNotFoundError):
        return "; correct it there"
    if error.name and not _is_within(where, error.name):
        return f"; install {error.name}, which it needs"
    hint = suggest_name(where, list_modules_here())
    return f"{hint}; run it from the folder that holds the module, or install it"


def _make_backend(target: str, found: Any, device: str | None) -> Backend:
    found = make_backend(found) if isinstance(found, Implementation) else found
    if isinstance(found, Backend):
        if device is not None and device != found.description.device:
            raise TargetError(
                f"target {target!r} runs on {found.description.device} only, not on {device!r}; drop --device"
            )
        return found
    if target.endswith((".forward", ".gradients")):
        raise TargetError(f"target {target!r} is a part, {EXPECTED}; did you mean {target.rpartition('.')[0]!r}?")
    if not _makes_backends(found, device):
        raise TargetError(f"target {target!r} {clean_line(explain_no_backend(found))}")
    try:
        made = found() if device is None else found(device)
    except BackendUnavailable:
        raise
    except BaseException as error:
        raise_interrupt(error)
        raise TargetError(
            f"target {target!r}: making the backend raised {describe_raised(error)}; "
            "raise lstm_spec.BackendUnavailable if it cannot be used here"
        ) from error
    made = make_backend(made) if isinstance(made, Implementation) else made
    if isinstance(made, Backend):
        return made
    raise TargetError(f"target {target!r} makes something that {clean_line(explain_no_backend(made))}")


def _makes_backends(found: Any, device: str | None) -> bool:
    """Whether it may be a function from a device, or from nothing, to a Backend: it can be called like one."""
    if not callable(found) or find_network(found) or (isinstance(found, type) and issubclass(found, Backend)):
        return False
    needed = list_needed_arguments(found)
    return not needed or (device is not None and len(needed) == 1)
