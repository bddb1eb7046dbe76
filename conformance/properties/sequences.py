"""What every sequence reader of this kind does, whatever its gates compute: splits, causality, symmetries.

Two runs are compared through the propagated bound of both, on short and tame problems.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.comparison import STEP, assert_agree, assert_same
from conformance.assertions.forward import assert_answers_agree, assert_conforms, free_run
from conformance.assertions.shapes import assert_answer_shaped
from conformance.outcome import Inconclusive
from conformance.problems.derived import if_single_steps_are_allowed, of_few_sizes, with_seed
from conformance.problems.question import Split, with_gates
from conformance.problems.recipes import problems, splits, tame_problems
from conformance.problems.sizes import SMALL
from conformance.property import verifies
from lstm_spec import Answer, Backend, Feature, Gate, Problem, State
from lstm_spec.types import Array

SEVERAL = SMALL["T"][1:]
TAME = tame_problems(T=SEVERAL)
Seeded = tuple[Problem, int]


@verifies("SEQ-4", "SEQ-3", on=splits(tame_problems, T=SEVERAL))
def a_sequence_may_be_continued_from_the_state_it_left(backend: Backend, split: Split) -> None:
    """Head and tail together are one more way of reading the whole."""
    whole, head = backend.forward(split.whole), read_shaped(backend, split.head)
    tail = read_shaped(backend, split.tail(head.state))
    assert_same_reading(backend, split.whole, whole, join_answers(head, tail))


@verifies(
    "SEQ-5", "SEQ-1", "SEQ-4", on=if_single_steps_are_allowed(of_few_sizes(tame_problems(T=SEVERAL, several="T")))
)
def a_sequence_may_be_read_one_step_at_a_time(backend: Backend, problem: Problem) -> None:
    whole = backend.forward(problem)
    steps = read_shaped(backend, replace(problem, x=problem.x[:1]))
    for t in range(1, len(problem.x)):
        steps = join_answers(steps, read_shaped(backend, replace(problem, x=problem.x[t : t + 1], state=steps.state)))
    assert_same_reading(backend, problem, whole, steps)


def read_shaped(backend: Backend, problem: Problem) -> Answer:
    """The answer, once its shapes are right: it is taken apart, and its state is asked about."""
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    return answer


def join_answers(head: Answer, tail: Answer) -> Answer:
    return Answer(np.concatenate([head.y, tail.y]), tail.state)


def assert_same_reading(backend: Backend, problem: Problem, one: Answer, other: Answer) -> None:
    assert_answers_agree(backend, (problem, one), (problem, other), handed_on=True)


@verifies("SEQ-5", on=with_seed(problems(T=(2, 3, 4, 5, 8, 17), several="T")))
def what_comes_later_alters_nothing_before_it(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    t = 1 + seed % (len(problem.x) - 1)
    x = problem.x.copy()
    x[t:] = np.random.default_rng(seed).standard_normal(x[t:].shape) * 3
    changed = replace(problem, x=frozen(x))
    one, other = backend.forward(problem), backend.forward(changed)
    if backend.offers(Feature.DETERMINISTIC):
        assert_answer_shaped(one, problem)
        assert_answer_shaped(other, problem)
        assert_same("y before the change", other.y[:t], one.y[:t], STEP)
    else:
        assert_conforms(backend, one, problem)
        assert_conforms(backend, other, changed)


@verifies("NET-1", on=with_seed(tame_problems(B=(2, 2, 3, 4, 5), several="B")))
def samples_do_not_influence_each_other(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    rng, b = np.random.default_rng(seed), seed % problem.x.shape[1]
    others = np.arange(problem.x.shape[1]) != b
    x, h, c = problem.x.copy(), problem.state.h.copy(), problem.state.c.copy()
    for a in (x, h, c):
        a[:, others] = rng.uniform(-1, 1, a[:, others].shape)
    changed = replace(problem, x=frozen(x), state=State(frozen(h), frozen(c)))
    one, other = backend.forward(problem), backend.forward(changed)
    assert_answer_shaped(one, problem)
    assert_answer_shaped(other, changed)
    mine, yours = free_run(backend, problem), free_run(backend, changed)
    assert_agree(
        "y of the same sample", ("t", "unit"), one.y[:, b], other.y[:, b], mine.h.error[:, b], yours.h.error[:, b]
    )
    final = (mine.last.error[b], yours.last.error[b])
    assert_agree("c_T of the same sample", ("unit",), one.state.c[0, b], other.state.c[0, b], *final)


@verifies("NET-1", on=with_seed(tame_problems(B=(2, 3, 3, 4, 5), several="B")))
def permuting_the_samples_permutes_the_answer(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    order = np.random.default_rng(seed).permutation(problem.x.shape[1])
    state = State(problem.state.h[:, order], problem.state.c[:, order])
    assert_equivalent(backend, problem, replace(problem, x=problem.x[:, order], state=state), batch=order)


@verifies("NET-2", on=with_seed(tame_problems(H=(2, 3, 4, 5, 7), several="H")))
def permuting_the_units_permutes_the_answer(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    order = np.random.default_rng(seed).permutation(problem.sizes[3])
    permuted = with_gates(problem, lambda _, gate: Gate(gate.W[order], gate.U[order][:, order], gate.b[order]))
    state = State(problem.state.h[..., order], problem.state.c[..., order])
    assert_equivalent(backend, problem, replace(permuted, state=state), unit=order)


@verifies("NET-2", on=with_seed(tame_problems(I=(2, 3, 4, 5), several="I")))
def permuting_the_inputs_with_their_weights_changes_nothing(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    order = np.random.default_rng(seed).permutation(problem.sizes[2])
    permuted = with_gates(problem, lambda _, gate: gate._replace(W=gate.W[:, order]))
    assert_equivalent(backend, problem, replace(permuted, x=problem.x[..., order]))


@verifies("NET-2", on=with_seed(of_few_sizes(TAME)))
def a_unit_that_nobody_reads_changes_nothing(backend: Backend, drawn: Seeded) -> None:
    problem, seed = drawn
    H, more = problem.sizes[3], backend.description.shapes.H.step
    if H + more not in backend.description.shapes.H:
        raise Inconclusive(f"its shapes have no size above H = {H}")
    rng = np.random.default_rng(seed)
    larger = with_gates(problem, lambda _, gate: _with_units(gate, more, rng))
    B, dtype = problem.x.shape[1], problem.dtype
    new = np.full((1, B, more), 0.5, dtype)
    state = State(*(frozen(np.concatenate([a, new], axis=2)) for a in problem.state))
    assert_equivalent(backend, problem, replace(larger, state=state))


def _with_units(gate: Gate, more: int, rng: np.random.Generator) -> Gate:
    """The gate with units that read the input and are read by nobody."""
    H, I = gate.W.shape
    U = np.zeros((H + more, H + more), gate.U.dtype)
    U[:H, :H] = gate.U
    W, b = rng.standard_normal((more, I)).astype(U.dtype), rng.standard_normal(more).astype(U.dtype)
    return Gate(frozen(np.concatenate([gate.W, W])), frozen(U), frozen(np.concatenate([gate.b, b])))


@verifies("CELL-3", "CELL-6", on=TAME)
def negating_the_candidate_and_the_state_negates_the_answer(backend: Backend, problem: Problem) -> None:
    """The cell is odd in (h, c) once the candidate's weights follow."""
    negated = with_gates(
        problem,
        lambda k, gate: Gate(-gate.W, gate.U, -gate.b) if k == "g" else gate._replace(U=-gate.U),
    )
    assert_equivalent(backend, problem, replace(negated, state=State(-problem.state.h, -problem.state.c)), sign=-1)


