"""Known faults: directions."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp
import numpy as np

from conformance.faults.networks.registering import around, forward, gradient, map_state, reverse_all_steps
from conformance.faults.parts import Memory, Parts, Reader, Rows, turn_steps
from conformance.faults.primitives import Value, make_zeros, replace_gradient, select_where, stop_gradient
from lstm_spec import Answer, Backend, Parameters, Problem, State


@forward("directions", "DIR-1", "stanfordmlgroup/nlc#8")
def ignores_the_reverse_direction(parts: Parts) -> Parts:
    """Every direction reads from the first step."""
    return replace(parts, turn=lambda r, x: x, turn_back=lambda r, y: y)


@forward("directions", "DIR-1", "tensorflow/tensor2tensor#859")
def moves_the_padding_to_the_front(parts: Parts) -> Parts:
    """The whole is reversed, and L steps are read of it, from the padding on."""
    return replace(parts, turn=reverse_all_steps, turn_back=reverse_all_steps)


@forward("directions", "DIR-1", "deeplearning4j/deeplearning4j#1030, onnx/onnx-tensorflow#342")
def begins_in_the_padding(parts: Parts) -> Parts:
    """In reverse all steps are read, those of the padding first."""

    def turn_back(r: Reader, y: Value) -> Value:
        within = (np.arange(len(y))[:, None] < r.lengths)[..., None]
        return select_where(within, y[::-1], make_zeros(y)) if r.reverse else y

    return replace(
        parts,
        lengths=lambda r: np.full_like(r.lengths, len(r.problem.x)) if r.reverse else r.lengths,
        turn=reverse_all_steps,
        turn_back=turn_back,
    )


@forward("directions", "DIR-2", "keras-team/keras#1674")
def leaves_the_outputs_in_the_order_of_reading(parts: Parts) -> Parts:
    """The first output of a reverse direction is that of the last step."""
    return replace(parts, turn_back=lambda r, y: y)


@forward("directions", "DIR-2")
def turns_the_outputs_back_with_the_padding(parts: Parts) -> Parts:
    """The outputs of a reverse direction stand at the end, the padding in front."""
    return replace(parts, turn_back=reverse_all_steps)


@forward("directions", "DIR-2", part="turn_back")
def sets_reverse_outputs_one_step_early(r: Reader, y: Value) -> Value:
    """In reverse y_t is what was read from t + 1 on, as a language model wants it."""
    y = turn_steps(r, y)
    return anp.concatenate([y[1:], 0 * y[:1]]) if r.reverse else y


@forward("directions", "DIR-1")
def reverses_the_batch_instead_of_the_steps(parts: Parts) -> Parts:
    """In reverse the last sample is read first."""

    def turn(r: Reader, a: Value) -> Value:
        return a[:, ::-1] if r.reverse else a

    return replace(parts, turn=turn, turn_back=turn)


@forward("directions", "DIR-1", "kraiskil/onnx2c#95")
def reverses_the_inputs_instead_of_the_steps(parts: Parts) -> Parts:
    """In reverse the last number of an input is read first."""
    return replace(parts, turn=lambda r, x: x[..., ::-1] if r.reverse else x, turn_back=lambda r, y: y)


@forward("directions", "DIR-1")
def reads_forward_above_the_first_layer(parts: Parts) -> Parts:
    """Every direction of the layers above reads from the first step."""

    def turning(r: Reader, a: Value) -> Value:
        return a if r.layer else turn_steps(r, a)

    return replace(parts, turn=turning, turn_back=turning)


def join_halves(change: Callable[[Value, Value], list[Value]]) -> Callable[[Reader, list[Value]], Value]:
    """If there are two directions, their changed outputs side by side."""
    return lambda r, ys: anp.concatenate(ys if len(ys) == 1 else change(*ys), axis=-1)


@forward("directions", "DIR-4")
def sets_reverse_before_forward(parts: Parts) -> Parts:
    """The outputs of the reverse direction stand first."""
    return replace(parts, join=join_halves(lambda one, two: [two, one]))


@forward("directions", "DIR-4")
def returns_the_forward_outputs_twice(parts: Parts) -> Parts:
    """The outputs of the reverse direction are those of the forward one."""
    return replace(parts, join=join_halves(lambda one, two: [one, one]))


def interleave_halves(a: Value) -> Value:
    """Features (D, P) laid out as (P, D)."""
    two = anp.reshape(a, (*a.shape[:-1], 2, a.shape[-1] // 2))
    return anp.reshape(anp.swapaxes(two, -1, -2), a.shape)


@forward("directions", "DIR-4")
def interleaves_the_directions(parts: Parts) -> Parts:
    """The outputs of the directions stand unit by unit."""
    return replace(parts, join=join_halves(lambda one, two: [interleave_halves(anp.concatenate([one, two], axis=-1))]))


@around("contract", "directions", "DIR-4", part="forward")
def sums_the_directions(network: Backend, problem: Problem) -> Answer:
    """The outputs of the directions are added up."""
    answer, P = network.forward(problem), problem.P
    return replace(answer, y=answer.y[..., :P] + answer.y[..., P:]) if len(problem.directions) > 1 else answer


def change_rows(change: Callable[[tuple[Parameters, ...]], tuple[Parameters, ...]]) -> Callable[[Problem, Rows], Rows]:
    """If there are two directions, the changed parameters of each layer."""
    return lambda problem, rows: tuple(change(row) if len(row) > 1 else row for row in rows)


@forward("directions", "DIR-4")
def shares_the_weights_between_the_directions(parts: Parts) -> Parts:
    """The reverse direction has the weights of the forward one."""
    return replace(parts, weights=change_rows(lambda row: (row[0], row[0])))


@forward("directions", "DIR-4")
def exchanges_the_weights_of_the_directions(parts: Parts) -> Parts:
    """Each direction has the weights of the other."""
    return replace(parts, weights=change_rows(lambda row: (row[1], row[0])))


def start_from_rows(order: Callable[[int, int], list[int]]) -> Callable[[Problem, Value, Value], tuple[Value, Value]]:
    """Initial states from the rows that `order` gives for L and D."""

    def initial(problem: Problem, h: Value, c: Value) -> tuple[Value, Value]:
        where = np.array(order(len(problem.parameters), len(problem.directions)))
        return h[where], c[where]

    return initial


@forward("directions", "DIR-4")
def starts_the_reverse_direction_from_the_forward_state(parts: Parts) -> Parts:
    """Both directions start from the forward one's state."""
    return replace(parts, initial=start_from_rows(lambda L, D: [k - k % D for k in range(L * D)]))


