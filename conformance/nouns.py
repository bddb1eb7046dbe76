"""The nouns of the specification taken apart into arrays, and put together again."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from lstm_spec import (
    Activations,
    Answer,
    Cotangents,
    Gate,
    Gradients,
    Parameters,
    Problem,
    State,
)
from lstm_spec.modules.sessions import Call, Session
from lstm_spec.types import Array, Variant

Tensors = dict[str, Array]
Form = Any  # JSON: the name of a tensor, null, [noun, part, ...], {"plain": value}, {"module": ..., "name": ...}
NOUNS = {
    noun.__name__: noun
    for noun in (Problem, Variant, Activations, Parameters, Gate, State, Cotangents, Answer, Gradients, Call, Session)
}
UNNAMED = {(Problem, "parameters"), (Gradients, "parameters"), (Cotangents, "state")}  # i.W, not parameters.i.W
OTHERS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "list": list,
    "scalar": lambda parts: parts[0].reshape(())[()],
}
LABELS: dict[Any, list[tuple[str, str]]] = {
    noun: [(part, "" if (noun, part) in UNNAMED else f".{part}") for part in noun.__match_args__]
    for noun in NOUNS.values()
}


def take_apart(value: Any, name: str, tensors: Tensors) -> Form:
    """How a noun is made of arrays, which go into `tensors`; of other objects only the type."""
    if isinstance(value, np.ndarray):
        tensors[name] = np.asarray(value)
        return name
    if value is None:
        return None
    if noun := _find_noun(value.__class__):
        parts = [take_apart(getattr(value, part), name + label, tensors) for part, label in LABELS[noun]]
        return [noun.__name__, *parts]
    if isinstance(value, tuple | list):
        parts = [take_apart(part, f"{name}.{k}" if len(value) > 1 else name, tensors) for k, part in enumerate(value)]
        return ["list" if isinstance(value, list) else "tuple", *parts]
    if isinstance(value, np.generic):
        return ["scalar", take_apart(np.asarray(value), name, tensors)]
    if type(value) in (str, int, float, bool):
        return {"plain": value}
    return {"module": type(value).__module__, "name": type(value).__name__}


@lru_cache(256)
def _find_noun(kind: type) -> Any:
    """The noun of the specification that a type is, or is made from."""
    return next((noun for noun in LABELS if issubclass(kind, noun)), None)


Known = dict[tuple[Any, ...], Any]  # nouns by what they are made of
PLAIN = (str, int, float)


def put_together(form: Form, tensors: Tensors, known: Known | None = None) -> Any:
    """The noun again; another object becomes one whose type has the same name.

    What is among those known, because it was made of the same parts before, is the same object again.
    """
    if form is None:
        return None
    if isinstance(form, str):
        return tensors[form]
    if isinstance(form, dict):
        return form["plain"] if "plain" in form else type(form["name"], (), {"__module__": form["module"]})()
    parts = [put_together(part, tensors, known) for part in form[1:]]
    if known is None:
        return _make_noun(form[0], parts)
    key = (form[0], *(repr(part) if part is None or isinstance(part, PLAIN) else id(part) for part in parts))
    if key not in known:
        known[key] = _make_noun(form[0], parts)
    return known[key]


def _make_noun(name: str, parts: list[Any]) -> Any:
    return OTHERS[name](parts) if name in OTHERS else NOUNS[name](*parts)


def forget_nouns(known: Known, arrays: Iterable[Array]) -> None:
    """Drop the nouns that are made of these arrays."""
    gone = set(map(id, arrays))
    if not gone:
        return
    for key, noun in list(known.items()):  # what a noun is made of stands before it
        if not gone.isdisjoint(key):
            gone.add(id(noun))
            del known[key]


def name_all_arrays(**nouns: Any) -> Tensors:
    """Every array of these nouns by its name, which begins with the name that the noun is given here."""
    arrays: Tensors = {}
    for name, noun in nouns.items():
        take_apart(noun, name, arrays)
    return arrays


def change_all_arrays(change: Callable[[Tensors], Tensors], **nouns: Any) -> list[Any]:
    """The nouns with all their arrays changed at once; the names are those of `name_all_arrays`."""
    arrays: Tensors = {}
    forms = [take_apart(noun, name, arrays) for name, noun in nouns.items()]
    changed = change(arrays)
    return [put_together(form, changed) for form in forms]
