"""What a layer of Keras offers: what it takes, or does when it is asked once."""

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import keras

from lstm_spec.adapters.forms import draw_problem
from lstm_spec.adapters.keras.module import KerasModule
from lstm_spec.adapters.keras.plan import Plan, make_layer
from lstm_spec.adapters.search import B, H, I, T
from lstm_spec.contract import Description
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Direction, Feature

ALWAYS = frozenset({Feature.DETERMINISTIC, Feature.SAVED, Feature.TIED, Feature.TRAINING})
OF_RNN = {Feature.STATEFUL: "stateful", Feature.REVERSE: "go_backwards", Feature.LENGTHS: "zero_output_for_mask"}
OF_CELL = frozenset({Feature.OMITS_STATE})  # of keras.layers.RNN, whose masks and directions are not the cell's
BOTH: tuple[Direction, ...] = ("forward", "reverse")


def describe_plan(plan: Plan, layout: Layout) -> Description:
    """Everything that its class takes, or one of it was seen to do."""
    backend, accepts = keras.backend.backend(), plan.maker.accepts
    features = set(ALWAYS) | ({Feature.OMITS_BIAS} if accepts("use_bias") else set())
    features |= {Feature.GRADIENTS} if backend in ("jax", "torch", "tensorflow") else set()
    if plan.style is None:
        features |= {feature for feature, argument in OF_RNN.items() if accepts(argument)} | {Feature.OMITS_STATE}
        features |= {Feature.BIDIRECTIONAL} if _can_read_both_ways(plan) else set()
    elif plan.style.is_cell:
        features |= OF_CELL
    elif _answers(plan, layout, without_state=True):
        features.add(Feature.OMITS_STATE)
    if _works(lambda: copy.deepcopy(_build(plan, layout).layer)):
        features.add(Feature.COPIED)
    dtypes: tuple[str, ...] = ("float32",)
    if backend != "jax" and _answers(
        plan._replace(dtype="float64"), layout
    ):  # there, keras.ops.tanh is never of float64
        dtypes = ("float32", "float64")
    version = f"{keras.__version__} on {backend}"
    return Description(version, "cpu", dtypes, frozenset(features), compiles=backend == "jax")


def _works(ask: Callable[[], Any]) -> bool:
    with suppress(Exception):
        ask()
        return True
    return False


def _build(plan: Plan, layout: Layout) -> KerasModule:
    return KerasModule(plan, layout, draw_problem(T, B, I, H, plan.dtype).parameters)


def _answers(plan: Plan, layout: Layout, without_state: bool = False) -> bool:
    """Whether it gives an answer of its own dtype."""
    problem = draw_problem(T, B, I, H, plan.dtype)
    with suppress(Exception):
        answer = _build(plan, layout).forward(problem.x, None if without_state else problem.state)
        return answer.y.dtype == problem.x.dtype and answer.state.c.dtype == problem.x.dtype
    return False


def _can_read_both_ways(plan: Plan) -> bool:
    """Whether keras.layers.Bidirectional can copy it."""
    return plan.maker.accepts("go_backwards") and _works(lambda: make_layer(plan._replace(directions=BOTH)))
