"""The comparison with the equations: outputs and final state, each step judged from the backend's own states."""

from conformance.assertions.forward import assert_conforms
from conformance.assertions.shapes import assert_answer_shaped
from conformance.problems.derived import by_reach, with_seed
from conformance.problems.question import Recipe, Split, redraw_numbers
from conformance.problems.recipes import ANY_SCALE, problems, splits
from conformance.property import verifies
from lstm_spec import Backend, Problem

CELL = ("CELL-1", "CELL-2", "CELL-3", "CELL-4", "CELL-5", "CELL-6")
SEVERAL = tuple(range(2, 34))
LONG = range(400, 4101)
VERY_LONG = range(4_000, 20_001)
ANY_SIZE = problems(
    T=(1, 2, 3, 5),
    x="dense huge enormous astronomic minute tiny",
    W="dense small tiny minute huge",
    c="dense huge enormous astronomic minute tiny",
    h="within-1 huge tiny",
)


@verifies(*CELL, "SEQ-1", "SEQ-2", "SEQ-4", "ACC-1", on=problems())
def the_answer_is_that_of_the_equations(backend: Backend, problem: Problem) -> None:
    assert_conforms(backend, backend.forward(problem), problem)


@verifies(*CELL, "SEQ-4", on=problems(T=1, h="dense wide large within-1", c="dense wide large huge mixed"))
def a_step_from_any_state_is_that_of_the_equations(backend: Backend, problem: Problem) -> None:
    assert_conforms(backend, backend.forward(problem), problem)


@verifies(*CELL, "ACC-1", on=ANY_SIZE)
def numbers_of_any_size_are_read_as_they_are(backend: Backend, problem: Problem) -> None:
    assert_conforms(backend, backend.forward(problem), problem)


def of_length(T: range, **kinds: str) -> Recipe:
    return problems(T=T, B=(1, 2, 3), I=(1, 2, 3), H=(1, 2, 3, 5, 8), several="T", **kinds)


AT_ANY_LENGTH = by_reach(of_length(LONG), full=of_length(VERY_LONG, W=ANY_SCALE, U=ANY_SCALE))


@verifies("SEQ-1", "CELL-5", on=AT_ANY_LENGTH, long=True)
def a_long_sequence_is_read_to_its_end(backend: Backend, problem: Problem) -> None:
    assert_conforms(backend, backend.forward(problem), problem)


@verifies("CONTRACT-2", on=with_seed(problems(T=(1, 2, 3, 5))))
def a_second_problem_of_the_same_shapes_gets_an_answer_of_its_own(backend: Backend, drawn: tuple[Problem, int]) -> None:
    """Everything differs in it, or one thing alone: what was kept of the first call would show."""
    problem, seed = drawn
    second = redraw_numbers(problem, seed, ("WUbxhc", *"WUbxhc")[seed % 7])
    backend.forward(problem)
    assert_conforms(backend, backend.forward(second), second)


@verifies("SEQ-4", "SEQ-5", on=splits(problems, T=SEVERAL, whole=False))
def the_rest_of_a_sequence_conforms_from_the_state_its_head_left(backend: Backend, split: Split) -> None:
    head = backend.forward(split.head)
    assert_conforms(backend, head, split.head)
    tail = split.tail(head.state)
    answer = backend.forward(tail)
    assert_answer_shaped(answer, tail)
    assert_conforms(backend, answer, tail)
