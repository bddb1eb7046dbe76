"""How much of what is allowed comparisons used, counted by tenths."""

from collections.abc import Iterable

Counts = list[int]  # of comparisons, by the tenth of what is allowed that they used; the last of those that used more
Tenths = dict[str, Counts]  # by quantity


def count_by_tenths(ratios: Iterable[float]) -> Counts:
    """How many of the ratios, error / allowed, lie in each tenth; a NaN is more than all."""
    counts = [0] * 11
    for ratio in ratios:
        counts[int(10 * ratio) if ratio < 1 else 9 if ratio == 1 else 10] += 1
    return counts


def add_tenths(known: Tenths, others: Tenths) -> None:
    """Let `known` count the others as well; layers and directions are not told apart."""
    for quantity, counts in others.items():
        name = quantity.split(" ")[0]
        known[name] = [a + b for a, b in zip(known.get(name, [0] * 11), counts, strict=True)]
