"""Questions about the contract, by construction: small, empty, long and large ones of every form, in every run.

Whether bits stay as they were needs no bounds, so a large question costs no more than the backend's own time.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import CODES, frozen
from conformance.outcome import NotClaimed
from conformance.problems.build import build_loss, build_problem
from conformance.problems.covering import LOSS, Row, fit_row
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from conformance.problems.question import Context, Listing, Question, Rows, change_stored
from conformance.problems.sizes import KEPT, find_projectable_units
from lstm_spec import Feature

TAME = ("dense", "by-width", "small", "dense", "within-1", "dense")  # a free run is conclusive at any T
EMPTY = ((0, 2, 3, 4), (2, 0, 3, 4))
LARGE = ((33, 260, 4, 4), (2, 2, 180, 184))  # x and y, or W and U, exceed 64 KiB even with 16 bits
FURTHER = ((1, 8200, 1, 4), (200, 2, 3, 5))  # the states exceed 64 KiB; long
HUGE = (65, 1030, 4, 4)  # x and y exceed 1 MiB
RICH = Form(2, BOTH, projection="narrow", lengths="any")
FORMS: tuple[tuple[tuple[int, ...], Form], ...] = (
    ((3, 2, 4, 5), Form(1, FORWARD, "peephole", "narrow", lengths="any")),
    ((3, 2, 2, 3), RICH),
    ((2, 2, 3, 3), Form(2, BOTH, lengths="nothing")),
    ((0, 2, 3, 4), Form(2, BOTH, projection="narrow", lengths="nothing")),
    ((2, 2, 180, 184), Form(1, REVERSE, "no forget gate", "full")),
)
FURTHER_FORMS: tuple[tuple[tuple[int, ...], Form], ...] = (
    ((33, 260, 4, 4), Form(1, BOTH, projection="narrow", lengths="short")),
    ((2, 3, 3, 4), Form(1, REVERSE, "coupled", "full", 0.7, "zeros")),
    ((2, 0, 3, 4), Form(2, FORWARD, "peephole", lengths="full")),
    ((200, 2, 3, 5), Form(2, FORWARD, lengths="any")),
    ((2, 2, 3, 4), Form(3, FORWARD, "1997 simplified", clip=2.3)),
)
Kept = tuple[Row, bool]  # and whether x and the parameters are bfloat16 beside states of float32
List = Callable[[Context], Iterator[Kept]]


def list_plain(context: Context) -> Iterator[Kept]:
    """Rows of the plain form; the largest is asked at one dtype only, and `quick` has no time for some."""
    sizes = ((3, 2, 4, 5), (1, 1, 1, 1), *EMPTY, *LARGE, *(FURTHER if context.reach != "quick" else ()))
    huge = context.reach != "quick" and context.dtype.name == next(iter(context.description.dtypes))
    yield from ((Row(each, Form(), TAME), False) for each in (*sizes, *((HUGE,) if huge else ())))


def list_forms(context: Context) -> Iterator[Kept]:
    """Rows of other forms, and of bfloat16 weights."""
    more = context.reach != "quick"
    for sizes, form in (*FORMS, *(FURTHER_FORMS if more else ())):
        yield Row(sizes, form, TAME), False
    if context.dtype == np.float32:
        yield Row((3, 2, 4, 5), RICH, TAME), True
        for sizes in (*LARGE[: 1 + more], *(((3, 2, 4, 5), *EMPTY) if more else ())):
            yield Row(sizes, Form(), TAME), True


def contract_rows(rows: List) -> Listing:
    """Each row as a question together with a seed, for a property that is exhaustive.

    Raises NotClaimed if the backend claims none of them.
    """

    def recipe(context: Context) -> Rows:
        plain = rows is list_plain
        if plain and context.reach == "quick":
            context = replace(context, pool=KEPT)
        fitted = ((fit_row(row, context), narrow) for row, narrow in rows(context) if _is_claimed(row, narrow, context))
        found = list(dict.fromkeys((row, narrow) for row, narrow in fitted if plain or narrow or row.form != Form()))
        if not found:
            raise NotClaimed("it claims nothing beyond the core")
        units = find_projectable_units(context)

        def build(k: int) -> tuple[Question, int]:
            row, narrow = found[k]
            problem = build_problem(context.dtype, row.form, row.sizes, row.fillings, k, units)
            stored = change_stored(problem, _round_to_bfloat16) if narrow else problem
            return Question(stored, build_loss(problem, LOSS, k)), k

        return Rows(len(found), build)

    return recipe


def _round_to_bfloat16(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return frozen(a.astype(CODES["BF16"]))


def _is_claimed(row: Row, narrow: bool, context: Context) -> bool:
    """Whether the backend takes bfloat16 weights, no steps and no samples, as far as the row has them."""
    about, (T, B, *_) = context.description, row.sizes
    wanted = {Feature.BFLOAT16_WEIGHTS} if narrow else set()
    wanted |= {Feature.EMPTY_SEQUENCE} if T == 0 else set()
    wanted |= {Feature.EMPTY_BATCH} if B == 0 else set()
    return wanted <= about.features and (T > 0 or 0 in about.shapes.T) and (B > 0 or 0 in about.shapes.B)
