"""How an LSTM is called and where its weights lie, found by asking it small questions."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import numpy as np

from lstm_spec.adapters.forms import draw_problem, find_form
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Answer, Problem

T, B, I, H = 4, 3, 7, 5  # of the problems that are asked to find out
S = TypeVar("S")
Size = tuple[int, int]  # I and H
Ask = Callable[[Problem, tuple[S, Layout]], Answer]


class Unusable(TypeError):
    """An LSTM takes or returns something else than it should; the text says what."""


def find_plan(
    ask: Ask[S], styles: Iterable[S], layouts: Mapping[Size, list[Layout]], name: str, advice: str
) -> tuple[S, Layout, Size]:
    """The style and the layout in which it answers like the equations, and its sizes.

    If there are none, the most usual ones that give shapes. Raises Unusable, with its name and the advice, if no style
    does.
    """
    errors, usual = list[Exception](), list[tuple[S, Layout, Size]]()
    listed = list(styles)
    for size, fitting in layouts.items():
        problem = draw_problem(T, B, *size)
        usable = [style for style in listed if _is_usable(ask, style, fitting[0], problem, advice, errors)]
        if found := find_form(ask, ((style, layout) for layout in fitting for style in usable), problem):
            return *found, size
        usual += [(style, fitting[0], size) for style in usable[:1]]
    if not usual:
        raise Unusable(_explain_errors(name, errors, advice))
    return usual[0]


def list_parameters(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The names and shapes of an LSTM's parameters in a sentence."""
    return ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:8]) or "none"


def _explain_errors(name: str, errors: list[Exception], advice: str) -> str:
    """Why it cannot be called, given what came of all ways that were tried, and what helps."""
    ours = [str(error) for error in errors if isinstance(error, Unusable)]
    if ours:
        return f"{name} cannot be used: {ours[0]}"
    text = str(errors[0]).strip().partition("\n")[0]
    return f"{name} raised {type(errors[0]).__name__} ({text}), expected an answer; mend that, or {advice}"


def _is_usable(ask: Ask[S], style: S, layout: Layout, problem: Problem, advice: str, errors: list[Exception]) -> bool:
    """Whether it gives an answer of the right shapes."""
    try:
        answer = ask(problem, (style, layout))
    except Exception as error:
        errors.append(error)
        return False
    got, wanted = (
        (a.shape, s.h.shape, s.c.shape)
        for a, s in ((answer.y, answer.state), (np.empty((*problem.x.shape[:2], problem.P)), problem.state))
    )
    if got != wanted:
        shapes = "{}, {} and {}"
        text = f"y, h and c have shapes {shapes.format(*got)}, expected {shapes.format(*wanted)}; {advice}"
        errors.append(Unusable(text))
    return got == wanted
