"""Conditions on numbers."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.problems.question import with_gates
from lstm_spec import Array, Gate, Problem, State
from lstm_spec.types import GATES
from tools.mutants.conditional.effects import Conditional, draw_effect, switch_calls, switch_units

BEYOND = (1.05, 2.0, 8.0)  # times the magnitude: where it has to show


def draw_large_gate(rng: random.Random) -> Conditional:
    """A pre-activation of one gate beyond a magnitude."""
    k, v = rng.choice(GATES), round(2 ** rng.uniform(1, 5.5), 2)

    def enlarge(problem: Problem, n: float) -> Problem:
        return with_gates(
            problem, lambda name, gate: Gate(0 * gate.W, 0 * gate.U, np.sign(gate.b) * v * n) if name == k else gate
        )

    def mask(one: Problem, _: State) -> Array:
        gate = one.layer.gates[k]
        return np.abs(one.x[0] @ gate.W.T + one.state.h[0] @ gate.U.T + gate.b) > v

    mutant = draw_effect(rng, changes=[partial(enlarge, n=n) for n in BEYOND])
    pattern = rf"only where \|z_{k}\| > {write_near(v)}"
    return Conditional("", f"|z_{k}| > {v}", pattern, mutant.name, switch_units(mutant, mask))


def draw_large_cell(rng: random.Random) -> Conditional:
    """A cell state beyond a magnitude."""
    v = round(2 ** rng.uniform(1, 6), 2)

    def enlarge(problem: Problem, n: float) -> Problem:
        return replace(problem, state=State(problem.state.h, np.sign(problem.state.c) * v * n))

    mutant = draw_effect(rng, changes=[partial(enlarge, n=n) for n in BEYOND])
    build = switch_units(mutant, lambda one, _: np.abs(one.state.c[0]) > v)
    return Conditional("", f"|c| > {v}", rf"only where \|c_0\| > {write_near(v)}", mutant.name, build)


def write_near(v: float) -> str:
    """A pattern for a number near v."""
    said = sorted({f"{v * (1 + k / 200):.2g}" for k in range(-6, 7)})
    return f"({'|'.join(map(_escape, said))})(?![0-9.])"


def _escape(text: str) -> str:
    return text.replace(".", r"\.").replace("+", r"\+")


PARTS: dict[str, Callable[[Problem], Array]] = {
    "x": lambda p: p.x.swapaxes(0, 1),
    "h_0": lambda p: p.state.h[0],
    "c_0": lambda p: p.state.c[0],
    "b": lambda p: np.array([gate.b for gate in p.layer.gates.values()]),
    "W": lambda p: np.array([gate.W for gate in p.layer.gates.values()]),
    "U": lambda p: np.array([gate.U for gate in p.layer.gates.values()]),
}


def change_part(name: str, change: Callable[[Array], Array], problem: Problem) -> Problem:
    """The problem with one part changed; of a state without its first axis."""
    if name == "x":
        return replace(problem, x=change(problem.x))
    if name in ("h_0", "c_0"):
        parts = problem.state._asdict()
        return replace(problem, state=State(**{**parts, name[0]: change(parts[name[0]])}))
    return with_gates(problem, lambda _, gate: gate._replace(**{name: change(getattr(gate, name))}))


def draw_zeros(rng: random.Random) -> Conditional:
    """A part that is all zeros, or is not."""
    name, is_zero = rng.choice([*PARTS]), rng.random() < 0.6
    mutant = draw_effect(rng, changes=[partial(change_part, name, lambda a: 0 * a)] if is_zero else [])

    def holds(problem: Problem) -> bool:
        return bool(PARTS[name](problem).any()) != is_zero

    words = "is zero" if is_zero else "is not zero"
    pattern = f"only where {name} {words}(?! and)"
    return Conditional("", f"{name} {words}", pattern, mutant.name, switch_calls(mutant, lambda: holds))


def draw_repeated(rng: random.Random) -> Conditional:
    """Samples that are the same in a part, or units with the same weights."""
    name = rng.choice(("x", "h_0", "c_0", "W", "U"))

    def repeat(a: Array) -> Array:
        along = a[:, :1] if name in ("x", "h_0", "c_0") else a[:1]
        return np.array(np.broadcast_to(along, a.shape))

    def holds(problem: Problem) -> bool:
        part = PARTS[name](problem)
        rows = part.reshape(len(part), -1) if name in ("x", "h_0", "c_0") else np.concatenate([*part], axis=1)
        return len(np.unique(rows, axis=0)) < len(rows)

    mutant = draw_effect(rng, changes=[partial(change_part, name, repeat)])
    pattern = f"only where (two |all )?{'rows' if name in 'WU' else 'samples'} of {name} are (the same|equal)"
    return Conditional("", f"equal rows of {name}", pattern, mutant.name, switch_calls(mutant, lambda: holds))
