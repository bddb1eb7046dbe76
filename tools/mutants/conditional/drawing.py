"""The mistakes that a seed draws: as many of each family."""

import random
from collections.abc import Callable
from functools import cache

from tools.mutants.conditional import further
from tools.mutants.conditional.effects import Conditional
from tools.mutants.conditional.history import draw_after, draw_buffers, draw_kept, draw_late, draw_rare
from tools.mutants.conditional.layouts import draw_layout
from tools.mutants.conditional.networks import draw_network, draw_part_of_network
from tools.mutants.conditional.sizes import (
    draw_limit,
    draw_long_gradient,
    draw_multiple,
    draw_pair,
    draw_product,
    draw_small,
)
from tools.mutants.conditional.values import draw_large_cell, draw_large_gate, draw_repeated, draw_zeros

OF_EACH = 12  # mistakes of a family

Draw = Callable[[random.Random], Conditional]
FAMILIES: dict[str, tuple[Draw, ...]] = {
    "size": (
        draw_limit,
        draw_limit,
        draw_small,
        draw_multiple,
        draw_multiple,
        draw_pair,
        draw_product,
        draw_long_gradient,
    ),
    "value": (draw_large_gate, draw_large_cell, draw_zeros, draw_repeated),
    "history": (draw_rare, draw_late, draw_after, draw_kept, draw_kept, draw_buffers),
    "layout": (draw_layout,),
    "network": (draw_network, draw_part_of_network),
}
KINDS = {"first": FAMILIES, "further": further.FAMILIES}  # further: those that were thought of later


@cache
def draw_conditionals(seed: int, of_each: int = OF_EACH, kinds: str = "first") -> tuple[Conditional, ...]:
    """As many mistakes of each family; the same for the same seed, and none twice."""
    rng, found = random.Random(seed), dict[str, Conditional]()
    for family, draws in KINDS[kinds].items():
        while sum(one.family == family for one in found.values()) < of_each:
            one = rng.choice(draws)(rng)
            found.setdefault(f"{one.condition}; {one.mutant}", one._replace(family=family))
    return tuple(found.values())
