"""What a layer of Keras is, found by asking it small questions, and the modules that are made of it."""

import warnings
from functools import cache
from typing import Any

import keras

from lstm_spec.adapters.forms import draw_problem
from lstm_spec.adapters.keras.module import KerasModule
from lstm_spec.adapters.keras.offers import describe_plan
from lstm_spec.adapters.keras.plan import Plan, make_layer, make_own, name_variables
from lstm_spec.adapters.making import find_maker, make_first
from lstm_spec.adapters.search import H, I, Shapes, find_plan, find_shapes, list_candidates
from lstm_spec.adapters.styles import Style, list_styles
from lstm_spec.adapters.weights import has_biases
from lstm_spec.contract import BackendUnavailable, Description, Implementation, Rows
from lstm_spec.layouts.fitting import find_layout
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Answer, Direction, Problem, Variant

SIGNATURE = (
    "write call(self, x, initial_state=None) that returns y, h and c, where initial_state is [h, c]; or a cell, whose"
    " call(self, x, states) returns h, [h, c]"
)
REMEDY = "name the LSTM in it, or a function that makes that"


def adapt_layer(
    make: Any, name: str | None, layout: str | Layout | None, device: str, description: Description | None
) -> Implementation:
    """As `from_keras`, with keras there."""
    if device != "cpu":
        raise BackendUnavailable(f"device is {device!r}, expected cpu", "the backend of Keras chooses its own")
    maker = find_maker(make or keras.layers.LSTM, name, "H")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of every way to call it that fails
        plan, found = _find_form(Plan(maker, I, H, "float32"), layout)
        about = description or describe_plan(plan, found)

    def build(rows: Rows, variant: Variant, directions: tuple[Direction, ...]) -> KerasModule:
        W = rows[0][0].g.W
        own = plan._replace(I=W.shape[1], H=W.shape[0], dtype=W.dtype.name, biases=has_biases(rows))
        return KerasModule(own._replace(directions=directions, activations=variant.activations), found, rows)

    return Implementation(maker.name, build, about)


def _find_form(plan: Plan, layout: str | Layout | None) -> tuple[Plan, Layout]:
    """The plan with its style, and where its weights lie. Raises TypeError for what is no LSTM."""
    name, made = plan.maker.name, make_first(plan.maker, lambda: make_own(plan), "a layer")
    is_own = isinstance(made, keras.layers.LSTM | keras.layers.LSTMCell)
    known = find_layout(layout) if layout else LAYOUTS["keras"] if is_own else None
    styles = _list_styles(made, name)

    def read_shapes(style: Style | None) -> Shapes:
        variables = name_variables(make_layer(plan._replace(style=style)))
        return {name: tuple(v.shape) for name, v in variables.items()}

    layouts = list_candidates(name, find_shapes(read_shapes, styles, name, SIGNATURE), known, REMEDY)
    first, rows = next(iter(layouts.values()))[0], draw_problem(1, 1, I, H).parameters

    @cache
    def build(style: Style | None) -> KerasModule:
        return KerasModule(plan._replace(style=style), first, rows)

    def ask(problem: Problem, form: tuple[Style | None, Layout]) -> Answer:
        module = build(form[0])
        module.layout = form[1]
        module.load(problem.parameters)
        return module.forward(problem.x, problem.state)

    style, found, _ = find_plan(ask, styles, layouts, name, SIGNATURE)
    return plan._replace(style=style), found


def _list_styles(made: Any, name: str) -> list[Style | None]:
    """The styles that a layer may have; None if it is a keras.layers.RNN."""
    if isinstance(made, keras.layers.RNN):
        return [None]
    is_cell = getattr(made, "state_size", None) is not None
    styles = list_styles(made.call, Style(is_cell=is_cell, batch_first=not is_cell), name, SIGNATURE)
    return [style for style in styles if style.is_cell or not is_cell]
