"""Conditions on what came before."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.patterns import name_ordinal
from conformance.problems.question import with_gates
from lstm_spec import Answer, Array, Backend, Gate, Problem, State
from tools.mutants.conditional.effects import Conditional, Holds, draw_effect, switch_calls
from tools.mutants.making import TEXTBOOKS, build_backend


def _count_calls(wrong: Callable[[int], bool]) -> Callable[[], Holds]:
    def make() -> Holds:
        calls = iter(range(1, 10**9))
        return lambda _: wrong(next(calls))

    return make


def draw_rare(rng: random.Random) -> Conditional:
    """Every n-th call."""
    n, mutant = rng.randint(2, 60), draw_effect(rng)
    pattern = rf"only in every {name_ordinal(n)} call"
    return Conditional(
        "",
        f"every call n with n % {n} == 0",
        pattern,
        mutant.name,
        switch_calls(mutant, _count_calls(lambda k: k % n == 0)),
    )


def draw_late(rng: random.Random) -> Conditional:
    """From a call on."""
    n, mutant = rng.randint(3, 50), draw_effect(rng)
    pattern = rf"only from the {name_ordinal(n)} call of these experiments on"
    return Conditional(
        "", f"from call {n} on", pattern, mutant.name, switch_calls(mutant, _count_calls(lambda k: k >= n))
    )


def draw_after(rng: random.Random) -> Conditional:
    """After a call of the same shapes, or of others."""
    same, mutant = rng.random() < 0.5, draw_effect(rng)

    def make() -> Holds:
        last = list[tuple[int, ...]]()

        def holds(problem: Problem) -> bool:
            is_wrong = bool(last) and (last[-1] == problem.sizes) == same
            last[:] = [problem.sizes]
            return is_wrong

        return holds

    which = "the same" if same else "other"
    pattern = f"only after a question of {which} shapes"
    return Conditional("", f"after {which} shapes", pattern, mutant.name, switch_calls(mutant, make))


KEPT = {"W": "W", "U": "U", "b": "b", "the weights": "WUb", "h_0": "h", "c_0": "c", "the state": "hc", "x": "x"}


def draw_kept(rng: random.Random) -> Conditional:
    """Parts of the first call with these shapes, or of the one before, are kept."""
    (name, parts), first = rng.choice([*KEPT.items()]), rng.random() < 0.6
    backend = build_backend(TEXTBOOKS[0])

    def build() -> Backend:
        kept = dict[tuple[int, ...], Problem]()

        def mix(problem: Problem) -> Problem:
            old = kept.get(problem.sizes, problem)
            kept[problem.sizes] = old if first else problem
            return _take_parts(problem, old, parts)

        return replace(
            backend,
            forward=lambda problem: backend.forward(mix(problem)),
            gradients=lambda problem, d: backend.differentiate(mix(problem), d),
        )

    when = "the first call" if first else "the call before"
    return Conditional("", f"keeps {name} of {when}", f"keeps {name} of {when} with the same shapes", "", build)


def _take_parts(problem: Problem, old: Problem, parts: str) -> Problem:
    def take(letter: str, gate: Gate) -> Gate:
        return gate._replace(**{k: getattr(old.layer.gates[letter], k) for k in parts if k in "WUb"})

    state = State(*((old if name in parts else problem).state._asdict()[name] for name in "hc"))
    return replace(with_gates(problem, take), state=state, x=old.x if "x" in parts else problem.x)


def draw_buffers(rng: random.Random) -> Conditional:
    """Answers in a number of buffers that are used again."""
    n, backend = rng.randint(1, 4), build_backend(TEXTBOOKS[0])

    def build() -> Backend:
        buffers = dict[tuple[int, ...], list[Array]]()

        def forward(problem: Problem) -> Answer:
            answer, made = backend.forward(problem), buffers.setdefault(problem.sizes, [])
            y = np.empty_like(answer.y) if len(made) < n else made.pop(0)
            made.append(y)
            y[...] = answer.y
            return replace(answer, y=y)

        return replace(backend, forward=forward, gradients=None)

    which = "next call" if n == 1 else f"{name_ordinal(n)} call"
    pattern = f"answers from a buffer that it uses again: an answer is overwritten by the {which}"
    return Conditional("", f"{n} buffers", pattern, "", build)
