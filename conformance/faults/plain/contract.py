"""Known faults: the contract of a backend."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import limits
from conformance.faults.plain.registering import change_each, contract, replace_gates
from lstm_spec import Answer, Backend, Cotangents, Feature, Gate, Gradients, Problem, State
from lstm_spec.types import each_array


@contract("CONTRACT-1", part="forward")
def writes_the_final_state_into_the_initial_one(right: Backend, problem: Problem) -> Answer:
    """The given c_0 is overwritten with c_T."""
    answer = right.forward(problem)
    if problem.state.c.flags.writeable:
        problem.state.c[...] = answer.state.c
    return answer


@contract("CONTRACT-1", part="gradients")
def scales_the_cotangents_in_place(right: Backend, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """dL/dy is halved in place, after it was used."""
    found = right.differentiate(problem, d)
    if d.y.flags.writeable:
        d.y[...] /= 2
    return found


@contract("SHAPE-6")
def loses_an_empty_batch(right: Backend) -> Backend:
    """An empty batch is answered as if it had one sample."""
    claimed = replace(right.description, features=right.description.features | {Feature.EMPTY_BATCH})

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        T, B, _, H = problem.sizes
        return replace(answer, y=np.zeros((T, 1, H), problem.dtype)) if B == 0 else answer

    return replace(right, forward=forward, description=claimed)


@contract("SHAPE-6", "a mean over no samples")
def divides_by_an_empty_batch(right: Backend) -> Backend:
    """The parameter gradients of an empty batch are 0/0."""
    claimed = replace(right.description, features=right.description.features | {Feature.EMPTY_BATCH})

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.differentiate(problem, d)
        if problem.x.shape[1] == 0:
            g = change_each(lambda a: np.full_like(a, np.nan))(problem, g)
        return answer, g

    return replace(right, gradients=gradients, description=claimed)


@contract("SHAPE-2", "tensorflow/tensorflow#60192", part="forward")
def answers_in_float64(right: Backend, problem: Problem) -> Answer:
    """Every output is float64, whatever was asked; at float64 the cell state is float32."""
    answer = right.forward(problem)
    other = np.float64 if problem.dtype == np.float32 else np.float32
    return Answer(answer.y.astype(other), State(*(a.astype(other) for a in answer.state)))


@contract("SHAPE-4", "tracel-ai/burn#872", part="forward")
def drops_an_axis_of_length_one(right: Backend, problem: Problem) -> Answer:
    """y loses its batch axis if B = 1."""
    answer = right.forward(problem)
    return replace(answer, y=answer.y[:, 0]) if problem.x.shape[1] == 1 else answer


@contract("SHAPE-3", part="gradients")
def drops_an_axis_of_length_one_from_the_gradient(
    right: Backend, problem: Problem, d: Cotangents
) -> tuple[Answer, Gradients]:
    """dx loses its last axis if I = 1."""
    answer, g = right.differentiate(problem, d)
    return answer, replace(g, x=g.x[..., 0]) if g.x.shape[-1] == 1 else g


@contract("SHAPE-1", part="forward")
def drops_the_layer_axis_of_the_state(right: Backend, problem: Problem) -> Answer:
    """h_T and c_T are (B, H)."""
    answer = right.forward(problem)
    return replace(answer, state=State(answer.state.h[0], answer.state.c[0]))


@contract("SHAPE-3", part="gradients")
def returns_the_input_gradient_batch_first(right: Backend, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """dx is (B, T, I)."""
    answer, g = right.differentiate(problem, d)
    return answer, replace(g, x=np.swapaxes(g.x, 0, 1))


@contract("CONTRACT-2")
def answers_differently_each_time(right: Backend) -> Backend:
    """The last bits are random, though it claims to be deterministic."""
    rng = np.random.default_rng(0)

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        noise = (1 + rng.choice([-1, 1], answer.y.shape) * limits(problem.dtype).eps).astype(problem.dtype)
        y = answer.y * noise
        return Answer(y, answer.state._replace(h=y[-1:])) if len(y) else answer

    return replace(right, forward=forward)


@contract("CONTRACT-2")
def keeps_the_weights_of_the_first_call(right: Backend) -> Backend:
    """Weights are cached by their shape."""
    cache: dict[Any, Any] = {}

    def forward(problem: Problem) -> Answer:
        key = (problem.sizes[2:], problem.dtype)
        return right.forward(replace(problem, parameters=cache.setdefault(key, problem.parameters)))

    return replace(right, forward=forward)


@contract("CONTRACT-2")
def answers_in_one_buffer(right: Backend) -> Backend:
    """The memory of an answer is used again for the next one of its shape."""
    buffers: dict[Any, Any] = {}

    def forward(problem: Problem) -> Answer:
        answer = right.forward(problem)
        y = buffers.setdefault((answer.y.shape, answer.y.dtype), answer.y)
        y[...] = answer.y
        return replace(answer, y=y)

    return replace(right, forward=forward)


@contract("CONTRACT-2", "gradients added to those of the call before")
def accumulates_gradients_over_calls(right: Backend) -> Backend:
    """Every gradient of a call is added to that of the last call of the same shape."""
    before: dict[Any, Gradients] = {}

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = right.differentiate(problem, d)
        key = (problem.sizes, problem.dtype, problem.x.dtype)
        before[key] = _add_gradients(before[key], g) if key in before else g
        return answer, before[key]

    return replace(right, gradients=gradients)


def _add_gradients(one: Gradients, other: Gradients) -> Gradients:
    rows = zip(one.parameters, other.parameters, strict=True)
    parameters = tuple(tuple(each_array(np.add, p, q) for p, q in zip(*both, strict=True)) for both in rows)
    state = State(*(a + b for a, b in zip(one.state, other.state, strict=True)))
    return Gradients(parameters, one.x + other.x, state)


@contract("NUM-1", "one check of all numbers, as for a scaled loss", part="forward")
def answers_nan_for_all_if_one_input_is_no_number(right: Backend, problem: Problem) -> Answer:
    """If any input is NaN or infinite, every output is NaN."""
    answer = right.forward(problem)
    if np.isfinite(problem.x).all():
        return answer
    return Answer(answer.y * np.nan, State(*(a * np.nan for a in answer.state)))


@contract("CONTRACT-4", part="forward")
def reads_memory_in_a_row(right: Backend, problem: Problem) -> Answer:
    """Strides are ignored: the numbers are read as they lie in memory."""
    x = problem.x
    base = x if x.base is None else x.base
    flat = np.frombuffer(base.tobytes(order="A"), x.dtype) if base.dtype == x.dtype else x.ravel()
    return right.forward(replace(problem, x=np.resize(flat, x.shape)))


@contract("CONTRACT-3", "chainer/chainer#5436", part="forward")
def answers_problems_that_do_not_fit(right: Backend, problem: Problem) -> Answer:
    """Superfluous inputs, units and samples are cut off."""
    H, I = problem.layer.g.W.shape
    B = problem.x.shape[1]
    gates = {k: Gate(gate.W, gate.U[:, :H], gate.b[:H]) for k, gate in problem.layer.gates.items()}
    state = State(*(a[:, :B] for a in problem.state))
    layer = replace_gates(problem.layer, **gates)
    return right.forward(replace(problem, parameters=((layer,),), x=problem.x[..., :I], state=state))
