"""What somebody gave where a Backend is expected, and what helps: a function, a network of a framework, a name."""

import reprlib
from collections.abc import Callable
from importlib.metadata import entry_points
from inspect import Parameter, Signature, signature
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from lstm_spec.contract import Backend, Implementation
from lstm_spec.frameworks import ADAPTERS

GROUP = "lstm_spec.backends"  # of the entry points of installed backends
EXPECTED = "expected an lstm_spec.Backend"
UNNAMED = "function"
WRITE_PACKED = "write a function (x, h, c, W, U, b_input, b_recurrent) of NumPy arrays that"
NETWORKS = {  # by the first name of a base class's module: what such a base class is, and the form of its arrays
    "torch": ("Module", "a torch.nn.Module", ""),
    "keras": ("Layer", "a Keras layer", ", biases=1, batch_first=True, transposed=True"),
    "tensorflow": ("Module", "a TensorFlow module", ", biases=1, batch_first=True, transposed=True"),
    "flax": ("Module", "a Flax module", ""),
    "haiku": ("Module", "a Haiku module", ""),
    "equinox": ("Module", "an Equinox module", ""),
    "mlx": ("Module", "an MLX module", ""),
    "paddle": ("Layer", "a Paddle layer", ""),
}
BY_NUMBER = {  # of arguments: what such a function may be, and how it becomes part of a Backend
    1: ("a Problem", "write BACKEND = Backend({name!r}, {name})"),
    2: ("a Problem and Cotangents", "give it to a Backend after its forward: Backend(name, forward, {name})"),
    6: ("x, h, c, W, U and one bias", "write BACKEND = from_packed({name}, biases=1)"),
    7: ("x, h, c, W, U and two biases", "write BACKEND = from_packed({name})"),
    9: ("x, h, c, W, U, b, dy, dh and dc", "write BACKEND = from_packed(forward, {name}, biases=1)"),
    10: ("x, h, c, W, U, two biases, dy, dh and dc", "write BACKEND = from_packed(forward, {name})"),
}


def explain_no_backend(found: Any) -> str:
    """What an object is that is no Backend, what was expected, and the remedy: "is ..., expected ...; ..."."""
    if isinstance(found, str):
        return f"is the text {reprlib.repr(found)}, {EXPECTED}; {_describe_import(found)}"
    if isinstance(found, ModuleType):
        return f"is the module {found.__name__!r}, {EXPECTED}; {_describe_module(found)}"
    if isinstance(found, type) and issubclass(found, Backend):
        return f"is the class {found.__name__}, {EXPECTED}; make one: BACKEND = {found.__name__}(name, forward)"
    if network := find_network(found):
        what, form = network
        which = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
        if adapter := find_adapter(found):
            name = found.__name__ if isinstance(found, type) else "module"
            remedy = f"write {adapter}: before its name on the command line, or BACKEND = from_{adapter}({name})"
            return f"is {which}, {what}, {EXPECTED}; {remedy}"
        remedy = f"{WRITE_PACKED} gives it the weights and runs it, and wrap that: from_packed(function{form})"
        return f"is {which}, {what}, {EXPECTED}; {remedy}"
    if isinstance(found, type):
        return f"is the class {found.__name__}, {EXPECTED}; {WRITE_PACKED} runs it, and wrap that with from_packed"
    names = list_needed_arguments(found)
    if names is not None:
        return f"is {_describe_signature(found, names)}, {EXPECTED}; {_describe_wrapping(found, names)}"
    what = "None" if found is None else f"of type {type(found).__name__}"
    return f"is {what}, {EXPECTED} or a function that makes one; from_packed(function) makes one"


def find_network(found: Any) -> tuple[str, str] | None:
    """What kind of a framework's network an object or a class is, and options of `from_packed`; None if it is none."""
    framework = _find_framework(found)
    return NETWORKS[framework][1:] if framework else None


def find_adapter(found: Any) -> str:
    """The prefix of the adapter for such an object or a class; "" if there is none."""
    framework = _find_framework(found)
    return framework if framework in ADAPTERS else ""


def _find_framework(found: Any) -> str:
    for base in (found if isinstance(found, type) else type(found)).__mro__:
        framework = str(base.__module__).partition(".")[0]
        if framework in NETWORKS and base.__name__ == NETWORKS[framework][0]:
            return framework
    return ""


def list_needed_arguments(function: Any) -> list[str] | None:
    """The names of the arguments without which a function cannot be called; None if that is not known."""
    known = _read_signature(function)
    if known is None:
        return None
    parameters = known.parameters.values()
    optional = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is Parameter.empty and p.kind not in optional]


def explain_wrong_call(function: Callable[..., Any], given: tuple[str, ...]) -> str:
    """What a function needs other than these arguments, in order: "is ..., but is given ..."; empty if they fit."""
    known = _read_signature(function)
    try:
        if known is not None:
            known.bind(*given)
    except TypeError:
        needed = [known.parameters[name] for name in list_needed_arguments(function) or []] if known else []
        names = [f"{p.name}=" if p.kind is Parameter.KEYWORD_ONLY else p.name for p in needed]
        return f"is {_describe_signature(function, names)}, but is given {len(given)}: {', '.join(given)}"
    return ""


def _read_signature(function: Any) -> Signature | None:
    """The arguments that a function itself takes; None if they are not known, e.g. of one that is compiled.

    Those of what it wraps, or that it claims for itself, may be others.
    """
    try:
        if not callable(function) or getattr(function, "__signature__", None) is not None:
            return None
        return signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def _describe_import(text: str) -> str:
    """How to get at what a text names in Python."""
    module, _, name = text.partition(":")
    for entry in entry_points(group=GROUP):
        if entry.name == text:
            module, name = entry.module, entry.attr
    module = module.removesuffix(".py")
    if name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return f"pass what it names: from {module} import {name}"
    return "import what it names and pass that"


def _describe_module(module: ModuleType) -> str:
    names = list_backends(module)
    return f"name what is in it: {', '.join(names)}" if names else "there is none in it; make one with from_packed"


def list_backends(module: ModuleType) -> list[str]:
    """The names of the Backends in a module, each of them once."""
    found = {
        id(value): name for name, value in reversed(vars(module).items()) if isinstance(value, Backend | Implementation)
    }
    return sorted(found.values())


def _describe_signature(function: Any, names: list[str]) -> str:
    shown = ", ".join(names) if len(names) < 12 else f"{len(names)} arguments"
    if isinstance(function, FunctionType | MethodType | BuiltinFunctionType):
        return f"the function {_name_function(function).replace(UNNAMED, '')}({shown})"
    if isinstance(function, type):
        return f"the class {_name_function(function)}({shown})"
    return f"of type {type(function).__name__}, which is called with ({shown})"


def _describe_wrapping(function: Any, names: list[str]) -> str:
    name = _name_function(function)
    if names in ([], ["device"]):
        return f"call it: {name}({', '.join(map(repr, ['cpu'][: len(names)]))})"
    what, how = BY_NUMBER.get(len(names), ("", ""))
    if what:
        return f"if it takes {what}, {how.format(name=name)}"
    return f"{WRITE_PACKED} calls it, and wrap that with from_packed"


def _name_function(function: Any) -> str:
    """A name under which a function may stand in code."""
    name = getattr(function, "__name__", "")
    return name if isinstance(name, str) and name.isidentifier() else UNNAMED
