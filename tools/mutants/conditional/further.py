"""Kinds of conditions that were thought of after the diagnosis could name the first ones."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.problems.question import Question, with_gates
from lstm_spec import Backend, Cotangents, Problem, State
from tools.mutants.conditional.effects import (
    Conditional,
    Holds,
    draw_effect,
    draw_gradient_effect,
    switch_calls,
    switch_gradients,
)
from tools.mutants.conditional.further_networks import draw_network_size, draw_whole_network
from tools.mutants.conditional.further_values import (
    COTANGENTS,
    draw_cotangent,
    draw_large_part,
    draw_negative,
    draw_signed_gate,
    draw_small_cell,
    draw_zero_row,
)
from tools.mutants.conditional.layouts import ARRAYS, ORDERS
from tools.mutants.conditional.sizes import draw_at_sizes, draw_size
from tools.mutants.making import TEXTBOOKS, build_backend

Draw = Callable[[random.Random], Conditional]

# ---------------------------------------------------------------- sizes


def draw_both(rng: random.Random) -> Conditional:
    """Two sizes above limits."""
    (a, m), (b, n) = ((letter, draw_size(rng, 48)) for letter in sorted(rng.sample("TBIH", 2), key="TBIH".index))
    one, other = (f"({k} > {v}|{k} ≥ {v + 1})" for k, v in ((a, m), (b, n)))
    return draw_at_sizes(rng, f"{a} > {m} and {b} > {n}", f"{one} and {other}|{other} and {one}")


def draw_exact(rng: random.Random) -> Conditional:
    """One size only."""
    letter, k = rng.choice("TBIH"), rng.choice((3, 6, 8, 10, 16, 32, 64, 100, 128))
    return draw_at_sizes(rng, f"{letter} == {k}", f"{letter} = {k}")


def draw_remainder(rng: random.Random) -> Conditional:
    """One more or one less than a multiple."""
    letter, m, is_more = rng.choice("TBIH"), rng.choice((4, 8, 16, 32)), rng.random() < 0.5
    words = f"{letter} is a multiple of {m} {'plus' if is_more else 'minus'} 1"
    return draw_at_sizes(rng, f"{letter} > {m} and {letter} % {m} == {1 if is_more else m - 1}", words)


def draw_power(rng: random.Random) -> Conditional:
    """A power of two, or none."""
    letter, is_one = rng.choice("BIH"), rng.random() < 0.5
    words = f"{letter} is {'' if is_one else 'not '}a power of (2|two)"
    return draw_at_sizes(rng, f"{letter} & ({letter} - 1) {'==' if is_one else '!='} 0", words)


def draw_wide_gradient(rng: random.Random) -> Conditional:
    """A size above a limit in the gradient."""
    letter, k = rng.choice("BIH"), draw_size(rng)
    return draw_at_sizes(rng, f"{letter} > {k}", f"{letter} > {k}|{letter} ≥ {k + 1}", backward=True)


# ---------------------------------------------------------------- history


def draw_first(rng: random.Random) -> Conditional:
    """The first call of all."""
    mutant = draw_effect(rng)

    def make() -> Holds:
        calls = iter(range(10**9))
        return lambda _: next(calls) == 0

    return Conditional("", "first call", "only in the first call(?! with| at)", mutant.name, switch_calls(mutant, make))


def draw_first_at_shapes(rng: random.Random) -> Conditional:
    """The first call with each shape."""
    mutant = draw_effect(rng)

    def make() -> Holds:
        seen = set[tuple[int, ...]]()

        def holds(problem: Problem) -> bool:
            is_new = problem.sizes not in seen
            seen.add(problem.sizes)
            return is_new

        return holds

    pattern = "only in the first call (with|of|at) (new|other|these) shapes"
    return Conditional("", "first call with each shape", pattern, mutant.name, switch_calls(mutant, make))


def draw_after_larger(rng: random.Random) -> Conditional:
    """After a question with a larger size."""
    k, mutant = rng.randrange(4), draw_effect(rng)

    def make() -> Holds:
        last = [0]

        def holds(problem: Problem) -> bool:
            is_wrong = last[0] > problem.sizes[k]
            last[0] = problem.sizes[k]
            return is_wrong

        return holds

    letter = "TBIH"[k]
    pattern = f"only after a question with (a larger|more|another) {letter}"
    return Conditional("", f"after a larger {letter}", pattern, mutant.name, switch_calls(mutant, make))


def draw_after_gradients(rng: random.Random) -> Conditional:
    """Answers after gradients were asked, until the next answer or for ever."""
    mutant, for_ever = draw_effect(rng), rng.random() < 0.5

    def build() -> Backend:
        right, wrong, asked = build_backend(mutant.textbook), mutant.build(), [False]

        def forward(problem: Problem) -> Any:
            was, asked[0] = asked[0], asked[0] and for_ever
            return (wrong if was else right).forward(problem)

        def gradients(problem: Problem, d: Cotangents) -> Any:
            asked[0] = True
            return right.differentiate(problem, d)

        return replace(right, forward=forward, gradients=gradients)

    return Conditional("", f"after gradients{' for ever' * for_ever}", "only after gradients", mutant.name, build)


def draw_kept_gradients(rng: random.Random) -> Conditional:
    """Gradients with x or cotangents of the first call with these shapes, or of the one before."""
    name, first = rng.choice(("x", "the cotangents")), rng.random() < 0.6
    backend = build_backend(TEXTBOOKS[0])

    def build() -> Backend:
        kept = dict[tuple[int, ...], Question]()

        def gradients(problem: Problem, d: Cotangents) -> Any:
            question = Question(problem, d)
            old = kept.get(problem.sizes, question)
            kept[problem.sizes] = old if first else question
            if name == "x":
                answer = backend.forward(problem)
                return answer, backend.differentiate(replace(problem, x=old.problem.x), d)[1]
            return backend.differentiate(problem, replace(d, y=old.d.y))

        return replace(backend, gradients=gradients)

    when = "the first call" if first else "the call before"
    pattern = f"keeps {name} of {when} with the same shapes"
    return Conditional("", f"gradients keep {name} of {when}", pattern, "", build)


# ---------------------------------------------------------------- layouts


def draw_either_layout(rng: random.Random) -> Conditional:
    """One of two arrays that lies in memory in one way."""
    one, other = rng.sample(("x", "h_0", "c_0", "W", "U"), 2)
    words, holds = ORDERS[order := rng.choice([*ORDERS])]
    mutant = draw_effect(rng)
    pattern = f"only where ({one} or {other}|{other} or {one}) {words}"
    build = switch_calls(mutant, lambda: lambda p: holds(ARRAYS[one](p)) or holds(ARRAYS[other](p)))
    return Conditional("", f"{one} or {other} {order}", pattern, mutant.name, build)


def draw_cotangent_layout(rng: random.Random) -> Conditional:
    """A cotangent that lies in memory in one way."""
    name, order = rng.choice([*COTANGENTS]), rng.choice([*ORDERS])
    words, holds = ORDERS[order]
    mutant = draw_gradient_effect(rng)
    build = switch_gradients(mutant, lambda q: holds(COTANGENTS[name](q.d)))
    return Conditional("", f"{name} {order}", f"only where {name} {words}", mutant.name, build)


SHARING = (("h_0", "c_0"), ("W", "U"))


def draw_shared(rng: random.Random) -> Conditional:
    """Two arrays that share memory."""
    one, other = rng.choice(SHARING)

    def share(problem: Problem) -> Problem:
        if one == "h_0":
            return replace(problem, state=State(problem.state.h, problem.state.h))
        return with_gates(problem, lambda _, gate: gate._replace(W=gate.U) if gate.W.shape == gate.U.shape else gate)

    mutant = draw_effect(rng, changes=[share])
    build = switch_calls(mutant, lambda: lambda p: np.shares_memory(ARRAYS[one](p), ARRAYS[other](p)))
    pattern = f"only where ({one} and {other}|{other} and {one}) (share memory|are (the same|one) array)"
    return Conditional("", f"{one} and {other} share memory", pattern, mutant.name, build)


FAMILIES: dict[str, tuple[Draw, ...]] = {
    "size": (draw_both, draw_exact, draw_remainder, draw_power, draw_wide_gradient),
    "value": (draw_signed_gate, draw_large_part, draw_small_cell, draw_zero_row, draw_negative, draw_cotangent),
    "history": (draw_first, draw_first_at_shapes, draw_after_larger, draw_after_gradients, draw_kept_gradients),
    "layout": (draw_either_layout, draw_cotangent_layout, draw_shared),
    "network": (draw_whole_network, draw_network_size),
}
