"""What is no number: where a NaN or an infinity acts, and where it does not."""

from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.forward import assert_conforms, assert_steps_conform
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Refuted
from conformance.problems.recipes import problems, with_seed
from conformance.property import verifies
from lstm_spec import Answer, Backend, Problem, State

SEVERAL = problems(T=(2, 3, 4, 5), B=(2, 3, 4), x="dense", W="dense", c="dense wide")  # a weight of 0 may be skipped
Seeded = tuple[Problem, int]


def strike(problem: Problem, seed: int, number: float) -> tuple[Problem, int, int]:
    """The problem with that number in one input, and at which step and in which sample that is."""
    x = problem.x.copy()
    T, B, I, _ = problem.sizes
    t, b = seed % T, seed // T % B
    x[t, b, seed // (T * B) % I] = number
    return replace(problem, x=frozen(x)), t, b


@verifies("NUM-1", "NET-1", "SEQ-5", on=with_seed(SEVERAL))
def what_is_no_number_acts_in_its_own_sample_from_its_step_on(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    asked, t, b = strike(problem, seed, (np.nan, np.inf, -np.inf)[seed % 3])
    answer = backend.forward(asked)
    assert_answer_shaped(answer, asked)
    others = np.arange(problem.x.shape[1]) != b
    rest = replace(asked, x=asked.x[:, others], state=State(*(a[:, others] for a in asked.state)))
    assert_conforms(backend, Answer(answer.y[:, others], State(*(a[:, others] for a in answer.state))), rest)
    before = replace(asked, x=asked.x[:t, b : b + 1], state=State(*(a[:, b : b + 1] for a in asked.state)))
    assert_steps_conform(backend, answer.y[:t, b : b + 1], before)


@verifies("NUM-2", on=with_seed(SEVERAL))
def a_nan_is_seen_in_every_output_of_its_sample_from_its_step_on(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    asked, t, b = strike(problem, seed, np.nan)
    answer = backend.forward(asked)
    assert_answer_shaped(answer, asked)
    if not np.isnan(answer.y[t:, b]).all():
        raise Refuted(f"after a NaN in the input of step {t} of sample {b}, some of the sample's outputs are numbers")
