"""How an LSTM is called and where its weights lie, found by asking it small questions."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

import numpy as np

from lstm_spec.adapters.forms import NEAR, draw_problem, find_nearest_form
from lstm_spec.adapters.tensors import list_layouts, recognise_other
from lstm_spec.layouts.fitting import tensors_of
from lstm_spec.layouts.table import Layout
from lstm_spec.types import GATES, Answer, Problem

T, B, I, H = 4, 3, 7, 5  # of the problems that are asked to find out
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
S = TypeVar("S")
Size = tuple[int, int]  # I and H
Shapes = Mapping[str, tuple[int, ...]]
Ask = Callable[[Problem, tuple[S, Layout]], Answer]


class Unusable(TypeError):
    """An LSTM takes or returns something else than it should; the text says what."""


def find_plan(
    ask: Ask[S], styles: Iterable[S], layouts: Mapping[Size, list[Layout]], name: str, advice: str
) -> tuple[S, Layout, Size]:
    """The style and the layout in which it answers like the equations, and its sizes.

    If there are none, those in which its last states are those of the equations, or else in which its outputs come
    nearest. Raises Unusable, with its name and the advice, if no style does.
    """
    errors, best = list[Exception](), list[tuple[float, S, Layout, Size]]()
    by_states = list[tuple[S, Layout, Size]]()
    for style in styles:
        for size, fitting in layouts.items():
            problem = draw_problem(T, B, *size)
            if not _is_usable(ask, style, fitting[0], problem, advice, errors):
                continue
            nearest = find_nearest_form(partial(_ask_in, ask, style), fitting, problem)
            best.append((nearest.distance, style, nearest.form, size))
            by_states += [(style, nearest.by_states, size)] if nearest.distance_of_states < NEAR else []
            if nearest.distance < NEAR:
                return best[-1][1:]
    if not best:
        raise Unusable(explain_errors(name, errors, advice))
    return by_states[0] if by_states else min(best, key=lambda each: each[0])[1:]


def _ask_in(ask: Ask[S], style: S, problem: Problem, layout: Layout) -> Answer:
    return ask(problem, (style, layout))


def find_shapes(read: Callable[[S], Shapes], styles: Iterable[S], name: str, advice: str) -> Shapes:
    """The shapes of its parameters by name, read in the first style in which it can be built. Raises Unusable."""
    errors = list[Exception]()
    for style in styles:
        try:
            return read(style)
        except Exception as error:
            errors.append(error)
    raise Unusable(explain_errors(name, errors, advice))


def list_candidates(name: str, shapes: Shapes, known: Layout | None, remedy: str) -> dict[Size, list[Layout]]:
    """The layouts that an LSTM of I inputs and H cells may have: the known one if its tensors have those names.

    Otherwise all that fit the shapes, in the order of the known one. Raises TypeError if there is none.
    """
    if known is not None and set(tensors_of(known)) >= set(shapes):
        return {(I, H): [known]}
    found = list_layouts(shapes, I, H)
    if not found:
        remedy = find_what_is_other(shapes, I, H) or remedy
        raise TypeError(
            f"{name} has the parameters {list_parameters(shapes)}, expected weights and a bias for four gates of {I}"
            f" inputs and {H} cells and nothing else; {remedy}"
        )
    return {(I, H): [layout for layout in found if known is None or layout.order == known.order]}


def find_what_is_other(shapes: Shapes, I: int, H: int) -> str:
    """What is known of parameters that fit no LSTM of these sizes, in a sentence; empty if nothing is."""
    if other := recognise_other(shapes, I, H):
        return f"they look like {other}; name an LSTM"
    biases = ({"b": (4 * H,)}, {f"b_{gate}": (H,) for gate in GATES})
    if any(list_layouts({**shapes, **b}, I, H) for b in biases):
        return "the equations have a bias: build it with one"
    return ""


def list_parameters(shapes: Shapes) -> str:
    """The names and shapes of an LSTM's parameters in a sentence."""
    return ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:8]) or "none"


def explain_errors(name: str, errors: list[Exception], advice: str) -> str:
    """Why it cannot be called, given what came of all ways that were tried, and what helps."""
    ours = [str(error) for error in errors if isinstance(error, Unusable)]
    if ours:
        return f"{name} cannot be used: {ours[0]}" + ("" if advice in ours[0] else f"; {advice}")
    text = summarize_error(errors[0])
    return f"{name} raised {type(errors[0]).__name__} ({text}), expected an answer; mend that, or {advice}"


def summarize_error(error: Exception) -> str:
    """The line of its message that says most, without colours."""
    lines = [COLOURS.sub("", line).strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return (told or [""])[0]


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
