"""How large problems are, and which sizes a backend's shapes allow."""

from functools import partial
from math import log2
from typing import NamedTuple

from hypothesis import strategies as st

from conformance.outcome import NotClaimed
from conformance.problems.question import Context, Pool
from lstm_spec import Shapes

Size = int | tuple[int, ...] | range | None  # the size, some sizes, a range that is drawn log-uniformly, or any size

SMALL = {"T": tuple(range(1, 10)), "B": tuple(range(1, 6)), "I": tuple(range(1, 7)), "H": tuple(range(1, 9))}
USUAL = 2**24  # numbers of a problem; of one that its shapes make larger, whatever may be small is
LARGEST = 2**27  # numbers of the smallest problem that the shapes allow; with more, nothing is asked
WORK, STEP_WORK = 100_000_000, 500  # multiplications for all examples of a property; what a step takes besides
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


def draw_sizes(
    context: Context, fixed: dict[str, Size], several: str = "", is_plain: bool = True
) -> st.SearchStrategy[tuple[int, ...]]:
    """T, B, I, H as the shapes allow; those in `several` are at least 2, the others at least 1 unless 0 is given.

    Raises NotClaimed if the shapes do not allow that, or what is fixed, or if they ask for too much.
    """
    reach, shapes = REACHES[context.reach], context.description.shapes
    find_least_sizes(shapes)
    for letter, wanted in fixed.items():
        draw_size(context, letter, SMALL[letter] if wanted is None else wanted, 1 + (letter in several))  # raises
    if context.description.compiles:
        return _draw_from_pool(context, fixed, several, is_plain)

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
        drawn = st.tuples(*(large[k] if k in mode else beside[k] for k in "TBIH"))
        return drawn.map(lambda sizes: limit_sizes(sizes, shapes))

    return st.sampled_from(reach.modes).flatmap(draw_all_four)


# Sizes T, B, I, H for what compiles for each. Of one batch and width, so that parts of one are others among them:
# There is room for probes in place of some inputs, so that a problem with probes has the same sizes: I > 8H.
RELATED = ((1, 2, 43, 5), (2, 2, 43, 5), (3, 2, 43, 5))
SHARED = ((3, 2, 43, 5), (2, 33, 43, 5))  # of one width, as modules have it
ALONE = SHARED[:1]  # of what is compiled anew for each form, or for each way of calling it
LARGE = ((131, 1, 10, 2), (2, 2, 527, 131), (2, 33, 174, 35))  # past 128, or several past 32
QUICK = ((1, 1, 1, 1), *RELATED, (3, 3, 3, 3), SHARED[1], *LARGE)
DIFFERENTIATED = (*ALONE, (3, 3, 15, 3), *LARGE)
KEPT = ((1, 1, 1, 1), *SHARED, LARGE[1])  # of the contract: the same for both passes
POOL = (
    *QUICK,
    *((1, 3, 2, 2), (2, 1, 2, 3), (2, 2, 2, 2), (2, 3, 3, 5), (3, 1, 5, 5), (3, 2, 1, 8), (5, 2, 3, 5), (5, 3, 2, 8)),
    *((9, 1, 2, 2), (9, 2, 3, 5), (2, 20, 3, 5), (34, 2, 3, 5), (2, 130, 2, 3), (3, 2, 37, 5), (3, 2, 3, 64)),
)


def list_pool(context: Context, is_plain: bool = True) -> Pool:
    """The sizes that are asked of what compiles for each: fewer if `quick`, of gradients, and of every other form."""
    if context.pool:
        return context.pool
    if context.reach == "quick":
        return ALONE if not is_plain else DIFFERENTIATED if context.with_loss else QUICK
    return QUICK if not is_plain else tuple(map(_add_room, POOL)) if context.with_loss else POOL