@forward("directions", "DIR-4")
def exchanges_the_initial_states_of_the_directions(parts: Parts) -> Parts:
    """Each direction starts from the state of the other."""
    return replace(parts, initial=start_from_rows(lambda L, D: [k ^ (D - 1) for k in range(L * D)]))


@forward("directions", "DIR-4")
def starts_the_reverse_direction_from_zeros(parts: Parts) -> Parts:
    """A reverse direction starts from zeros."""
    return replace(parts, start=lambda r, p, s, after: map_state(lambda a: a * 0, s) if r.reverse else s)


@forward("directions", "DIR-4")
def starts_the_reverse_direction_where_the_forward_one_ended(parts: Parts) -> Parts:
    """The reverse direction starts from the forward one's final state."""
    return replace(parts, start=lambda r, p, s, after: after[r.k - 1] if r.d else s)


def return_rows(order: Callable[[int, int], list[int]]) -> Callable[..., tuple[Value, State]]:
    """Final states from the rows that `order` gives for L and D."""

    def finish(problem: Problem, ys: list[Value], after: State) -> tuple[Value, State]:
        where = np.array(order(len(problem.parameters), len(problem.directions)))
        return ys[-1], map_state(lambda a: a[where], after)

    return finish


@forward("directions", "DIR-4")
def exchanges_the_final_states_of_the_directions(parts: Parts) -> Parts:
    """The final state of each direction is returned as that of the other."""
    return replace(parts, finish=return_rows(lambda L, D: [k ^ (D - 1) for k in range(L * D)]))


@forward("directions", "DIR-3", part="final")
def takes_the_reverse_state_at_the_last_step(r: Reader, states: list[Memory]) -> State:
    """The final state of a reverse direction is that after the step which it reads first."""
    last = states[:2][-1] if r.reverse else states[-1]
    return State(last.h, last.c)


@gradient("directions", "DIR-3", part="final")
def takes_the_cotangent_of_the_reverse_state_at_the_last_step(r: Reader, states: list[Memory]) -> State:
    """In reverse dL/dh_T and dL/dc_T enter at the step that is read first."""
    like = states[:2][-1] if r.reverse else states[-1]
    return State(replace_gradient(states[-1].h, like.h), replace_gradient(states[-1].c, like.c))


@gradient("directions", "NET-5")
def loses_the_input_gradient_of_the_reverse_direction(parts: Parts) -> Parts:
    """dx is that of the forward direction."""
    return replace(parts, inputs=lambda r, x: stop_gradient(x) if r.d and not r.layer else x)


@gradient("directions", "NET-5")
def sends_down_the_gradient_of_the_forward_direction_alone(parts: Parts) -> Parts:
    """What a layer sends to the one below is that of its forward direction."""
    return replace(parts, inputs=lambda r, x: stop_gradient(x) if r.d and r.layer else x)


@gradient("directions", "DIR-2")
def does_not_turn_the_input_gradient_back(parts: Parts) -> Parts:
    """The dx of a reverse direction stands in the order of reading."""
    return replace(parts, turn=lambda r, x: replace_gradient(turn_steps(r, x), x))


@gradient("directions", "DIR-2")
def does_not_turn_the_cotangents(parts: Parts) -> Parts:
    """A reverse direction reads dL/dy from the first step on."""
    return replace(parts, turn_back=lambda r, y: replace_gradient(turn_steps(r, y), y))
