"""From an import path, `module:NAME` or `file.py:NAME`, to what it names, or with an adapter to an Implementation.

Needs the standard library and lstm_spec only, for the script beside a case uses it, too.
"""

import difflib
import importlib
import os
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from lstm_spec import Implementation
from lstm_spec.frameworks import ADAPTERS, adapt, require_library, split_adapter
from lstm_spec.remedies import explain_no_backend, find_adapter, list_backends


class TargetError(Exception):
    """The target cannot be found, imported or used; the message is one sentence with the remedy."""


def split_target(target: str) -> tuple[str, str]:
    """The module or the file that an import path names, and the name of what is in it; empty if there is none."""
    where, _, name = target.rpartition(":")
    if not where or is_file(name):  # no colon, or one that belongs to the file
        return (target.rstrip(":"), "") if not target.startswith(":") else ("", target[1:])
    return where, name


def find_home(target: str) -> str:
    """The working folder, from which a target is found. Raises TargetError if it is gone."""
    try:
        return os.getcwd()
    except OSError as error:
        reason = f"the working folder cannot be used ({error.strerror}); change to one that exists"
        raise TargetError(f"target {target!r}: {reason}") from None


def is_file(where: str) -> bool:
    """Whether this is written like a file or a folder, and not like a module."""
    return where.endswith(".py") or where.startswith(("~", ".")) or os.sep in where or os.path.isfile(where)


def import_place(target: str, where: str) -> ModuleType:
    """The module of that name, or in that file or folder.

    Raises TargetError if there is no such file, and whatever the import raises.
    """
    if not where:
        raise TargetError(
            f"target {target!r} names no module; write the name of a backend, module:NAME or file.py:NAME"
        )
    home = find_home(target)
    if home not in sys.path and "" not in sys.path:
        sys.path.append(home)
    if is_file(where):
        return import_file(target, Path(where))
    module = importlib.import_module(where)
    folders = getattr(module, "__path__", ())
    if folders and getattr(module, "__file__", None) is None:
        _require_python(target, Path(next(iter(folders))))  # a folder that is no package: Python imports it empty
    return module


def import_file(target: str, path: Path) -> ModuleType:
    """The module in a file, or the package in a folder; its own folder is added to `sys.path`, at the end.

    Raises TargetError if there is none, and whatever the import raises.
    """
    try:
        path = path.expanduser().absolute()
    except RuntimeError as error:
        raise TargetError(f"target {target!r}: {error}; write the whole path") from None
    _require_python(target, path)
    path = Path(os.path.normpath(path))
    file = path / "__init__.py" if path.is_dir() else path
    parts, folder = [path.stem] if path.is_file() else [path.name], path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts, folder = [folder.name, *parts], folder.parent
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    name = ".".join(parts)
    if all(part.isidentifier() for part in parts):
        spec = find_spec(name)
        if spec and spec.origin and os.path.realpath(spec.origin) == os.path.realpath(file):
            return importlib.import_module(name)
    return _import_beside(file, name)


def _import_beside(file: Path, name: str) -> ModuleType:
    """The module in a file whose name is no name of a module, or that of another module."""
    name = re.sub(r"\W", "_", f"{name} in {file.parent}")
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _require_python(target: str, path: Path) -> None:
    """Raises TargetError unless that is a Python file, or a folder that is a package."""
    if path.is_dir() and not (path / "__init__.py").is_file():
        names = sorted(file.name for file in path.glob("*.py"))
        remedy = f"name a file in it: {', '.join(names[:5])}" if names else "name a file with a Backend in it"
        raise TargetError(f"target {target!r}: {path} is a folder without an __init__.py; {remedy}")
    if not path.exists():
        names, module = [file.name for file in path.parent.glob("*.py")], path.name.removesuffix(".py")
        is_module = target.startswith(f"{module}.py") and _is_module(module)
        hint = f", did you mean {module!r}?" if is_module else suggest_name(path.name, names)
        raise TargetError(f"target {target!r}: there is no file {path}{hint}; write file.py:NAME or module:NAME")
    if path.is_file() and path.suffix != ".py":
        raise TargetError(
            f"target {target!r}: {path} is no Python file; name a file.py in which from_packed makes a Backend of it"
        )


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def pick_object(target: str, module: ModuleType, name: str) -> Any:
    """What has that name in the module; without a name, the only Backend in it. Raises TargetError if there is none."""
    if not name:
        return _pick_only_backend(target, module)
    return pick_named(
        target, module, name, list_backends(module), "a Backend, or a function that makes one from a device"
    )