@verifies("CELL-1", "CELL-2", "CELL-3", "CELL-4", on=TAME)
def negating_the_inputs_with_their_weights_changes_nothing(backend: Backend, problem: Problem) -> None:
    negated = with_gates(problem, lambda _, gate: gate._replace(W=-gate.W))
    assert_equivalent(backend, problem, replace(negated, x=-problem.x))


@verifies("CELL-1", "CELL-2", "CELL-3", "CELL-4", "SEQ-4", on=tame_problems(T=1, b="zero", h="one-hot"))
def a_hidden_state_of_one_unit_may_be_folded_into_the_bias(backend: Backend, problem: Problem) -> None:
    """With b = 0 and h_0 a unit vector, U h_0 is a column of U, to the last bit."""
    _, B, _, _ = problem.sizes
    column = int(problem.state.h.argmax()) % problem.sizes[3]
    h = np.zeros_like(problem.state.h)
    h[..., column] = 1
    asked = replace(problem, state=problem.state._replace(h=frozen(h)))
    folded = with_gates(asked, lambda _, gate: Gate(gate.W, gate.U, gate.U[:, column]))
    assert_equivalent(backend, asked, replace(folded, state=asked.state._replace(h=frozen(np.zeros_like(h)))))


@verifies("CELL-1", "CELL-2", "CELL-3", "CELL-4", "SEQ-1", on=with_seed(tame_problems(T=SEVERAL, b="zero")))
def a_constant_input_may_be_folded_into_the_bias(backend: Backend, drawn: Seeded) -> None:
    """With b = 0 and x_t the same unit vector throughout, W x_t is a column of W, to the last bit."""
    problem, seed = drawn
    column = seed % problem.sizes[2]
    x = np.zeros_like(problem.x)
    x[..., column] = 1
    asked = replace(problem, x=frozen(x))
    folded = with_gates(asked, lambda _, gate: Gate(gate.W, gate.U, gate.W[:, column]))
    assert_equivalent(backend, asked, replace(folded, x=frozen(np.zeros_like(x))))


def assert_equivalent(
    backend: Backend,
    problem: Problem,
    other: Problem,
    batch: Array | None = None,
    unit: Array | None = None,
    sign: int = 1,
) -> None:
    """Refuted unless the other problem's answer is this one's, up to an order of samples, of units, and a sign."""
    one, two = backend.forward(problem), backend.forward(other)
    assert_answer_shaped(one, problem)
    assert_answer_shaped(two, other)
    mine, yours = free_run(backend, problem), free_run(backend, other)

    def move(a: Any) -> Array:
        a = a if batch is None else a[..., batch, :]
        return np.asarray(a if unit is None else a[..., unit])

    def cut(a: Any) -> Array:
        return np.asarray(a[..., : problem.sizes[3]])

    assert_agree("y", STEP, sign * cut(two.y), move(one.y), cut(yours.h.error), move(mine.h.error))
    final = (cut(yours.last.error), move(mine.last.error))
    assert_agree("c_T", ("batch", "unit"), sign * cut(two.state.c[0]), move(one.state.c[0]), *final)
