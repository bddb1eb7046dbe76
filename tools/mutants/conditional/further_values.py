"""Kinds of conditions on numbers that were thought of after the diagnosis could name the first ones."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.problems.question import Question, with_gates
from lstm_spec import Array, Cotangents, Gate, Problem, State
from lstm_spec.types import GATES
from tools.mutants.conditional.effects import (
    Conditional,
    draw_effect,
    draw_gradient_effect,
    switch_calls,
    switch_gradients,
    switch_units,
)
from tools.mutants.conditional.values import BEYOND, PARTS, change_part, write_near


def _set_gate(letter: str, v: float, problem: Problem) -> Problem:
    return with_gates(problem, lambda k, gate: Gate(0 * gate.W, 0 * gate.U, 0 * gate.b + v) if k == letter else gate)


def draw_signed_gate(rng: random.Random) -> Conditional:
    """A pre-activation of one gate beyond a limit on one side."""
    k, sign, v = rng.choice(GATES), rng.choice((-1, 1)), round(2 ** rng.uniform(1, 5.5), 2)

    def mask(one: Problem, _: State) -> Array:
        gate = one.layer.gates[k]
        return np.asarray(sign * (one.x[0] @ gate.W.T + one.state.h[0] @ gate.U.T + gate.b) > v)

    mutant = draw_effect(rng, changes=[partial(_set_gate, k, sign * v * n) for n in BEYOND])
    sides = f"z_{k} {'>' if sign > 0 else '<'} {'' if sign > 0 else '−'}"
    return Conditional("", f"{sides}{v}", f"only where {sides}{write_near(v)}", mutant.name, switch_units(mutant, mask))


def _scale(name: str, v: float, problem: Problem) -> Problem:
    return change_part(name, lambda a: np.sign(a) * v, problem)


def draw_large_part(rng: random.Random) -> Conditional:
    """A number of x or of h_0 beyond a magnitude."""
    name, v = rng.choice(("x", "h_0")), round(2 ** rng.uniform(1, 6), 2)
    mutant = draw_effect(rng, changes=[partial(_scale, name, v * n) for n in BEYOND])
    build = switch_calls(mutant, lambda: lambda p: bool((np.abs(PARTS[name](p)) > v).any()))
    return Conditional("", f"|{name}| > {v}", rf"only where \|{name}\| > {write_near(v)}", mutant.name, build)


def draw_small_cell(rng: random.Random) -> Conditional:
    """A cell state below a magnitude."""
    v = float(f"{2 ** -rng.uniform(1, 8):.2g}")
    mutant = draw_effect(rng, changes=[partial(_scale, "c_0", v / n) for n in BEYOND])
    build = switch_units(mutant, lambda one, _: np.abs(one.state.c[0]) < v)
    return Conditional("", f"|c| < {v}", rf"only where \|c_0\| < {write_near(v)}", mutant.name, build)


def _clear_row(problem: Problem) -> Problem:
    x = problem.x.copy()
    x[0, 0] = 0
    return replace(problem, x=x)


def draw_zero_row(rng: random.Random) -> Conditional:
    """An input of zeros at some step of some sample, as if it were padding."""
    mutant = draw_effect(rng, changes=[_clear_row])
    build = switch_calls(mutant, lambda: lambda p: bool((~p.x.any(axis=2)).any()))
    return Conditional(
        "", "a row of x is zero", "only where (some|a|one) (row|step|sample)[^;]* of x is zero", "", build
    )


def draw_negative(rng: random.Random) -> Conditional:
    """A part with a negative number, or without."""
    name, is_one = rng.choice(("x", "h_0", "c_0")), rng.random() < 0.5
    sign = -1 if is_one else 1
    mutant = draw_effect(rng, changes=[partial(change_part, name, lambda a: sign * np.abs(a))])
    build = switch_calls(mutant, lambda: lambda p: bool((PARTS[name](p) < 0).any()) == is_one)
    pattern = (
        f"only where (some of |some number of |no number of )?{name} is {'' if is_one else '(not |never )?'}negative"
    )
    pattern += "" if is_one else f"|only where no number of {name} is negative"
    return Conditional("", f"{name} {'has' if is_one else 'has no'} negative number", pattern, mutant.name, build)


COTANGENTS: dict[str, Callable[[Cotangents], Array]] = {
    "dy": lambda d: d.y,
    "dh_T": lambda d: d.state.h,
    "dc_T": lambda d: d.state.c,
}


def _change_cotangent(name: str, change: Callable[[Array], Array], question: Question) -> Question:
    d = question.d
    parts = {k: change(a(d)) if k == name else a(d) for k, a in COTANGENTS.items()}
    return question._replace(d=Cotangents(parts["dy"], State(parts["dh_T"], parts["dc_T"])))


def draw_cotangent(rng: random.Random) -> Conditional:
    """A cotangent that is zero, is not, or is large."""
    name, how = rng.choice([*COTANGENTS]), rng.choice(("zero", "not zero", "large"))
    v = round(2 ** rng.uniform(2, 6), 2)
    size = {"zero": 0.0, "not zero": 1.0, "large": v * 8}[how]
    mutant = draw_gradient_effect(rng, [partial(_change_cotangent, name, lambda a: a * size)])

    def holds(question: Question) -> bool:
        largest = np.abs(COTANGENTS[name](question.d)).max(initial=0)
        return bool({"zero": largest == 0, "not zero": largest > 0, "large": largest > v}[how])

    words = rf"\|{name}\| > {write_near(v)}" if how == "large" else f"{name} is {how}(?! and)"
    return Conditional("", f"{name} {how} {v}", f"only where {words}", mutant.name, switch_gradients(mutant, holds))
