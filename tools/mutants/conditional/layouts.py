"""Conditions on where arrays lie in memory."""

import random
from collections.abc import Callable

from lstm_spec import Array, Problem
from tools.mutants.conditional.effects import Conditional, draw_effect, switch_calls

ORDERS: dict[str, tuple[str, Callable[[Array], bool]]] = {
    "Fortran": ("lies in Fortran order", lambda a: a.flags.f_contiguous and not a.flags.c_contiguous),
    "strided": ("does not lie in one piece in C order", lambda a: not a.flags.c_contiguous),
    "backward": ("runs backwards.*", lambda a: any(n < 0 for n in a.strides)),
    "unaligned": ("lies at an odd address", lambda a: not a.flags.aligned),
    "read-only": ("is read-only", lambda a: not a.flags.writeable),
    "writable": ("is writable", lambda a: a.flags.writeable),
}
ARRAYS: dict[str, Callable[[Problem], Array]] = {
    "x": lambda p: p.x,
    "h_0": lambda p: p.state.h,
    "c_0": lambda p: p.state.c,
    "b": lambda p: p.layer.g.b,
    "W": lambda p: p.layer.g.W,
    "U": lambda p: p.layer.g.U,
}


def draw_layout(rng: random.Random) -> Conditional:
    """One array that lies in memory in one way."""
    name, order, mutant = rng.choice([*ARRAYS]), rng.choice([*ORDERS]), draw_effect(rng)
    name = "W" if name == "b" and order in ("Fortran", "strided") else name
    words, holds = ORDERS[order]
    pattern = f"only where {name} {words}"
    build = switch_calls(mutant, lambda: lambda problem: holds(ARRAYS[name](problem)))
    return Conditional("", f"{name} {order}", pattern, mutant.name, build)
