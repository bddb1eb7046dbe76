"""Examples by construction: sizes, forms and structure that every run asks, whatever its seed.

A covering array (Bush 1952: an orthogonal array of strength 2) has p² rows of p + 1 numbers below a prime p; in any two
columns it has every pair of numbers once. So any two sizes are equal in some rows, and any two choices of a form meet.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, permutations, product
from typing import Any, NamedTuple

import numpy as np

from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import ACTIVATIONS, BOTH, FORWARD, REVERSE, Form
from conformance.problems.question import Context, Listing, Question, Rows
from conformance.problems.sizes import find_least_sizes, find_projectable_units, limit_sizes, nearest_sizes, snap_sizes
from lstm_spec import Problem
from lstm_spec.variants import KINDS

DENSE = ("dense", "by-width", "by-width", "dense", "within-1", "dense")
LOSS = ("dense", "dense", "dense")
ONES = ("ones",) * 6  # sums of equal terms: none of many is lost unseen
WIDE = ("dense", "wide", "wide", "dense", "within-1", "dense")  # peepholes are as wide as U, projections as W
LETTERS = "TBIH"


class Row(NamedTuple):
    """The sizes T, B, I, H and perhaps P, the form, and the fillings of x, W, U, b, h and c."""

    sizes: tuple[int, ...]
    form: Form = Form()
    fillings: tuple[str, ...] = DENSE


def orthogonal_array(p: int) -> Iterator[tuple[int, ...]]:
    """The p² rows of a covering array of the prime p."""
    for a in range(p):
        for b in range(p):
            yield (b, *((a + k * b) % p for k in range(p)))


# ---------------------------------------------------------------- sizes


class Breadth(NamedTuple):
    """How far the rows of a profile go."""

    blocks: int  # of 32: sizes with every residue are drawn from as many
    powers: int  # the largest power of two of a size
    joint: int  # two sizes that are large together exceed this
    triple: int  # and three exceed this
    long: int = 513  # a network that is long has about as many steps
    wide: int = 129  # and one that is wide about as many samples, inputs or units
    forms: int = 1  # of each large network
    work: float = 1e8  # operations for the gradients of a network: of a larger one only a layer, or a direction
    widened: int = 150  # the largest size of a network whose gradients are seen inside


BREADTHS = {
    "quick": Breadth(1, 128, 128, 64),
    "standard": Breadth(4, 512, 128, 128, forms=2),
    "full": Breadth(16, 1024, 256, 128, 2049, 257, forms=6, work=float("inf"), widened=2**17),
    "narrow": Breadth(1, 512, 128, 128),
    "soak": Breadth(1, 128, 64, 32),
}


def list_sizes(breadth: Breadth) -> Iterator[tuple[int, ...]]:
    """Small sizes in pairs, multiples, every residue modulo 32, powers of two, and two or three large ones together."""
    for row in orthogonal_array(7):
        yield tuple(1 + (n + 2 * k) % 7 for k, n in enumerate(row[:4]))  # shifted, lest all be equal where two are
    for one, two in permutations(LETTERS, 2):
        for multiple in (1, 2, 3, 4):
            yield place_sizes({one: 3 * multiple, two: 3}, (2, 5))
    for k in range(32):
        for one, two in ("TH", "BI"):
            yield place_sizes({one: 1 + 11 * k % 32, two: 1 + 5 * k % 32}, (1 + k % 3, 2))
    for k in range(32 if breadth.blocks > 1 else 0):
        for one, two in ("TH", "HT", "BI", "IB"):
            block = 32 * (1 + 7 * k % (breadth.blocks - 1))
            yield place_sizes({one: block + 1 + 13 * k % 32, two: 1 + 5 * k % 32}, (1 + k % 3, 2))
    for letter in LETTERS:
        for power in (2**k for k in range(6, 11) if 2**k <= breadth.powers):
            for size in (power - 1, power, power + 1):
                yield place_sizes({letter: size}, (1, 2, 3))
    rng = np.random.default_rng(0)
    for pair in combinations(LETTERS, 2):
        yield place_sizes({k: breadth.joint + int(rng.integers(1, 32)) for k in pair}, (1, 2))
    for letters in combinations(LETTERS, 3):
        yield place_sizes(
            {k: breadth.triple // (1 + ("T" in letters)) + int(rng.integers(1, 9)) for k in letters}, (2,)
        )
    yield from ((1, 70_001, 1, 1), (259, 257, 1, 1), (1, 257, 1, 258))  # T·B, and B·H, past 2¹⁶


def place_sizes(sizes: dict[str, int], others: tuple[int, ...]) -> tuple[int, ...]:
    """T, B, I, H: these sizes, and the others in turn where none is given."""
    rest = iter(others)
    return tuple(sizes.get(k) or next(rest) for k in LETTERS)


def list_plain_rows(breadth: Breadth) -> Iterator[Row]:
    """Rows of the plain form: all the sizes with dense numbers, and numbers with structure at two sizes."""
    yield from map(Row, list_sizes(breadth))
    yield from (Row(sizes, Form(), fillings) for fillings in STRUCTURES for sizes in ((4, 3, 5, 6), (3, 4, 4, 4)))
    yield Row((1, 70_001, 1, 1), fillings=ONES)


def list_seen_rows(breadth: Breadth) -> Iterator[Row]:
    """The same rows but those with many inputs alone: a problem whose gates are probed has more inputs anyway."""
    return (row for row in list_plain_rows(breadth) if row.fillings != DENSE or _is_seen(row.sizes, breadth))


def _is_seen(sizes: tuple[int, ...], breadth: Breadth) -> bool:
    """Whether it is worth its time to have more inputs: `quick` asks 2^16 states or samples without probes only."""
    T, B, I, H = sizes[:4]
    return max(T, B, H) >= I and (breadth.forms > 1 or B * max(T, H) <= 2**16)


STRUCTURES = (
    DENSE,
    ("dense", "by-width", "by-width", "dense", "zero", "zero"),  # the call without a state
    ("dense", "by-width", "by-width", "dense", "within-1", "zero"),
    ("dense", "by-width", "by-width", "dense", "zero", "dense"),
    ("one-hot-rows", "by-width", "by-width", "dense", "zero", "zero"),
    ("same-samples", "by-width", "by-width", "dense", "same-samples", "same-samples"),
    ("same-steps", "by-width", "by-width", "dense", "within-1", "dense"),
    ("constant", "by-width", "by-width", "constant", "constant", "constant"),
    ("dense", "constant", "constant", "constant", "within-1", "dense"),
    ("dense", "one-hot-rows", "one-hot-rows", "dense", "within-1", "dense"),
    ("zero", "by-width", "by-width", "dense", "within-1", "dense"),
    ("dense", "by-width", "by-width", "zero", "within-1", "dense"),
    ("dense", "by-width", "zero", "dense", "within-1", "dense"),
    ("dense", "by-width", "by-width", "ones", "within-1", "dense"),
    ONES,
)

# ---------------------------------------------------------------- forms

FIELDS: dict[str, tuple[Any, ...]] = {
    "layers": (1, 2, 3, 1, 2, 4, 2),
    "directions": (FORWARD, REVERSE, BOTH, BOTH),
    "kind": tuple(KINDS),
    "projection": ("", "narrow", "", "full"),
    "clip": (None, 0.71, 3.7, None, 0.093, 50.3, None),
    "lengths": ("", "any", "one short", "zeros", "equal", "full", "short"),
}
BOUNDS_OF_H = (None, None, 0.29)
RICH = Form(2, BOTH, projection="narrow", lengths="any")
LARGE_FORMS = (
    Form(2, BOTH, lengths="any"),
    Form(2, FORWARD, "coupled", "full", lengths="short"),
    Form(3, REVERSE, projection="narrow", lengths="equal"),
    Form(2, FORWARD, projection="narrow", lengths="one short"),
    Form(1, BOTH, projection="narrow", lengths="any"),
    Form(1, REVERSE, "peephole", clip=0.7, lengths="any"),
    Form(1, BOTH, "no forget gate", clip=2.3),
)
WITH_P = ((3, 2, 4, 7, 4), (2, 4, 3, 7, 4), (4, 2, 3, 7, 4), (3, 2, 8, 5, 4), (3, 2, 5, 8, 4))  # P = I, B, T, I/2, H/2


def list_network_rows(breadth: Breadth) -> Iterator[Row]:
    """Any two choices of a form, or sizes, together; forms that are long, wide, large and deep; P like another size."""
    many = breadth.forms > 1
    for k, row in enumerate(orthogonal_array(11 if many else 7)):
        form = Form(**{name: values[n % len(values)] for (name, values), n in zip(FIELDS.items(), row, strict=False)})
        form = replace(form, activations=ACTIVATIONS[k % len(ACTIVATIONS)], projection_clip=BOUNDS_OF_H[k % 3])
        T, B, I = (1 + (n + 2 * j) % 11 for j, n in enumerate(row[8:11])) if many else (2 + k % 4, 1 + k % 5, 1 + k % 3)
        yield Row((T, B, I, 1 + row[6]), form, STRUCTURES[row[7] % len(STRUCTURES)])
    yield from (Row(sizes, Form(L, D, projection="narrow")) for sizes in WITH_P for L, D in ((1, FORWARD), (2, BOTH)))
    yield from (Row((3, 2, 3, 4), Form(L, D, lengths="any")) for L in (5, 9) for D in (FORWARD, BOTH))
    yield from (
        Row((3, 3, 4, 5), form, WIDE) for form in (Form(projection="narrow"), Form(2, BOTH, "peephole", "full"))
    )
    for k in range(32 if many else 0):
        sizes = place_sizes({"T": 1 + 11 * k % 32, "H": 1 + 5 * k % 32}, (1 + k % 3, 2))
        yield Row(sizes, LARGE_FORMS[k % len(LARGE_FORMS)])
    for k, (letter, size) in enumerate(product(LETTERS, (16, 32, 64))):
        yield from (
            Row(place_sizes({letter: size}, (2, 3, 3)), form) for form in (RICH, *take_forms(k, breadth.forms - 1))
        )
    long, wide = breadth.long, breadth.wide
    one_large = ((long, 2, 2, 3), (2, wide, 3, 2), (2, 3, wide, 2), (3, 2, 3, wide))
    two_large = ((wide, 2, 2, 33), (wide, 33, 2, 3), (2, wide, 2, wide), (2, 2, wide, wide), (2, wide, wide, 3))
    for k, sizes in enumerate(one_large + two_large):
        exact, alone = tuple(size + k if size > 32 else size for size in sizes), k < len(one_large)
        for form in take_forms(k, breadth.forms) if alone else (RICH, *take_forms(k, breadth.forms)):
            yield Row(exact, form if alone or sizes[3] <= 33 else replace(form, layers=1))
    yield Row((1, 70_001, 1, 1), Form(2, lengths="any"))
    yield Row((1, 2, 1, 260, 254), Form(projection="narrow"))  # P·H past 2¹⁶
    yield Row((259, 257, 1, 1), Form(1, BOTH, projection="narrow", lengths="any"))


def take_forms(k: int, n: int) -> tuple[Form, ...]:
    """The next n of the forms of large networks, the k-th first."""
    return tuple(LARGE_FORMS[(k + j) % len(LARGE_FORMS)] for j in range(n))


# ---------------------------------------------------------------- recipes


def every_row(rows: Callable[[Breadth], Iterator[Row]], loss: bool = False, tame: bool = False) -> Listing:
    """Each row as one problem, or with cotangents as one question, for a property that is exhaustive.

    The numbers follow from that of the row. If `tame`, U is small, so that a free run is conclusive. `standard` asks
    little more than `quick` of 16 bits, at which there is less to see, and of gradients at float64 if there are those
    at float32.
    """

    def recipe(context: Context) -> Rows:
        twice = loss and context.dtype == np.float64 and "float32" in context.description.dtypes
        is_less = context.reach == "standard" and (context.dtype.itemsize == 2 or twice)
        reach = "quick" if is_less and loss else "narrow" if is_less else context.reach
        find_least_sizes(context.description.shapes)  # raises NotClaimed
        fitted = (fit_row(row, replace(context, with_loss=loss)) for row in rows(BREADTHS[reach]))
        units = find_projectable_units(context)
        found = sorted(dict.fromkeys(fitted), key=lambda row: row.form.layers * np.prod([float(n) for n in row.sizes]))

        def build(k: int) -> Problem | Question:
            x, W, U, *others = found[k].fillings
            fillings = (x, W, "small" if tame else U, *others)
            problem = build_problem(context.dtype, found[k].form, found[k].sizes, fillings, k, units)
            cotangents = ONES[:3] if found[k].fillings == ONES or k % 7 == 6 else LOSS
            return Question(problem, build_loss(problem, cotangents, k)) if loss else problem

        return Rows(len(found), build)

    return recipe


def fit_row(row: Row, context: Context) -> Row:
    """The row with the nearest sizes that are allowed, and without what the backend does not claim in its form."""
    claims, shapes, form = context.description.features, context.description.shapes, vars(row.form)
    pairs = zip(LETTERS, row.sizes[:4], strict=True)
    nearest = (nearest_sizes(letter, (size,), getattr(shapes, letter))[0] for letter, size in pairs)
    for name, value in form.items():
        while not Form(**{name: value}).features <= claims or (
            value == "narrow" and not find_projectable_units(context)
        ):
            value = INSTEAD.get(value, getattr(Form(), name))
        form = {**form, name: value}
    sizes = limit_sizes(tuple(nearest), shapes)
    if context.description.compiles:
        sizes = snap_sizes(sizes, context, Form(**form) == Form())
    return Row((*sizes, *row.sizes[4:]), Form(**form), row.fillings)


INSTEAD = {"zeros": "any", "full": "narrow"}
