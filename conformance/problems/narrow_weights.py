"""Problems of bfloat16 weights beside states of float32, for which there may be kernels of their own."""

from collections.abc import Callable, Iterator

from conformance.arrays import CODES, frozen
from conformance.problems.covering import LARGE_FORMS, RICH, STRUCTURES, Breadth, Row
from conformance.problems.form import Form
from conformance.problems.question import Context, Examples, Question, change_stored
from lstm_spec import Problem
from lstm_spec.types import Array


def of_narrow_weights(of: Callable[[Context], Examples]) -> Callable[[Context], Examples]:
    """The examples of the recipe, with x and the parameters rounded to what bfloat16 holds."""

    def narrow(example: Problem | Question) -> Problem | Question:
        if isinstance(example, Question):
            return Question(change_stored(example.problem, round_array), example.d)
        return change_stored(example, round_array)

    def round_array(a: Array) -> Array:
        return frozen(a.astype(CODES["BF16"]).astype(a.dtype))

    return lambda context: of(context).map(narrow)


def list_narrow_rows(breadth: Breadth) -> Iterator[Row]:
    """Every residue modulo 8, powers of two, equal sizes, two large together, numbers with structure, and forms."""
    many = breadth.forms > 1
    for k in range(8):
        yield Row((1 + k % 3, 2, 9 + 5 * k % 8, 17 + 3 * k % 8))
    for size in (16, 32, 64, *((128, 257) if many else ())):
        yield from map(Row, ((2, 3, 3, size), (2, size, 3, 2), (2, 3, size, 2)))
    yield from map(Row, ((3, 2, 12, 12), (3, 12, 5, 3), (2, 34, 3, 33), (2, 3, 33, 34), (2, 35, 33, 3)))
    yield from map(Row, ((64, 2, 3, 2), (257, 2, 2, 3), (40, 33, 3, 34)) if many else ((34, 2, 3, 2),))
    yield from (Row((4, 3, 5, 6), Form(), fillings) for fillings in (STRUCTURES if many else STRUCTURES[1:8:6]))
    yield from (Row((3, 2, 3, 4), form) for form in (RICH, *LARGE_FORMS[: len(LARGE_FORMS) if many else 1]))
    yield from (Row(sizes, RICH) for sizes in ((2, 34, 3, 3), (2, 2, 17, 18)) if many)