def pick_named(target: str, module: ModuleType, name: str, known: list[str], wanted: str) -> Any:
    """What has that name in the module. Raises TargetError, with the names that are known, if there is none."""
    found: Any = module
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        names = [other for other in dir(found) if not other.startswith("_")]
        hint = suggest_name(part, names)
        hint = hint or (f"; it has {', '.join(known)}" if known else "")
        raise TargetError(
            f"target {target!r}: module {module.__name__!r} has no {name!r}{hint}; name {wanted}"
        ) from error
    return found


def _pick_only_backend(target: str, module: ModuleType) -> Any:
    names, where = list_backends(module), target.rstrip(":")
    if len(names) == 1:
        return getattr(module, names[0])
    if names:
        listed = ", ".join(f"{where}:{name}" for name in names[:5])
        raise TargetError(f"target {target!r} has {len(names)} Backends in it; name one of them: {listed}")
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    functions = [value for value in own if callable(value)]
    if len(functions) == 1:
        raise TargetError(f"target {target!r} has no Backend in it; what it has {explain_no_backend(functions[0])}")
    raise TargetError(
        f"target {target!r} has no Backend in it; make one, BACKEND = from_packed(function), "
        f"or name a function that makes one: {where}:NAME"
    )


def list_modules_here() -> list[str]:
    """The names of the modules and the folders in the working directory."""
    return [path.stem for path in Path().iterdir() if path.suffix == ".py" or path.is_dir()]


def suggest_name(name: str, names: list[str]) -> str:
    """What was probably meant, as the end of a sentence; empty if nothing is like it."""
    close = difflib.get_close_matches(name, names, 1) or [other for other in names if name and other.startswith(name)]
    return f", did you mean {close[0]!r}?" if close else ""


# ---------------------------------------------------------------- modules of a framework


def adapt_target(
    target: str, device: str | None, find_module: Callable[[str, str], ModuleType] = import_place
) -> Implementation:
    """The Implementation of a target with the prefix of an adapter. `find_module` is as `import_place`.

    Raises TargetError, BackendUnavailable without the library, and whatever the adapter raises.
    """
    prefix, rest = split_adapter(target)
    require_library(prefix)
    if ADAPTERS[prefix].is_file:
        where, node = _split_file(rest)
        return adapt(prefix, where, Path(where).stem, device, **({"node": node} if node else {}))
    where, name = split_target(rest)
    module = find_module(target, where)
    names = _list_networks(module, prefix)
    name = name or _choose_only(target, names, prefix)
    found = pick_named(target, module, name, names, "a class, a function that makes one, or one that is ready")
    return adapt(prefix, found, name.rpartition(".")[2], device)


def _split_file(rest: str) -> tuple[str, str]:
    """The file, and what is named in it; empty if that is nothing."""
    for k in (k for k, letter in enumerate(rest) if letter == ":" and not Path(rest).is_file()):
        if Path(rest[:k]).is_file():
            return rest[:k], rest[k + 1 :]
    return rest, ""


def _list_networks(module: ModuleType, prefix: str) -> list[str]:
    """The names of the framework's classes that are written there."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return [name for name, value in own.items() if isinstance(value, type) and find_adapter(value) == prefix]


def _choose_only(target: str, names: list[str], prefix: str) -> str:
    """The only name. Raises TargetError if there are others, or none."""
    if len(names) == 1:
        return names[0]
    where = target.rstrip(":")
    if names:
        listed = ", ".join(f"{where}:{name}" for name in names[:5])
        raise TargetError(f"target {target!r} has {len(names)} modules of {prefix} in it; name one of them: {listed}")
    raise TargetError(f"target {target!r} has no module of {prefix} in it; name what makes one: {where}:NAME")
