"""Right implementations of other construction than our backends: refuting one of them is a false alarm."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from backends.stacked import run_layers, run_layers_backwards, stack_problem
from conformance.problems.question import change_arrays
from lstm_spec import Answer, Array, Backend, Cotangents, Description, Feature, Gradients, Problem, State
from lstm_spec.adapters.narrow import wide_inside
from lstm_spec.storage import NARROW
from lstm_spec.types import each_array
from lstm_spec.validation import check_cotangents, checked
from tools.checks.right import by_hand, compiled
from tools.checks.right.arithmetic import (
    Arithmetic,
    add_backwards,
    add_compensated,
    add_in_float32,
    divide_in_branches,
    flush_alone,
    halve_tanh,
    multiply_conjugates,
)

ALL = Description(features=frozenset(Feature) - {Feature.BFLOAT16_WEIGHTS})
VARIANTS = {
    Feature.PROJECTION,
    Feature.FULL_PROJECTION,
    Feature.PEEPHOLES,
    Feature.COUPLED,
    Feature.NO_FORGET_GATE,
    Feature.SIMPLIFIED_1997,
    Feature.CELL_CLIP,
    Feature.PROJECTION_CLIP,
    Feature.ACTIVATIONS,
}


def make_backend(
    name: str,
    weights_of: Callable[..., Any],
    read: Callable[..., Any],
    differentiate: Callable[..., Any],
    description: Description = ALL,
) -> Backend:
    """The backend of these functions for one layer in one direction, as by_hand.py and compiled.py have them."""

    def run(problem: Problem) -> tuple[Any, ...]:
        q = stack_problem(np, checked(problem), problem.x, problem.state, problem.lengths)
        layers = [[weights_of(problem, p) for p in row] for row in problem.parameters]
        with np.errstate(all="ignore"):  # an exponential may overflow
            traces, y, after = run_layers(q, layers, partial(read, valid=q.valid))
        return q, layers, traces, Answer(np.ascontiguousarray(y), after)

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        q, layers, traces, answer = run(problem)
        check_cotangents(problem, d)
        with np.errstate(all="ignore"):
            back = partial(differentiate, valid=q.valid)
            found = run_layers_backwards(q, layers, traces, d.y, d.state, back)
        return answer, replace(found, x=np.ascontiguousarray(found.x))

    return Backend(name, lambda problem: run(problem)[-1], gradients, description)


def compute_by_hand(name: str, a: Arithmetic, description: Description = ALL) -> Backend:
    """An LSTM in NumPy that computes in this way."""
    read, differentiate = partial(by_hand.read_steps, a), partial(by_hand.differentiate_steps, a)
    return make_backend(name, by_hand.weights_of, read, differentiate, description)


def compute_wider(backend: Backend, inside: Mapping[str, str]) -> Backend:
    """The backend computing in another dtype; only what it returns is rounded."""

    def widen(problem: Problem) -> Problem:
        given = problem.variant
        bound, bound_h = (
            None if k is None else float(problem.dtype.type(k)) for k in (given.clip, given.projection_clip)
        )
        wide = change_arrays(checked(problem), lambda a: a.astype(inside[problem.dtype.name]))
        return replace(wide, variant=replace(given, clip=bound, projection_clip=bound_h))

    def narrow(answer: Answer, dtype: np.dtype[Any]) -> Answer:
        return Answer(answer.y.astype(dtype), State(*(a.astype(dtype) for a in answer.state)))

    def forward(problem: Problem) -> Answer:
        return narrow(backend.forward(widen(problem)), problem.dtype)

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        wide, dtype = widen(problem), problem.dtype
        check_cotangents(problem, d)
        dy, dh, dc = (a.astype(wide.dtype) for a in (d.y, *d.state))
        answer, found = backend.differentiate(wide, Cotangents(dy, State(dh, dc)))

        def round_once(a: Array) -> Array:
            return a.astype(dtype)

        rows = tuple(tuple(each_array(round_once, p) for p in row) for row in found.parameters)
        return narrow(answer, dtype), Gradients(rows, round_once(found.x), State(*map(round_once, found.state)))

    about = replace(backend.description, dtypes=tuple(inside), grades=dict.fromkeys(NARROW, "wide"))
    return Backend(backend.name, forward, gradients, about)


WIDER = {"float32": "float64", "float64": "longdouble", "bfloat16": "float64", "float16": "float64"}


def make_wide() -> Backend:
    """An LSTM that is float64 inside at float32 and 16 bits, and an extended format inside at float64."""
    return compute_wider(compute_by_hand("wide", Arithmetic(sigmoid=divide_in_branches)), WIDER)


def make_fused() -> Backend:
    """An LSTM with one product of [W U] and [x; h]."""
    return wide_inside(compute_by_hand("fused", Arithmetic(fused=True)))


def make_reversed() -> Backend:
    """An LSTM with sums one term after another, from the last to the first."""
    a = Arithmetic(product=add_backwards, sigmoid=divide_in_branches, tanh_slope=multiply_conjugates)
    return wide_inside(compute_by_hand("reversed", a))


def make_kahan() -> Backend:
    """An LSTM with compensated sums."""
    return wide_inside(compute_by_hand("kahan", Arithmetic(product=add_compensated, fused=True)))


def make_by_tanh() -> Backend:
    """An LSTM with σ made of tanh."""
    about = replace(ALL, grades=dict.fromkeys(ALL.dtypes, "absolute"))
    return compute_by_hand("by tanh", Arithmetic(sigmoid=halve_tanh), about)


def make_rounded() -> Backend:
    """An LSTM with 16 bits that rounds every operation, with products summed in float32."""
    a = Arithmetic(product=add_in_float32, fused=True)
    return compute_by_hand("rounded", a, replace(ALL, dtypes=NARROW))


def make_flushing() -> Backend:
    """The same, but that some products read subnormal numbers of float32 as 0."""
    a = Arithmetic(product=flush_alone)
    return compute_by_hand("flushing", a, replace(ALL, dtypes=NARROW))


def make_compiled() -> Backend:
    """The standard cell in C without FMA. Raises BackendUnavailable if there is no gcc."""
    compiled.load_library("float")
    about = replace(ALL, features=ALL.features - VARIANTS)
    functions = compiled.weights_of, compiled.read_steps, compiled.differentiate_steps
    return wide_inside(make_backend("compiled", *functions, about))


RIGHT: dict[str, Callable[[], Backend]] = {
    "wide": make_wide,
    "fused": make_fused,
    "reversed": make_reversed,
    "kahan": make_kahan,
    "by tanh": make_by_tanh,
    "rounded": make_rounded,
    "compiled": make_compiled,
}
