"""Examples by construction of networks: those that are judged whole, and those whose gradients are seen inside.

Of what is judged whole nothing is widened, so that every size is what it is; W and U are small enough for a free run
of any length and depth to be conclusive.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations

from conformance.problems.covering import LETTERS, Breadth, Row, list_network_rows, place_sizes
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form

FORMS = (
    Form(2),
    Form(1, BOTH),
    Form(1, lengths="any"),
    Form(1, kind="peephole"),
    Form(1, projection="narrow"),
    Form(1, kind="coupled"),
    Form(2, kind="1997 simplified"),
    Form(2, kind="no forget gate", lengths="any"),
    Form(2, BOTH, lengths="any"),
    Form(2, BOTH, "peephole", "narrow", lengths="any"),
    Form(2, REVERSE, "coupled", "full", clip=3.7, lengths="one short"),
)
DEEP = (
    Form(5, clip=0.71),
    Form(6, REVERSE, projection="narrow", lengths="any"),
    Form(9),
    Form(5, BOTH, "peephole", lengths="any"),
)
CONTRACTING = ("dense", "contracting", "small", "dense", "within-1", "dense")


def list_free_rows(breadth: Breadth) -> Iterator[Row]:
    """Each form with two and with three large sizes, and long; powers of two, residues, and deep networks."""
    return (Row(sizes, form, CONTRACTING) for sizes, form in _list_sizes_and_forms(breadth, breadth.forms > 1))


def _list_sizes_and_forms(breadth: Breadth, many: bool) -> Iterator[tuple[tuple[int, ...], Form]]:
    steps, several = (65, breadth.joint) if many else (34, 65)
    for k, form in enumerate(FORMS):
        yield (21 + k % 5, 22 + k % 7, 2, 21 + k), form
        yield (41 + k, 2, 2, 2 + k % 7), form
        yield from [((41 + k % 3, 37, 34, 35 + k), form)] * many
    for k, pair in enumerate(combinations(LETTERS, 2)):
        for n, form in enumerate(FORMS if many else FORMS[k % 3 :: 3]):
            other = min(several, 65) if "T" in pair else several
            yield place_sizes({letter: (steps if letter == "T" else other) + n for letter in pair}, (2, 3)), form
    for k, form in enumerate(FORMS if many else FORMS[3:6:2]):
        yield ((breadth.long if many else 257) + k if k % 4 == 3 or not many else 129 + k, 2, 1, 2 + k % 2), form
        yield from [(place_sizes({letter: 256 + k}, (2, 2, 3)), form) for letter in "BIH"] * many
    for k, letter in enumerate(LETTERS if many else "IH"):  # T and B are what they are in widened rows, too
        for j, power in enumerate(n for n in (16, 32, 64, 128, 256, 512) if n < breadth.powers):
            for form in (FORMS[0], *(FORMS[(1 + k + j + 3 * n) % len(FORMS)] for n in range(breadth.forms - 1))):
                yield place_sizes({letter: power}, (5, 2, 3)), form
    for power in (8, 16, 32, 64, 128):
        yield (3, 2, 3, power + 1, power), Form(1 + many, projection="narrow")
    for k in range(32 if many else 8):
        yield (5 + k, 2, 1 + k % 5, 9 + k), FORMS[0]
    for k, form in enumerate(DEEP):
        for letter in LETTERS if many else LETTERS[k]:
            yield place_sizes({letter: 33}, (3, 2, 3)), form
    yield from [((3, 70_001, 1, 1), FORMS[1])] * many


# ---------------------------------------------------------------- seen inside, by widening them


def list_trainable_rows(breadth: Breadth) -> Iterator[Row]:
    """The same rows but those that are large in two ways, or very large; widening changes such sizes anyway.

    Of what would take too long they have one layer or one direction, where that is enough.
    """
    for row in list_network_rows(breadth):
        *_, second, largest = sorted(row.sizes)
        if largest > breadth.widened or second > breadth.widened // 4:
            continue
        lighter = (replace(row.form, layers=1), replace(row.form, directions=FORWARD))
        forms = (row.form, *lighter[max(row.sizes) <= 32 :])
        yield row._replace(form=choose_form(row.sizes, forms, breadth.work) or row.form)


def choose_form(sizes: tuple[int, ...], forms: Iterable[Form], work: float) -> Form | None:
    """The first form whose gradients take less than so many operations."""
    return next((form for form in forms if _estimate_work(sizes, form) < work), None)


def _estimate_work(sizes: tuple[int, ...], form: Form) -> float:
    """Roughly how many operations the gradients of a network take, widened so that its inside can be seen."""
    T, B, I, H, *_ = map(float, sizes)
    runs = form.layers * len(form.directions)
    rows, inputs = 4 * H * (4 * form.layers - 3), I + 4 * H * runs
    return runs * (T * B * (rows * (inputs + rows / 4) + 100 * (rows + inputs)) + 30 * rows * (inputs + rows / 4))
