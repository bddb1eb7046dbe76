"""Questions whose shapes do not fit together: one array is longer or shorter along an axis than the others say."""

from collections.abc import Iterator

import numpy as np

from conformance.arrays import frozen
from conformance.nouns import change_all_arrays, name_all_arrays
from conformance.problems.question import Question

STATES, LOSS = ("problem.state.h", "problem.state.c"), ("d.y", "d.h", "d.c")
OTHERS = ("problem.x", "problem.lengths", *STATES, *LOSS)


def malform_problem(question: Question, seed: int) -> Iterator[tuple[str, Question]]:
    """The question with a parameter, x or a state of another length along an axis, one after the other; and which.

    Lengths stay, and so does T, which no array of the problem contradicts.
    """
    rng, names = np.random.default_rng(seed), name_all_arrays(**question._asdict())
    for group in ([name for name in names if name not in OTHERS], ["problem.x"], STATES):
        name = group[rng.integers(len(group))]
        first = 1 if name == "problem.x" else 0
        yield _change_length(question, name, int(rng.integers(first, names[name].ndim)), longer=bool(rng.integers(2)))


def malform_loss(question: Question, seed: int) -> Iterator[tuple[str, Question]]:
    """The same, and with a cotangent of another length."""
    rng = np.random.default_rng(seed)
    yield _change_length(question, LOSS[rng.integers(3)], int(rng.integers(3)), longer=bool(rng.integers(2)))
    yield from malform_problem(question, seed)


def _change_length(question: Question, name: str, axis: int, longer: bool) -> tuple[str, Question]:
    """The question with one more or one fewer along that axis of an array, more if there is only one; and a name."""
    a = name_all_arrays(**question._asdict())[name]
    more = longer or a.shape[axis] < 2
    changed = frozen(np.concatenate([a, a.take([0], axis)], axis) if more else np.delete(a, 0, axis))
    changed_question = Question(*change_all_arrays(lambda arrays: {**arrays, name: changed}, **question._asdict()))
    return f"{name.removeprefix('problem.')} of shape {changed.shape} in place of {a.shape}", changed_question
