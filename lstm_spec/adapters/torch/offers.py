"""What a module offers: what it does when it is asked, once each."""

import copy
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lstm_spec.adapters.forms import draw_problem
from lstm_spec.adapters.torch.making import unwrap_compiled
from lstm_spec.adapters.torch.module import TorchModule, ask_module, build_module
from lstm_spec.adapters.torch.naming import find_number, find_turned
from lstm_spec.adapters.torch.plan import Form, Plan
from lstm_spec.contract import Description, Implementation, Shapes
from lstm_spec.types import Array, Feature, Problem, each_array

T, B, P = 4, 3, 2  # of the problems that are asked to find out
ALWAYS = {Feature.DETERMINISTIC, Feature.SAVED, Feature.TIED, Feature.TRAINING}


def describe_plan(plan: Plan, size: tuple[int, int], compile: bool, description: Description | None) -> Implementation:
    """The Implementation that builds modules as planned, with everything that one was seen to do."""
    problem, features = draw_problem(T, B, *size), set(ALWAYS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for find in (_find_more_layers, _find_both_directions, _find_projection):
            plan = find(plan, size, features)
        plan = _find_lengths(plan, problem, features)
        _find_what_is_left_out(plan, problem, features)
        dtypes = _list_dtypes(plan, problem, features)
    module = build_module(plan, problem)
    if _is_differentiable(module, problem):
        features |= {Feature.GRADIENTS, Feature.PARTIAL_GRADIENTS}
    if _works(lambda: copy.deepcopy(build_module(plan, problem).module)):  # one that was never asked
        features.add(Feature.COPIED)
    I, H = size
    shapes = Shapes(I=range(I, I + 1), H=range(H, H + 1)) if plan.maker.is_ready else Shapes()
    version = f"torch {torch.__version__}"
    about = Description(version, plan.device, dtypes, frozenset(features), shapes)
    plan = replace(plan, compile=compile)

    def build(*given: Any) -> TorchModule:
        return TorchModule(plan, *given)

    return Implementation(plan.maker.name, build, description or about)


def _works(ask: Callable[[], Any]) -> bool:
    with suppress(Exception):
        ask()
        return True
    return False


def _names_of(plan: Plan, size: tuple[int, int], **form: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters of a module of that form, by name; empty if there is none."""
    with suppress(Exception):
        module = unwrap_compiled(plan.construct(size[0], Form(size[1], **form)))
        return {name: tuple(p.shape) for name, p in module.named_parameters()}
    return {}


def _find_more_layers(plan: Plan, size: tuple[int, int], features: set[Feature]) -> Plan:
    if "layers" in plan.maker.options and plan.style.is_stacked:
        number = find_number(_names_of(plan, size), _names_of(plan, size, layers=2))
        if number is not None:
            features.add(Feature.LAYERS)
            return replace(plan, names=plan.names._replace(number=number))
    return plan


def _find_both_directions(plan: Plan, size: tuple[int, int], features: set[Feature]) -> Plan:
    if "both" in plan.maker.options and plan.style.is_stacked:
        turned = find_turned(_names_of(plan, size), _names_of(plan, size, directions=2))
        if turned is not None:
            features.add(Feature.BIDIRECTIONAL)
            return replace(plan, names=plan.names._replace(turned=turned))
    return plan


def _find_projection(plan: Plan, size: tuple[int, int], features: set[Feature]) -> Plan:
    H = size[1]
    axes: dict[tuple[int, ...], str] = {(P, H): "P, H", (H, P): "H, P"}
    if "P" in plan.maker.options:
        before, after = _names_of(plan, size), _names_of(plan, size, P=P)
        new = [name for name in after if name not in before]
        if len(new) == 1 and after[new[0]] in axes:
            features.add(Feature.PROJECTION)
            return replace(plan, layout=replace(plan.layout, R=f"{new[0]} ({axes[after[new[0]]]})"))
    return plan


def _find_lengths(plan: Plan, problem: Problem, features: set[Feature]) -> Plan:
    """The plan with the way in which it takes lengths, if it takes any."""
    style = plan.style
    ways = [style] if style.is_cell or style.lengths else [style._replace(lengths="packed")]
    for way in ways:
        for lengths, feature in (((2, 4, 1), Feature.LENGTHS), ((2, 4, 0), Feature.ZERO_LENGTHS)):
            if _gives_shapes(replace(plan, style=way), replace(problem, lengths=np.array(lengths))):
                features.add(feature)
    return replace(plan, style=ways[0]) if Feature.LENGTHS in features else plan


def _gives_shapes(plan: Plan, problem: Problem) -> bool:
    """Whether there is an answer, with an output for every step of every sample."""
    with suppress(Exception):
        return ask_module(plan, problem).y.shape[:2] == problem.x.shape[:2]
    return False


def _find_what_is_left_out(plan: Plan, problem: Problem, features: set[Feature]) -> None:
    module = build_module(plan, problem)
    if _works(lambda: module.forward(problem.x)):
        features.add(Feature.OMITS_STATE)
    if "bias" in plan.maker.options:
        p = problem.layer
        gates = {letter: gate._replace(b=None) for letter, gate in p.gates.items()}  # type: ignore[arg-type]
        without = replace(problem, parameters=((p._replace(**gates),),))  # type: ignore[arg-type]
        if _works(lambda: build_module(plan, without).forward(problem.x, problem.state)):
            features.add(Feature.OMITS_BIAS)


def _list_dtypes(plan: Plan, problem: Problem, features: set[Feature]) -> tuple[str, ...]:
    """The dtypes at which it answers, also without a state if that may be left out.

    Those of 16 bits of torch's own LSTM only: another one would have to round as often as the equations do.
    """
    wide = _cast_problem(problem, "float64")
    with suppress(Exception):
        module = build_module(plan, wide)
        found = [module.forward(wide.x, wide.state)]
        found += [module.forward(wide.x)] if Feature.OMITS_STATE in features else []
        if any(answer.y.dtype != wide.dtype or answer.state.c.dtype != wide.dtype for answer in found):
            return ("float32",)
        is_ours = type(unwrap_compiled(module.module)) is torch.nn.LSTM
        return ("float32", "float64", "bfloat16", "float16") if is_ours else ("float32", "float64")
    return ("float32",)


def _cast_problem(problem: Problem, dtype: str) -> Problem:
    kind = np.dtype(dtype)

    def cast(a: Array) -> Array:
        return a.astype(kind)

    return replace(
        problem,
        parameters=((each_array(cast, problem.layer),),),
        x=cast(problem.x),
        state=type(problem.state)(*map(cast, problem.state)),
    )


def _is_differentiable(module: TorchModule, problem: Problem) -> bool:
    """Whether anything that it returns has a gradient: it may be made for inference."""
    x, state, _ = module.arrange(problem.x, problem.state, None)
    return any(a.requires_grad for a in module.call(x.requires_grad_(), state, None))
