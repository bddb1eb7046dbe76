"""How large problems are, and which sizes a backend's shapes allow."""

from typing import NamedTuple

from hypothesis import strategies as st

from conformance.outcome import NotClaimed
from conformance.problems.question import Context

Size = int | tuple[int, ...] | range | None  # the size, some sizes, a range that is drawn log-uniformly, or any size

SMALL = {"T": tuple(range(1, 10)), "B": tuple(range(1, 6)), "I": tuple(range(1, 7)), "H": tuple(range(1, 9))}
STEPS = 128  # of a draw; Hypothesis draws from larger ranges with a bias to small numbers


class Reach(NamedTuple):
    """How far a profile goes: which sizes are large, in these proportions, and how large one of them may be alone."""

    modes: tuple[str, ...]
    alone: dict[str, range]
    together: range = range(10, 66)  # if several sizes are large


HALF_SMALL = ("", "", "", "", "", "", "T", "T", "H", "B", "I", "TB", "TH", "BH", "IH", "BI")
BOUNDED = {"T": range(10, 601), "B": range(10, 301), "I": range(10, 301), "H": range(10, 161)}
REACHES = {
    "quick": Reach(("", "", "", "", "", "", "", "T", "H", "BI"), dict.fromkeys("TBIH", range(10, 66)), range(10, 34)),
    "standard": Reach(HALF_SMALL, BOUNDED),
    "full": Reach((*HALF_SMALL, "BIH", "TIH"), {k: range(10, 2 * n.stop) for k, n in BOUNDED.items()}, range(10, 131)),
    "soak": Reach(
        ("TB", "BIH", *("T",) * 31, *("H",) * 9, "B", "I"), BOUNDED | {"T": range(200, 601), "H": range(64, 129)}
    ),
}


def draw_sizes(context: Context, fixed: dict[str, Size], several: str = "") -> st.SearchStrategy[tuple[int, ...]]:
    """T, B, I, H as the shapes allow; those in `several` are at least 2, the others at least 1 unless 0 is given.

    Raises NotClaimed if the shapes do not allow that, or what is fixed.
    """
    reach = REACHES[context.reach]

    def draw_one(letter: str, usual: Size) -> st.SearchStrategy[int]:
        wanted = usual if fixed[letter] is None else fixed[letter]
        return draw_size(context, letter, wanted, 1 + (letter in several))

    small = {letter: draw_one(letter, SMALL[letter]) for letter in "TBIH"}
    alone = {letter: draw_one(letter, reach.alone[letter]) for letter in "TBIH"}
    together = {letter: draw_one(letter, reach.together) for letter in "TBIH"}
    one_sample = draw_one("B", (1,)) if context.reach == "soak" else small["B"]

    def draw_all_four(mode: str) -> st.SearchStrategy[tuple[int, ...]]:
        large = alone if len(mode) == 1 else together
        beside = {**small, "B": one_sample} if mode == "H" else small
        return st.tuples(*(large[k] if k in mode else beside[k] for k in "TBIH"))

    return st.sampled_from(reach.modes).flatmap(draw_all_four)


def draw_size(context: Context, letter: str, wanted: Size, least: int) -> st.SearchStrategy[int]:
    """A size as wanted, or the nearest allowed one that is at least `least`. Raises NotClaimed if there is none."""
    allowed = getattr(context.description.shapes, letter)
    if isinstance(wanted, int):
        if wanted not in allowed:
            raise NotClaimed(f"its shapes exclude {letter} = {wanted}")
        return st.just(wanted)
    if isinstance(wanted, tuple):
        return st.sampled_from(nearest_sizes(letter, wanted, allowed, least))
    assert wanted is not None
    first, ratio = wanted.start, wanted.stop / wanted.start
    nearest_sizes(letter, (first,), allowed, least)

    def choose(coarse: int, fine: int) -> int:
        size = int(first * ratio ** ((coarse + fine / STEPS) / STEPS))
        return nearest_sizes(letter, (size,), allowed, least)[0]

    return st.builds(choose, st.integers(0, STEPS - 1), st.integers(0, STEPS - 1))


def find_projectable_units(context: Context) -> int:
    """The smallest H that the shapes allow and that leaves room for fewer units, P < H; 0 if there is none."""
    return next((n for n in context.description.shapes.H[:3] if n > 1), 0)


def nearest_sizes(letter: str, wanted: tuple[int, ...], allowed: range, least: int = 1) -> tuple[int, ...]:
    """For each wanted size the nearest allowed one that is at least `least`, or 0 if that is wanted.

    Raises NotClaimed if there is none.
    """
    least = min(least, *wanted)
    positive = allowed[max(0, -(-(least - allowed.start) // allowed.step)) :]
    if not positive:
        raise NotClaimed(f"its shapes leave no {letter} of at least {least}")
    steps = (round((n - positive.start) / positive.step) for n in wanted)
    return tuple(positive[min(max(k, 0), len(positive) - 1)] for k in steps)
