"""How large the questions were that a backend was asked, forward and backward apart."""

from math import prod

from lstm_spec import Problem

PRODUCTS = ("TB", "BH", "IH", "TBH")
Extent = dict[str, int]  # the largest of each size and of each product, by letters
Extents = dict[str, Extent]  # of the questions of each pass: forward, backward


def measure_extent(problem: Problem) -> Extent:
    """The sizes T, B, I, H and L of a problem, and their products."""
    sizes = {**dict(zip("TBIH", problem.sizes, strict=True)), "L": len(problem.parameters)}
    return sizes | {letters: prod(sizes[k] for k in letters) for letters in PRODUCTS}


def widen_extents(known: Extents, others: Extents) -> None:
    """Let `known` cover the others as well."""
    for name, other in others.items():
        mine = known.setdefault(name, {})
        mine.update((letters, max(size, mine.get(letters, 0))) for letters, size in other.items())
