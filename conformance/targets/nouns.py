"""The nouns of the specification taken apart into arrays, and put together again."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from lstm_spec import (
    Answer,
    Cotangents,
    Gate,
    Gradients,
    Parameters,
    Problem,
    State,
)
from lstm_spec.types import Array, Variant

Tensors = dict[str, Array]
Form = Any  # JSON: the name of a tensor, null, [noun, part, ...], {"plain": value}, {"module": ..., "name": ...}
NOUNS = {noun.__name__: noun for noun in (Problem, Variant, Parameters, Gate, State, Cotangents, Answer, Gradients)}
UNNAMED = {(Problem, "parameters"), (Gradients, "parameters"), (Cotangents, "state")}  # i.W, not parameters.i.W
OTHERS: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "list": list, "scalar": lambda parts: parts[0][()]}
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


def put_together(form: Form, tensors: Tensors) -> Any:
    """The noun again; another object becomes one whose type has the same name."""
    if form is None:
        return None
    if isinstance(form, str):
        return tensors[form]
    if isinstance(form, dict):
        return form["plain"] if "plain" in form else type(form["name"], (), {"__module__": form["module"]})()
    parts = [put_together(part, tensors) for part in form[1:]]
    return OTHERS[form[0]](parts) if form[0] in OTHERS else NOUNS[form[0]](*parts)
