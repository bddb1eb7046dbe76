"""How large problems are, and which sizes a backend's shapes allow."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from conformance.outcome import NotClaimed
from conformance.problems.question import Context

Sizes = dict[str, tuple[int, ...]]  # by letter; what is drawn more often is repeated

SMALL: Sizes = {
    "T": (1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 12),
    "B": (1, 2, 2, 2, 3, 3, 4, 5),
    "I": (1, 2, 3, 3, 4, 5, 6),
    "H": (1, 2, 2, 3, 4, 4, 5, 7, 8),
}
MODERATE: Sizes = {"T": (33, 65), "B": (33,), "I": (33,), "H": (17, 33)}
LARGE: Sizes = {  # past the usual block boundaries
    "T": (33, 65, 129, 200, 257, 300, 400, 513, 600),
    "B": (31, 33, 64, 65, 127, 128, 129),
    "I": (31, 33, 64, 65, 127, 129, 257),
    "H": (31, 33, 63, 64, 65, 127, 128, 129),
}
LARGE_IN_SOAK: Sizes = {**LARGE, "T": (200, 257, 300, 400, 513, 600), "H": (64, 65, 96, 127, 128)}
SMALL_NETWORK: Sizes = {
    "T": (1, 2, 2, 3, 3, 4, 5, 6, 9),
    "B": (1, 2, 2, 3, 3, 4),
    "I": (1, 2, 2, 3, 4, 5),
    "H": (1, 2, 2, 3, 3, 4, 5),
}
LARGE_NETWORK: Sizes = {"T": (33, 65), "B": (17, 33), "I": (17, 33), "H": (17, 33)}


class Reach(NamedTuple):
    """How far a profile goes: which size is large, in these proportions, and how large."""

    modes: tuple[str, ...]
    large: Sizes
    small: Sizes = SMALL
    alone: bool = False  # if H is large, B is 1


FAR = Reach(("", "", "", "", "T", "H", "B", "I"), LARGE_NETWORK, SMALL_NETWORK)
REACHES = {
    "quick": Reach(("", "", "", "", "", "square", "T", "H"), MODERATE),
    "standard": Reach(("", "", "", "", "", "", "square", "T", "T", "H", "B", "I"), LARGE),
    "full": Reach(("", "", "", "square", "T", "T", "H", "B", "I"), LARGE),
    "soak": Reach(("square", *("T",) * 31, *("H",) * 9, "B", "I"), LARGE_IN_SOAK, alone=True),
}
NETWORK_REACHES = {
    "quick": Reach(("",), LARGE_NETWORK, SMALL_NETWORK),
    **dict.fromkeys(("standard", "full", "soak"), FAR),
}

Size = int | tuple[int, ...] | None


def draw_sizes(context: Context, reach: Reach, fixed: dict[str, Size]) -> st.SearchStrategy[tuple[int, ...]]:
    """T, B, I, H as the shapes allow. Raises NotClaimed if they do not allow what is fixed."""

    def draw_one(letter: str, usual: tuple[int, ...]) -> st.SearchStrategy[int]:
        return st.sampled_from(_choose_sizes(letter, fixed[letter], usual, context))

    def equate(letter: str, size: int, other: int) -> int:
        """The other size, unless the first is fixed, or the other is excluded or 0, which has to be asked for."""
        is_free = fixed[letter] is None and other in getattr(context.description.shapes, letter)
        return other if is_free and other else size

    small = {letter: draw_one(letter, reach.small[letter]) for letter in "TBIH"}
    large = {letter: draw_one(letter, reach.large[letter]) for letter in "TBIH"}
    beside = {"H": {**small, "B": draw_one("B", (1,))}} if reach.alone else {}

    @st.composite
    def draw_all_four(draw: Any) -> tuple[int, ...]:
        mode = draw(st.sampled_from(reach.modes))
        T, B, I, H = (draw(large[k] if k == mode else beside.get(mode, small)[k]) for k in "TBIH")
        if mode == "square":  # a transposed matrix, or batch for time, would still fit
            T, I = equate("T", T, B), equate("I", I, H)
        return T, B, I, H

    return draw_all_four()


def _choose_sizes(letter: str, fixed: Size, usual: tuple[int, ...], context: Context) -> tuple[int, ...]:
    """The one size that is fixed, or the allowed sizes nearest to the wanted ones."""
    allowed = getattr(context.description.shapes, letter)
    if not isinstance(fixed, int):
        return nearest_sizes(letter, fixed or usual, allowed)
    if fixed not in allowed:
        raise NotClaimed(f"its shapes exclude {letter} = {fixed}")
    return (fixed,)


def nearest_sizes(letter: str, wanted: tuple[int, ...], allowed: range) -> tuple[int, ...]:
    """For each wanted size the nearest allowed one that is at least 1, or at least 2 if all wanted ones are.

    Raises NotClaimed if there is none.
    """
    least = min(2, *wanted)
    positive = allowed[max(0, -(-(least - allowed.start) // allowed.step)) :]
    if not positive:
        raise NotClaimed(f"its shapes leave no {letter} of at least {least}")
    steps = (round((n - positive.start) / positive.step) for n in wanted)
    return tuple(positive[min(max(k, 0), len(positive) - 1)] for k in steps)
