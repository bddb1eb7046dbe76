"""The sizes at which answers are wrong are found by asking, and no rule is named that an answer contradicts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.laboratory import Laboratory, Said, Sizes
from conformance.diagnosis.experiments.when import decide_condition, find_condition
from lstm_spec import Shapes, multiple_of
from tests.planted.conditional import at_sizes, in_gradients_at_sizes

Holds = Callable[[int, int, int, int], bool]


def answering_wrongly(holds: Holds) -> Callable[[Sizes], tuple[Sizes, Said]]:
    return lambda sizes: (sizes, "wrong" if holds(*sizes) else "right")


@pytest.mark.parametrize(
    ("holds", "condition"),
    [
        (lambda T, B, I, H: H > 128, "H > 128"),
        (lambda T, B, I, H: H >= 77, "H ≥ 77"),
        (lambda T, B, I, H: H % 8 != 0, "H is not a multiple of 8"),
        (lambda T, B, I, H: H % 4 == 0, "H is a multiple of 4"),
        (lambda T, B, I, H: B == 1, "B = 1"),
        (lambda T, B, I, H: T <= 2, "T ≤ 2"),
        (lambda T, B, I, H: H == 64, "H = 64"),
        (lambda T, B, I, H: I == H, "I = H"),
        (lambda T, B, I, H: T == B, "T = B"),
        (lambda T, B, I, H: I > H, "I > H"),
        (lambda T, B, I, H: B * T >= 4096, "T·B ≥ 4,096"),
        (lambda T, B, I, H: I * H > 1000, "I·H > 1,000"),
        (lambda T, B, I, H: T > 400, "T > 400"),
        (lambda T, B, I, H: I & (I - 1) == 0, "I is a power of 2"),
        (lambda T, B, I, H: B & (B - 1) != 0, "B is not a power of 2"),
        (lambda T, B, I, H: H == 10, "H = 10"),
        (lambda T, B, I, H: T > 8 and T % 8 == 1, "T is a multiple of 8 plus 1"),
        (lambda T, B, I, H: T > 1 and H > 32, "T ≥ 2 and H > 32"),
        (lambda T, B, I, H: B > 32 and H > 7, "B > 32 and H ≥ 8"),
    ],
)
def test_the_condition_is_found(holds: Holds, condition: str) -> None:
    found = decide_condition(answering_wrongly(holds))
    assert found is not None and found.sentence.startswith(f"only where {condition} (wrong at ")
    assert found.is_certain and {said for _, said in found.tried} == {"right", "wrong"}


@pytest.mark.parametrize(
    ("holds", "start", "condition"),
    [
        (lambda T, B, I, H: B == 5 and H == 7, (3, 5, 4, 7), "B = 5 and H = 7"),
        (lambda T, B, I, H: T % 16 == 1 and T > 1, (17, 2, 3, 4), "T is a multiple of 16 plus 1"),
    ],
)
def test_it_is_found_from_a_counterexample(holds: Holds, start: Sizes, condition: str) -> None:
    found = decide_condition(answering_wrongly(holds), start)
    assert found is not None and f"only where {condition} (" in found.sentence


def test_without_a_simple_rule_none_is_named() -> None:
    found = decide_condition(answering_wrongly(lambda T, B, I, H: hash((T, B, I, H)) % 2 == 0))
    assert found is not None and not found.is_certain
    assert found.sentence.startswith("only at some sizes, and no simple rule says which (wrong at ")


def test_what_is_wrong_everywhere_is_said_to_be() -> None:
    found = decide_condition(answering_wrongly(lambda *sizes: True))
    assert found is not None and found.is_certain
    assert found.sentence.startswith("at all ") and "the smallest T = 1, B = 1, I = 1, H = 1" in found.sentence


def test_a_right_backend_is_wrong_at_no_size() -> None:
    assert find_condition(Laboratory(NUMPY, "float32", seconds=60)) is None


def test_the_backend_itself_is_asked() -> None:
    found = find_condition(Laboratory(at_sizes(lambda T, B, I, H: B == 1), "float32", seconds=60))
    assert found is not None and "only where B = 1 (" in found.sentence and found.is_certain


def test_gradients_have_conditions_of_their_own() -> None:
    laboratory = Laboratory(in_gradients_at_sizes(lambda T, B, I, H: T > 40), "float32", backward=True, seconds=60)
    found = find_condition(laboratory)
    assert found is not None and "only where T > 40 (" in found.sentence


def test_only_sizes_that_are_allowed_are_asked() -> None:
    about = replace(NUMPY.description, shapes=Shapes(H=multiple_of(8), B=range(1, 2)))
    backend = replace(at_sizes(lambda T, B, I, H: H % 8 > 0 or B > 1 or T > 9), description=about)
    found = find_condition(Laboratory(backend, "float32", seconds=60))
    assert found is not None and found.sentence.startswith("only where T ≥ 10 (")


def test_when_the_time_is_spent_what_was_found_is_said_and_is_not_certain() -> None:
    ticks = iter(range(1000))
    laboratory = Laboratory(at_sizes(lambda T, B, I, H: H > 20), "float32", seconds=20, clock=lambda: next(ticks))
    found = find_condition(laboratory)
    assert found is not None and not found.is_certain and len(found.tried) == 20
    assert found.sentence.startswith("perhaps only where ")