def _add_room(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """With so many inputs that there is room for the probes of one layer and direction."""
    T, B, I, H = sizes
    return (T, B, I if I > 4 * H else I + 4 * H, H)


def snap_sizes(sizes: tuple[int, ...], context: Context, is_plain: bool) -> tuple[int, ...]:
    """The sizes of the pool, as the shapes allow them, that are nearest to these T, B, I, H."""
    return min(list_fitting(list_pool(context, is_plain), context), key=partial(_measure_distance, sizes))


def list_fitting(pool: Pool, context: Context) -> list[tuple[int, ...]]:
    """The sizes of a pool, as the shapes allow them."""
    allowed = {letter: getattr(context.description.shapes, letter) for letter in "TBIH"}
    return [tuple(nearest_sizes(k, (n,), allowed[k])[0] for k, n in zip("TBIH", one, strict=True)) for one in pool]


def _measure_distance(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    return sum(abs(log2((a + 1) / (b + 1))) for a, b in zip(one, other, strict=True))


def _draw_from_pool(
    context: Context, fixed: dict[str, Size], several: str, is_plain: bool
) -> st.SearchStrategy[tuple[int, ...]]:
    """One of the sizes of the pool that are wanted; if there are none, the nearest ones that are."""

    def fit(letter: str, n: int) -> int:
        wanted, least = fixed[letter], 1 + (letter in several)
        if isinstance(wanted, int):
            return wanted
        if letter == "I" and isinstance(wanted, tuple) and len({*wanted}) > 1:
            wanted = None  # it is only meant to be small
        if isinstance(wanted, range):
            wanted = (min(max(n, wanted[0]), wanted[-1]),)
        fitting = nearest_sizes(letter, wanted or (n,), getattr(context.description.shapes, letter), least)
        return min(fitting, key=lambda size: abs(log2((size + 1) / (n + 1))))

    pool = list_pool(context, is_plain)
    fitted = {one: tuple(fit(k, n) for k, n in zip("TBIH", one, strict=True)) for one in pool}
    by_distance = sorted(fitted, key=lambda one: _measure_distance(one, fitted[one]))
    exact = [one for one in by_distance if fitted[one] == one]
    found = exact or [fitted[by_distance[0]]]
    return st.sampled_from(list(dict.fromkeys(limit_sizes(one, context.description.shapes) for one in found)))


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


def count_numbers(sizes: tuple[int, ...]) -> int:
    """Roughly how many numbers the reference holds at once for a problem: those of all steps, and the weights."""
    T, B, I, H = sizes[:4]
    return T * B * (I + 8 * H) + 4 * H * (I + H)


def find_least_sizes(shapes: Shapes) -> tuple[int, ...]:
    """The smallest T, B, I, H that are at least 1. Raises NotClaimed if there are none, or they are too large."""
    least = tuple(nearest_sizes(letter, (1,), getattr(shapes, letter))[0] for letter in "TBIH")
    if count_numbers(least) > LARGEST:
        sizes = ", ".join(f"{letter} = {n:,}" for letter, n in zip("TBIH", least, strict=True))
        raise NotClaimed(
            f"its shapes make the smallest question {sizes}, which takes {count_numbers(least):,} numbers, "
            f"and {LARGEST:,} are judged at most; allow smaller sizes if it can do them"
        )
    return least


def limit_sizes(sizes: tuple[int, ...], shapes: Shapes) -> tuple[int, ...]:
    """The sizes, the free ones halved until the problem is no larger than is usual, or none can be smaller."""
    while count_numbers(sizes) > USUAL:
        smaller = [
            (*sizes[:k], nearest_sizes(letter, (n // 2,), getattr(shapes, letter), min(n, 2))[0], *sizes[k + 1 :])
            for k, (letter, n) in enumerate(zip("TBIH", sizes, strict=False))
            if n > 1
        ]
        found = min(smaller, key=count_numbers, default=sizes)
        if count_numbers(found) >= count_numbers(sizes):
            return sizes
        sizes = found
    return sizes


def limit_examples(examples: int, shapes: Shapes) -> int:
    """That number of examples, or as many as are tried of problems that the shapes make large; at least one."""
    T, B, I, H = find_least_sizes(shapes)
    work = T * (STEP_WORK + B * 4 * H * (I + H))
    return max(1, min(examples, WORK // work))


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
