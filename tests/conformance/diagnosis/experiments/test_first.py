"""A fresh process shows what only first calls get wrong, and what only one of two processes does."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.first import find_process
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.targets.border import guard_backend
from lstm_spec import Backend
from tests.planted import conditional
from tests.planted.conditional import at_sizes, in_first_gradients

FORWARD = replace(NUMPY, gradients=None)
SPOILT = at_sizes(lambda T, B, I, H: True)


@pytest.mark.parametrize(
    ("here", "fresh", "backward", "sentence"),
    [
        (NUMPY, conditional.fail_at_first_of_all(), False, "only in the first call of a process"),
        (NUMPY, in_first_gradients(), True, "only in the first call of a process"),
        (NUMPY, SPOILT, False, "only in a fresh process: this one, which has answered before, is right"),
        (SPOILT, NUMPY, False, "only in this process: a fresh one answers the same question rightly"),
        (NUMPY, NUMPY, True, None),
        (SPOILT, SPOILT, False, None),
    ],
)
def test_what_a_fresh_process_answers_otherwise_is_named(
    here: Backend, fresh: Backend, backward: bool, sentence: str | None
) -> None:
    laboratory = Laboratory(guard_backend(here), "float32", backward=backward, seconds=60)
    found = find_process(laboratory, lambda: nullcontext(fresh))
    assert (found and found.sentence) == sentence


@pytest.mark.parametrize(
    ("here", "fresh", "sentence"),
    [
        (FORWARD, conditional.fail_at_first_of_all(), "its answers are wrong only in the first call of a process"),
        (NUMPY, in_first_gradients(), "its gradients are wrong only in the first call of a process"),
        (FORWARD, FORWARD, ""),
        (conditional.fails_every_second_call, NUMPY, "its answers are wrong only in every second call"),
    ],
)
def test_a_fresh_process_is_asked_where_nothing_is_explained(here: Backend, fresh: Backend, sentence: str) -> None:
    inquiry = inquire(guard_backend(here), "float32", seconds=60, renew=lambda: nullcontext(fresh))
    assert inquiry.sentence.removesuffix("; cause unknown") == sentence


def test_the_answer_that_opened_the_process_counts_as_its_first() -> None:
    backend = guard_backend(conditional.fail_at_first_of_all())
    question = Laboratory(backend, "float32").make_question((3, 2, 4, 5))
    opening = question, backend.forward(question.problem)
    assert inquire(backend, "float32", seconds=60, opening=opening).sentence == (
        "its answers are wrong only in the first call; cause unknown"
    )
