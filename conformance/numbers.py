"""Numbers as people read them."""

from __future__ import annotations

import re


def shorten(x: float) -> str:
    """The number with two digits, e.g. 1.6e-6."""
    return re.sub(r"e([+-])0*", r"e\1", f"{x:.2g}").replace("e+", "e")


def count_things(many: int, thing: str) -> str:
    """The number and the noun, e.g. 1 example, 1,242 examples."""
    return f"{many:,} {thing}{'' if many == 1 else 's'}"


def format_times(ratio: float) -> str:
    """The factor with two digits, e.g. 38 000; ∞ if it is infinite."""
    if ratio == float("inf"):
        return "∞"
    return f"{float(f'{ratio:.2g}'):,.0f}".replace(",", " ") if 100 <= ratio < 1e6 else shorten(ratio)
