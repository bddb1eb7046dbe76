"""On jax, a layer is a pure function of its variables, compiled once for each way in which layers are made.

A layer with a loop of its own is compiled for few steps only: for 60 XLA takes a minute, for 131 gigabytes.
"""

from contextlib import AbstractContextManager
from functools import cache, partial
from typing import Any

import jax
import keras
import numpy as np

from lstm_spec.adapters.keras.calling import Given, Plain, Pulled, call_layer
from lstm_spec.adapters.keras.plan import Plan, list_layers, make_layer
from lstm_spec.types import Array

LONG = 16  # steps
compile_once = cache(make_layer)  # the layer whose function is compiled, for all that are made alike


@partial(jax.jit, static_argnums=0)
def _run(plan: Plan, weights: list[Any], rest: list[Any], x: Any, states: Any, mask: Any) -> tuple[Any, Any]:
    layer = compile_once(plan)
    changed = _list_changed(layer)
    with keras.StatelessScope(zip([*layer.trainable_variables, *changed], [*weights, *rest], strict=True)) as scope:
        found = call_layer(plan, layer, x, states, mask)  # and not stateless_call, which tells only the outermost layer
    return found, [scope.get_current_value(v) for v in changed]


@partial(jax.jit, static_argnums=0)
def _pull(
    plan: Plan, weights: list[Any], rest: list[Any], x: Any, states: Any, mask: Any, d: Any
) -> tuple[Any, tuple[Any, Any, Any]]:
    def run(weights: list[Any], x: Any, states: Any) -> Any:
        return tuple(_run.__wrapped__(plan, weights, rest, x, states, mask)[0])

    answer, pull = jax.vjp(run, weights, x, states)
    return answer, pull(tuple(d))


def _choose(compiled: Any, plan: Plan, given: Given) -> Any:
    """The function that is compiled, or what it does op by op."""
    has_loop = plan.style is not None and not plan.style.is_cell
    return compiled.__wrapped__ if has_loop and given[0].shape[1] > LONG else compiled


class OnJax(Plain):
    """Layers of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def settings(self) -> AbstractContextManager[Any]:
        """float64 only for who has it: a literal of somebody's code has the width that jax is set to."""
        return jax.enable_x64(self.plan.dtype == "float64")

    def run(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        compile_once(plan)  # outside of what is traced
        found, rest = _choose(_run, plan, given)(plan, *_list_values(layer), *given)
        for variable, value in zip(_list_changed(layer), rest, strict=True):
            variable.assign(value)
        return list(map(np.asarray, found))

    def keep(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        return self.run(plan, layer, given)

    def pull(self, plan: Plan, layer: Any, given: Given, d: list[Array]) -> Pulled:
        compile_once(plan)
        answer, (dw, dx, ds) = _choose(_pull, plan, given)(plan, *_list_values(layer), *given, d)
        return [*map(np.asarray, answer)], [*map(np.asarray, dw)], np.asarray(dx), [*map(np.asarray, ds or ())]


def _list_values(layer: Any) -> tuple[list[Any], list[Any]]:
    return [v.value for v in layer.trainable_variables], [v.value for v in _list_changed(layer)]


def _list_changed(layer: Any) -> list[Any]:
    """What a call may change; Keras 3.15.1 does not count a state that is kept among its variables."""
    kept = [state for each in list_layers(layer) if getattr(each, "stateful", False) for state in each.states]
    return list({id(v): v for v in (*layer.non_trainable_variables, *kept)}.values())
