"""How somebody's LSTM is called: as a sequence or as a cell, with h and c somewhere."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from inspect import Parameter, signature
from itertools import product
from typing import Any, NamedTuple

from lstm_spec.adapters.search import Unusable

Three = tuple[Any, Any, Any]  # y, h and c
BESIDE = ("mask", "train", "training", "deterministic", "key", "rng", "rngs")  # a state


class Style(NamedTuple):
    """How it takes and returns its arrays, one of h and c of each sample."""

    is_cell: bool = False  # it does one step
    batch_first: bool = False
    is_single: bool = False  # it reads one sample, without an axis for the batch
    state_first: bool = False  # it takes (state, x)
    is_pair: bool = True  # h and c are one argument
    c_first: bool = False  # c comes before h
    is_stacked: bool = False  # h is (1, B, H)
    names: tuple[str, ...] = ()  # of all but the first argument, if they are passed by name
    lengths: str = ""  # the name of the argument that takes them, or "packed"

    def call(self, function: Callable[..., Any], x: Any, h: Any, c: Any, **more: Any) -> Any:
        """What the function returns for these, and for what it is given by name. Without a state there is only x."""
        if h is None:
            return function(x, **more)
        states = self.arrange(*((a[None] for a in (h, c)) if self.is_stacked else (h, c)))
        given = [states] if self.is_pair else list(states)
        first, *rest = [*given, x] if self.state_first else [x, *given]
        if self.names:
            more, rest = more | dict(zip(self.names, rest, strict=False)), []
        return function(first, *rest, **more)

    def arrange(self, h: Any, c: Any) -> tuple[Any, Any]:
        """h and c in its order, or back."""
        return (c, h) if self.c_first else (h, c)

    def split_result(self, result: Any) -> Three:
        """y, h and c of what it returned. Raises Unusable if they are not in it."""
        match _list_fields(result):
            case [[_, _] as states, y] | [y, [_, _] as states]:
                h, c = self.arrange(*states)
            case [y, first, second]:
                h, c = self.arrange(first, second)
            case [first, second] if self.is_cell:
                h, c = self.arrange(first, second)
                y = h
            case [first, second] if not self.is_stacked and _are_alike(first, second):  # of every step
                y, cells = self.arrange(first, second)
                h, c = (a[:, -1] if self.batch_first and not self.is_single else a[-1] for a in (y, cells))
            case _:
                wanted = "(h, c)" if self.is_cell else "(y, (h, c))"
                raise Unusable(f"it returned {describe_result(result)}, expected {wanted}")
        return (y, h[0], c[0]) if self.is_stacked else (y, h, c)


def _list_fields(result: Any) -> Any:
    """What a dictionary or a dataclass holds, in its order; anything else as it is."""
    if isinstance(result, Mapping):
        return tuple(map(_list_fields, result.values()))
    if is_dataclass(result) and not isinstance(result, type):
        return tuple(_list_fields(getattr(result, each.name)) for each in fields(result))
    return result


def _are_alike(first: Any, second: Any) -> bool:
    return hasattr(first, "shape") and hasattr(second, "shape") and first.shape == second.shape


def list_styles(call: Any, usual: Style, name: str, advice: str, may_be_single: bool = False) -> list[Style]:
    """The styles that a method or function may have, the usual one first.

    Raises Unusable, with the name of the LSTM and the advice, if it takes no state.
    """
    others, are_apart = _list_others(call)
    if others is not None and not others:
        why = "it takes x and no state, expected an initial state beside it, which every problem has"
        raise Unusable(f"{name} cannot be used: {why}; {advice}")
    pairs = (True,) if others is not None and len(others) == 1 else (True, False)
    singles, both = (False, True) if may_be_single else (False,), (False, True)
    sequences = product((False,), both, singles, both, pairs, both, both)
    cells = product((True,), (False,), singles, both, pairs, both, (False,))
    names = tuple(others) if others and are_apart else ()
    found = [Style(*flags, names) for flags in (*sequences, *cells)]
    return sorted(found, key=lambda style: sum(a != b for a, b in zip(style, usual, strict=True)))


def _list_others(call: Any) -> tuple[list[str] | None, bool]:
    """The names of what may be a state beside x, None if they are not known; and whether they are passed by name."""
    try:
        found = list(signature(call).parameters.values())
    except (TypeError, ValueError):
        return None, False
    if any(p.kind is Parameter.VAR_POSITIONAL for p in found):
        return None, False
    named = [p.name for p in found if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    others = _list_states(named[1:])
    if not others and (others := _list_states([p.name for p in found if p.kind is Parameter.KEYWORD_ONLY])):
        return others, True
    return others, others != named[1 : len(others) + 1]


def _list_states(names: list[str]) -> list[str]:
    return [name for name in names if name not in BESIDE and "len" not in name.lower()]


def find_lengths(call: Any) -> str:
    """The name of its argument that takes lengths; empty if there is none, or if its arguments are not known."""
    with suppress(TypeError, ValueError):
        return next((name for name in [*signature(call).parameters][1:] if "len" in name.lower()), "")
    return ""


def describe_result(result: Any) -> str:
    """What was returned, with arrays by their shapes."""
    if isinstance(result, tuple | list):
        return f"({', '.join(map(describe_result, result))})"
    shape = getattr(result, "shape", None)
    if shape is None:
        return f"a {type(result).__name__}"
    return f"{'a tensor' if type(result).__name__.endswith('Tensor') else 'an array'} of shape {tuple(shape)}"
