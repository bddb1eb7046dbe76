"""Examples by construction of networks whose gradients are seen inside, by widening them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from conformance.problems.covering import Breadth, Row, list_network_rows
from conformance.problems.form import FORWARD, Form


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
