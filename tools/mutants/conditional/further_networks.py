"""Kinds of conditions on the form of a network that were thought of later."""

import random
from dataclasses import replace

import numpy as np

from lstm_spec import Backend, Feature, Problem
from tools.mutants.conditional.effects import Conditional, Holds, draw_effect, switch_calls
from tools.mutants.conditional.sizes import draw_size


def _has_zero(p: Problem) -> bool:
    return p.lengths is not None and bool((p.lengths == 0).any())


def _is_unsorted(p: Problem) -> bool:
    return p.lengths is not None and bool((np.diff(p.lengths) > 0).any())


WHOLE: dict[str, tuple[str, Holds]] = {
    "three layers": ("only with (more than two|three) layers", lambda p: len(p.parameters) > 2),
    "a length of zero": ("only where some length is (0|zero)( and only where B ≥ 2)?", _has_zero),
    "lengths not sorted": ("only where lengths are not in (falling|descending) order", _is_unsorted),
    "layers and lengths": (
        "only with (more than one layer and with lengths|lengths and with more than one layer)",
        lambda p: len(p.parameters) > 1 and p.lengths is not None,
    ),
    "both directions and lengths": (
        "only (in both directions and with lengths|with lengths and in both directions)",
        lambda p: len(p.directions) > 1 and p.lengths is not None,
    ),
}


def draw_whole_network(rng: random.Random) -> Conditional:
    """Whole answers, where a network is of some form."""
    name = rng.choice([*WHOLE])
    (pattern, holds), mutant = WHOLE[name], draw_effect(rng, "stacked")
    build = switch_calls(mutant, lambda: holds)
    return Conditional("", name, pattern, mutant.name, lambda: claim_zero_lengths(build()))


def claim_zero_lengths(backend: Backend) -> Backend:
    """The backend, which claims sequences without a step, as its textbook has them right."""
    about = backend.description
    return replace(backend, description=replace(about, features=about.features | {Feature.ZERO_LENGTHS}))


PART_OF_FORM: dict[str, Holds] = {
    "with lengths": lambda p: p.lengths is not None,
    "with more than one layer": lambda p: len(p.parameters) > 1,
    "in direction reverse": lambda p: "reverse" in p.directions,
}


def draw_network_size(rng: random.Random) -> Conditional:
    """A form of network, and a size above a limit."""
    words = rng.choice([*PART_OF_FORM])
    holds = PART_OF_FORM[words]
    k, n, mutant = rng.randrange(4), draw_size(rng, 32), draw_effect(rng, "stacked")
    letter = "TBIH"[k]
    pattern = f"only {words}.* only where ({letter} > {n}|{letter} ≥ {n + 1})"
    build = switch_calls(mutant, lambda: lambda p: holds(p) and p.sizes[k] > n)
    return Conditional("", f"{words} and {letter} > {n}", pattern, mutant.name, build)
