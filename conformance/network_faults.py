"""Known mistakes in what is beyond the plain LSTM: lengths, directions, layers and variants. All of the plain is right.

Kinds as in `faults`. Each is there for a class of mistakes; where it was seen stands beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.tracer import getval

from conformance import faulty_network as right
from conformance.fault import Fault, registering
from conformance.faulty import Value, graded, rounded, selected, sigmoid, stop
from conformance.faulty_network import Memory, Network, Read, Reader, Rows, Seen, Shown, backend, reordered, turned
from lstm_spec import Answer, Backend, Cotangents, Gate, Gradients, Parameters, Problem, State
from lstm_spec.types import Array

Change = Callable[[Network], Network]

NETWORK_FAULTS: dict[str, Fault] = {}
OF_NETWORKS: dict[str, Any] = {"right": Network(), "build": backend}


_changing = registering(NETWORK_FAULTS, "change", **OF_NETWORKS)
forward = partial(_changing, "forward")
gradient = partial(_changing, "gradient")  # the parts of the gradient pass alone; the forward pass is right
around = registering(NETWORK_FAULTS, "wrap", **OF_NETWORKS)


def asking(change: Callable[[Problem], Problem], network: Backend) -> Backend:
    """The network, asked for another problem than the one given."""

    def forward(problem: Problem) -> Answer:
        return network.forward(change(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return network.gradients(change(problem), d)  # type: ignore[misc]

    return replace(network, forward=forward, gradients=gradients)


def with_lengths(change: Callable[[Array, int], Array], network: Backend) -> Backend:
    """The network, which takes lengths (of so many steps at most) for other ones."""

    def asked(problem: Problem) -> Problem:
        if problem.lengths is None:
            return problem
        return replace(problem, lengths=np.asarray(change(problem.lengths, len(problem.x)), np.int64))

    return asking(asked, network)


def zeros(a: Value) -> Array:
    return np.zeros_like(getval(a))


def wherever(valid: Any, a: Value, b: Value) -> Value:
    """a where it is valid, b elsewhere; `valid` need not have their shape."""
    return selected(np.broadcast_to(valid, getval(a).shape), a, b)


def backwards(a: Value) -> Value:
    """The whole of it, from the last step."""
    return a[::-1]


def of_each_state(change: Callable[[Value], Value], s: State) -> State:
    return State(*map(change, s))


# ---------------------------------------------------------------- lengths


@around("forward", "lengths", "LEN-1", "shiyybua/NER#47")
def ignores_the_lengths(network: Backend) -> Backend:
    """Every sequence is read to the last step."""
    return asking(lambda problem: replace(problem, lengths=None), network)


@around("forward", "lengths", "LEN-1")
def takes_the_longest_length_for_all(network: Backend) -> Backend:
    """Every sequence is read to the end of the longest."""
    return with_lengths(lambda lengths, T: np.full_like(lengths, lengths.max(initial=0)), network)


@around("forward", "lengths", "LEN-1")
def takes_the_first_length_for_all(network: Backend) -> Backend:
    """Every sequence is read to the end of the first."""
    return with_lengths(lambda lengths, T: np.full_like(lengths, lengths[0] if len(lengths) else 0), network)


@around("forward", "lengths", "LEN-1")
def reads_one_step_too_many(network: Backend) -> Backend:
    """The step after the last is read, too: t <= L."""
    return with_lengths(lambda lengths, T: np.minimum(lengths + 1, T), network)


@around("forward", "lengths", "LEN-1")
def stops_one_step_early(network: Backend) -> Backend:
    """The last step is not read: t < L - 1."""
    return with_lengths(lambda lengths, T: np.maximum(lengths - 1, 0), network)


@around("forward", "lengths", "LEN-4", "pytorch/pytorch#3662")
def sorts_the_lengths_but_not_the_sequences(network: Backend) -> Backend:
    """The lengths are read in descending order, the sequences as they stand."""
    return with_lengths(lambda lengths, T: np.sort(lengths)[::-1], network)


@around("forward", "lengths", "LEN-3")
def takes_a_length_of_0_for_1(network: Backend) -> Backend:
    """One step at least is read."""
    return with_lengths(lambda lengths, T: np.maximum(lengths, min(T, 1)), network)


@around("forward", "lengths", "LEN-3")
def takes_a_length_of_0_for_none(network: Backend) -> Backend:
    """A sequence of length 0 is read to the last step."""
    return with_lengths(lambda lengths, T: np.where(lengths == 0, T, lengths), network)


@around("contract", "lengths", "LEN-3")  # no probe of the diagnosis is empty; the refutation says it
def forgets_the_initial_state_where_there_are_no_steps(network: Backend) -> Backend:
    """With lengths, but without steps, the final state is zero."""

    def kept(problem: Problem, answer: Answer) -> Answer:
        empty = problem.lengths is not None and not len(problem.x)
        return replace(answer, state=of_each_state(np.zeros_like, answer.state)) if empty else answer

    def forward(problem: Problem) -> Answer:
        return kept(problem, network.forward(problem))

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = network.gradients(problem, d)  # type: ignore[misc]
        return kept(problem, answer), found

    return replace(network, forward=forward, gradients=gradients)


@forward("lengths", "LEN-1", "padding in front, as keras.utils.pad_sequences does")
def reads_the_last_steps(parts: Network) -> Network:
    """The padding is taken to stand in front: the last L steps are read."""

    def inputs(r: Reader, x: Value) -> Value:
        T, t = len(x), np.arange(len(x))[:, None]
        return x if r.layer else reordered(x, (t + T - r.lengths) % max(T, 1))

    return replace(parts, inputs=inputs)


@forward("lengths", "LEN-3", "thtrieu/qclass_dl#1")
def runs_on_through_the_padding(parts: Network) -> Network:
    """The state goes on beyond the length, from what stands there."""
    return replace(parts, masked=lambda r, x, valid: x, frozen=lambda r, valid, new, old: new)


@forward("lengths", "LEN-3", "pytorch/pytorch#517")
def runs_on_through_zeros(parts: Network) -> Network:
    """The state goes on beyond the length, from zeros."""
    return replace(parts, frozen=lambda r, valid, new, old: new)


@forward("lengths", "LEN-3")
def forgets_a_sequence_that_has_ended(parts: Network) -> Network:
    """The state beyond the length is zero."""

    def frozen(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
        return Memory(*(wherever(valid, a, zeros(a)) for a in new))

    return replace(parts, frozen=frozen)


@forward("lengths", "LEN-3", "keras-team/keras#1569")
def returns_the_last_output_as_the_final_hidden_state(parts: Network) -> Network:
    """h_T is y_T, which is zero where the sequence is shorter."""

    def final(r: Reader, states: list[Memory]) -> State:
        whole = (r.lengths == len(r.problem.x))[:, None]
        return State(wherever(whole, states[-1].h, zeros(states[-1].h)), states[-1].c)

    return replace(parts, final=final)


@forward("lengths", "LEN-3")
def freezes_the_hidden_state_but_not_the_cell_state(parts: Network) -> Network:
    """Beyond the length c goes on."""
    return replace(parts, frozen=lambda r, valid, new, old: right.frozen(r, valid, new, old)._replace(c=new.c))


@forward("lengths", "LEN-3")
def freezes_the_cell_state_but_not_the_hidden_state(parts: Network) -> Network:
    """Beyond the length h goes on."""

    def frozen(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
        return right.frozen(r, valid, new, old)._replace(h=new.h, fed=new.fed)

    return replace(parts, frozen=frozen)


@forward("lengths", "LEN-3")
def forgets_the_state_of_length_0(parts: Network) -> Network:
    """The final state of a sequence of length 0 is zero."""

    def final(r: Reader, states: list[Memory]) -> State:
        h, c, _ = states[-1]
        return (
            State(*(wherever((r.lengths > 0)[:, None], a, zeros(a)) for a in (h, c)))
            if len(states) > 1
            else State(h, c)
        )

    return replace(parts, final=final)


@forward("lengths", "LEN-2", "keras: zero_output_for_mask=False")
def repeats_the_last_output_in_the_padding(parts: Network) -> Network:
    """Beyond the length y is h_L."""
    return replace(parts, output=lambda r, valid, new, after: after.h)


@forward("lengths", "LEN-2")
def returns_what_it_computes_in_the_padding(parts: Network) -> Network:
    """Beyond the length y is what a step from the last state would give."""
    return replace(parts, output=lambda r, valid, new, after: new.h)


@forward("lengths", "LEN-1", "apache/mxnet#5546")
def masks_the_state_by_multiplication(parts: Network) -> Network:
    """m s_t + (1 - m) s_{t-1}: what is no number in the padding is none in the state."""

    def frozen(r: Reader, valid: Array, new: Memory, old: Memory) -> Memory:
        m = valid.astype(r.problem.dtype)
        return Memory(*(m * a + (1 - m) * b for a, b in zip(new, old, strict=True)))

    return replace(parts, masked=lambda r, x, valid: x, frozen=frozen)


@forward("lengths", "LEN-2")
def masks_the_outputs_by_multiplication(parts: Network) -> Network:
    """m y: what is no number in the padding is none in the output."""

    def output(r: Reader, valid: Array, new: Memory, after: Memory) -> Value:
        return valid.astype(r.problem.dtype) * new.h

    return replace(parts, masked=lambda r, x, valid: x if r.layer == 0 else right.masked(r, x, valid), output=output)


@forward("lengths", "LEN-1")
def forgets_the_lengths_above_the_first_layer(parts: Network) -> Network:
    """The layers above read to the last step."""
    return replace(parts, lengths=lambda r: np.full_like(r.lengths, len(r.problem.x)) if r.layer else r.lengths)


def longest_first(problem: Problem) -> Array:
    """In which order the samples stand when they are sorted by length."""
    assert problem.lengths is not None
    return np.argsort(-problem.lengths, kind="stable")


@forward("lengths", "LEN-4")
def leaves_the_outputs_sorted_by_length(parts: Network) -> Network:
    """Sequences are read longest first, and the outputs left in that order."""

    def returned(problem: Problem, ys: list[Value], after: State) -> tuple[Value, State]:
        return (ys[-1] if problem.lengths is None else ys[-1][:, longest_first(problem)]), after

    return replace(parts, returned=returned)


@forward("lengths", "LEN-4")
def leaves_the_states_sorted_by_length(parts: Network) -> Network:
    """Sequences are read longest first, and the final states left in that order."""

    def returned(problem: Problem, ys: list[Value], after: State) -> tuple[Value, State]:
        if problem.lengths is None:
            return ys[-1], after
        return ys[-1], of_each_state(lambda a: a[:, longest_first(problem)], after)

    return replace(parts, returned=returned)


@forward("lengths", "LEN-4", "PaddlePaddle/Paddle#7792")
def does_not_sort_the_initial_states(parts: Network) -> Network:
    """Sequences are read longest first, each from the state that stands where it then is."""

    def initial(problem: Problem, h: Value, c: Value) -> tuple[Value, Value]:
        if problem.lengths is None:
            return h, c
        where = np.argsort(longest_first(problem))
        return h[:, where], c[:, where]

    return replace(parts, initial=initial)


@gradient("lengths", "LEN-6")
def takes_the_cotangent_of_the_final_state_at_the_last_step(parts: Network) -> Network:
    """dL/dh_T and dL/dc_T enter at T, and are lost where the sequence is shorter."""

    def cotangents(problem: Problem, d: Cotangents) -> Cotangents:
        if problem.lengths is None:
            return d
        whole = (problem.lengths == len(problem.x))[:, None]
        return replace(d, state=of_each_state(lambda a: a * whole, d.state))

    return replace(parts, cotangents=cotangents)


@gradient("lengths", "LEN-5")
def sends_back_the_cotangents_of_the_padding(parts: Network) -> Network:
    """The cotangents of the outputs beyond a length are added to that of its last step."""

    def output(r: Reader, valid: Array, new: Memory, after: Memory) -> Value:
        return graded(right.output(r, valid, new, after), after.h)

    return replace(parts, output=output)


@gradient("lengths", "LEN-5", "0 times NaN")
def selects_only_after_the_step(parts: Network) -> Network:
    """The step is taken in the padding, too, and its gradient is 0 times that of what stands there."""
    return replace(parts, masked=lambda r, x, valid: x)


@gradient("lengths", "LEN-5")
def leaves_an_input_gradient_in_the_padding(parts: Network) -> Network:
    """Beyond the length dx is that of the first step."""

    def gradients(problem: Problem, g: Gradients) -> Gradients:
        if problem.lengths is None or not len(g.x):
            return g
        within = (np.arange(len(g.x))[:, None] < problem.lengths)[..., None]
        return replace(g, x=np.where(within, g.x, g.x[:1] + 1))

    return replace(parts, gradients=gradients)


@around("gradient", "lengths", "LEN-5")
def counts_the_padding_in_the_parameter_gradients(network: Backend) -> Backend:
    """dW, dU and db are summed over all steps."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, g = network.gradients(problem, d)  # type: ignore[misc]
        _, whole = network.gradients(replace(problem, lengths=None), d)  # type: ignore[misc]
        return answer, g if problem.lengths is None else replace(g, parameters=whole.parameters)

    return replace(network, gradients=gradients)


@gradient("lengths", "LEN-6")
def loses_the_gradient_of_a_state_of_length_0(parts: Network) -> Network:
    """dh_0 and dc_0 are zero where nothing is read."""

    def gradients(problem: Problem, g: Gradients) -> Gradients:
        if problem.lengths is None:
            return g
        some = (problem.lengths > 0)[:, None]
        return replace(g, state=of_each_state(lambda a: np.where(some, a, 0), g.state))

    return replace(parts, gradients=gradients)


@around("contract", "lengths", "LEN-7")
def cuts_a_length_that_does_not_fit(network: Backend) -> Backend:
    """A length below 0 is taken for 0, one above T for T."""
    return with_lengths(lambda lengths, T: np.clip(lengths, 0, T), network)


@around("contract", "lengths", "CONTRACT-2", "a mask that is cached by its shape")
def keeps_the_lengths_of_the_first_call(network: Backend) -> Backend:
    """Lengths are cached by T and B."""
    cache: dict[Any, Array] = {}
    return with_lengths(lambda lengths, T: cache.setdefault((T, len(lengths)), lengths), network)


# ---------------------------------------------------------------- directions


@forward("directions", "DIR-1", "stanfordmlgroup/nlc#8")
def ignores_the_reverse_direction(parts: Network) -> Network:
    """Every direction reads from the first step."""
    return replace(parts, turned=lambda r, x: x, turned_back=lambda r, y: y)


@forward("directions", "DIR-1", "tensorflow/tensor2tensor#859")
def moves_the_padding_to_the_front(parts: Network) -> Network:
    """The whole is reversed, and L steps are read of it, from the padding on."""
    return replace(
        parts,
        turned=lambda r, x: backwards(x) if r.reverse else x,
        turned_back=lambda r, y: backwards(y) if r.reverse else y,
    )


@forward("directions", "DIR-1", "deeplearning4j/deeplearning4j#1030, onnx/onnx-tensorflow#342")
def begins_in_the_padding(parts: Network) -> Network:
    """In reverse all steps are read, those of the padding first."""

    def turned_back(r: Reader, y: Value) -> Value:
        if not r.reverse:
            return y
        within = (np.arange(len(y))[:, None] < r.lengths)[..., None]
        return wherever(within, backwards(y), zeros(y))

    return replace(
        parts,
        lengths=lambda r: np.full_like(r.lengths, len(r.problem.x)) if r.reverse else r.lengths,
        turned=lambda r, x: backwards(x) if r.reverse else x,
        turned_back=turned_back,
    )


@forward("directions", "DIR-2", "keras-team/keras#1674")
def leaves_the_outputs_in_the_order_of_reading(parts: Network) -> Network:
    """The first output of a reverse direction is that of the last step."""
    return replace(parts, turned_back=lambda r, y: y)


@forward("directions", "DIR-2")
def turns_the_outputs_back_with_the_padding(parts: Network) -> Network:
    """The outputs of a reverse direction stand at the end, the padding in front."""
    return replace(parts, turned_back=lambda r, y: backwards(y) if r.reverse else y)


@forward("directions", "DIR-2")
def sets_reverse_outputs_one_step_early(parts: Network) -> Network:
    """In reverse y_t is what was read from t + 1 on, as a language model wants it."""

    def turned_back(r: Reader, y: Value) -> Value:
        y = turned(r, y)
        return anp.concatenate([y[1:], 0 * y[:1]]) if r.reverse else y

    return replace(parts, turned_back=turned_back)


@forward("directions", "DIR-1")
def reverses_the_batch_instead_of_the_steps(parts: Network) -> Network:
    """In reverse the last sample is read first."""

    def turned(r: Reader, a: Value) -> Value:
        return a[:, ::-1] if r.reverse else a

    return replace(parts, turned=turned, turned_back=turned)


@forward("directions", "DIR-1", "kraiskil/onnx2c#95")
def reverses_the_inputs_instead_of_the_steps(parts: Network) -> Network:
    """In reverse the last number of an input is read first."""
    return replace(parts, turned=lambda r, x: x[..., ::-1] if r.reverse else x, turned_back=lambda r, y: y)


@forward("directions", "DIR-1")
def reads_forward_above_the_first_layer(parts: Network) -> Network:
    """Every direction of the layers above reads from the first step."""

    def turning(r: Reader, a: Value) -> Value:
        return a if r.layer else turned(r, a)

    return replace(parts, turned=turning, turned_back=turning)


def halves(change: Callable[[Value, Value], list[Value]]) -> Callable[[Reader, list[Value]], Value]:
    """Of two directions, what is made of their outputs side by side."""
    return lambda r, ys: anp.concatenate(ys if len(ys) == 1 else change(*ys), axis=-1)


@forward("directions", "DIR-4")
def sets_reverse_before_forward(parts: Network) -> Network:
    """The outputs of the reverse direction stand first."""
    return replace(parts, directed=halves(lambda one, two: [two, one]))


@forward("directions", "DIR-4")
def returns_the_forward_outputs_twice(parts: Network) -> Network:
    """The outputs of the reverse direction are those of the forward one."""
    return replace(parts, directed=halves(lambda one, two: [one, one]))


def interleaved(a: Value) -> Value:
    """Features (D, P) laid out as (P, D)."""
    two = anp.reshape(a, (*a.shape[:-1], 2, a.shape[-1] // 2))
    return anp.reshape(anp.swapaxes(two, -1, -2), a.shape)


@forward("directions", "DIR-4")
def interleaves_the_directions(parts: Network) -> Network:
    """The outputs of the directions stand unit by unit."""
    return replace(parts, directed=halves(lambda one, two: [interleaved(anp.concatenate([one, two], axis=-1))]))


@around("contract", "directions", "DIR-4")
def sums_the_directions(network: Backend) -> Backend:
    """The outputs of the directions are added up."""

    def forward(problem: Problem) -> Answer:
        answer, P = network.forward(problem), problem.P
        return replace(answer, y=answer.y[..., :P] + answer.y[..., P:]) if len(problem.directions) > 1 else answer

    return replace(network, forward=forward)


def each_row(change: Callable[[tuple[Parameters, ...]], tuple[Parameters, ...]]) -> Callable[[Problem, Rows], Rows]:
    """Of two directions, what is made of the parameters of each layer."""
    return lambda problem, rows: tuple(change(row) if len(row) > 1 else row for row in rows)


@forward("directions", "DIR-4")
def shares_the_weights_between_the_directions(parts: Network) -> Network:
    """The reverse direction has the weights of the forward one."""
    return replace(parts, weights=each_row(lambda row: (row[0], row[0])))


@forward("directions", "DIR-4")
def exchanges_the_weights_of_the_directions(parts: Network) -> Network:
    """Each direction has the weights of the other."""
    return replace(parts, weights=each_row(lambda row: (row[1], row[0])))


def reordered_states(order: Callable[[int, int], list[int]]) -> Callable[[Problem, Value, Value], tuple[Value, Value]]:
    """Initial states from other places, told by L and D."""

    def initial(problem: Problem, h: Value, c: Value) -> tuple[Value, Value]:
        where = np.array(order(len(problem.parameters), len(problem.directions)))
        return h[where], c[where]

    return initial


@forward("directions", "DIR-4")
def starts_the_reverse_direction_from_the_forward_state(parts: Network) -> Network:
    """Both directions start from the forward one's state."""
    return replace(parts, initial=reordered_states(lambda L, D: [k - k % D for k in range(L * D)]))


@forward("directions", "DIR-4")
def exchanges_the_initial_states_of_the_directions(parts: Network) -> Network:
    """Each direction starts from the state of the other."""
    return replace(parts, initial=reordered_states(lambda L, D: [k ^ (D - 1) for k in range(L * D)]))


@forward("directions", "DIR-4")
def starts_the_reverse_direction_from_zeros(parts: Network) -> Network:
    """A reverse direction starts from zeros."""
    return replace(parts, start=lambda r, p, s, after: of_each_state(lambda a: a * 0, s) if r.reverse else s)


@forward("directions", "DIR-4")
def starts_the_reverse_direction_where_the_forward_one_ended(parts: Network) -> Network:
    """The reverse direction starts from the forward one's final state."""
    return replace(parts, start=lambda r, p, s, after: after[r.k - 1] if r.d else s)


def reordered_finals(order: Callable[[int, int], list[int]]) -> Callable[..., tuple[Value, State]]:
    """Final states from other places, told by L and D."""

    def returned(problem: Problem, ys: list[Value], after: State) -> tuple[Value, State]:
        where = np.array(order(len(problem.parameters), len(problem.directions)))
        return ys[-1], of_each_state(lambda a: a[where], after)

    return returned


@forward("directions", "DIR-4")
def exchanges_the_final_states_of_the_directions(parts: Network) -> Network:
    """The final state of each direction is returned as that of the other."""
    return replace(parts, returned=reordered_finals(lambda L, D: [k ^ (D - 1) for k in range(L * D)]))


@forward("directions", "DIR-3")
def takes_the_reverse_state_at_the_last_step(parts: Network) -> Network:
    """The final state of a reverse direction is that after the step which it reads first."""

    def final(r: Reader, states: list[Memory]) -> State:
        last = states[:2][-1] if r.reverse else states[-1]
        return State(last.h, last.c)

    return replace(parts, final=final)


@gradient("directions", "DIR-3")
def takes_the_cotangent_of_the_reverse_state_at_the_last_step(parts: Network) -> Network:
    """In reverse dL/dh_T and dL/dc_T enter at the step that is read first."""

    def final(r: Reader, states: list[Memory]) -> State:
        like = states[:2][-1] if r.reverse else states[-1]
        return State(graded(states[-1].h, like.h), graded(states[-1].c, like.c))

    return replace(parts, final=final)


@gradient("directions", "NET-5")
def loses_the_input_gradient_of_the_reverse_direction(parts: Network) -> Network:
    """dx is that of the forward direction."""
    return replace(parts, inputs=lambda r, x: stop(x) if r.d and not r.layer else x)


@gradient("directions", "NET-5")
def sends_down_the_gradient_of_the_forward_direction_alone(parts: Network) -> Network:
    """What a layer sends to the one below is that of its forward direction."""
    return replace(parts, inputs=lambda r, x: stop(x) if r.d and r.layer else x)


@gradient("directions", "DIR-2")
def does_not_turn_the_input_gradient_back(parts: Network) -> Network:
    """The dx of a reverse direction stands in the order of reading."""
    return replace(parts, turned=lambda r, x: graded(turned(r, x), x))


@gradient("directions", "DIR-2")
def does_not_turn_the_cotangents(parts: Network) -> Network:
    """A reverse direction reads dL/dy from the first step on."""
    return replace(parts, turned_back=lambda r, y: graded(turned(r, y), y))


# ---------------------------------------------------------------- layers


def above(change: Callable[[Value], Value]) -> Callable[..., Value]:
    """What the layer above reads, made of what it should."""
    return lambda r, y, x, reads: change(y)


@forward("layers", "NET-3")
def passes_a_sequence_on_one_step_late(parts: Network) -> Network:
    """A layer reads at t what the one below returned at t - 1."""
    return replace(parts, passed=above(lambda y: anp.concatenate([0 * y[:1], y[:-1]])))


@forward("layers", "NET-3")
def squashes_between_the_layers(parts: Network) -> Network:
    """A layer reads tanh(y) of the one below."""
    return replace(parts, passed=above(anp.tanh))


@forward("layers", "NET-3")
def rounds_to_16_bits_between_the_layers(parts: Network) -> Network:
    """A layer reads what the one below returned, rounded to float16."""
    return replace(parts, passed=above(lambda y: rounded(y, np.float16)))


@forward("layers", "NET-3", "srvk/eesen#41")
def leaves_the_dropout_on_between_the_layers(parts: Network) -> Network:
    """Every second unit is not passed on, the others twofold."""
    return replace(parts, passed=above(lambda y: y * (2 * (np.arange(y.shape[-1]) % 2 == 0)).astype(getval(y).dtype)))


@forward("layers", "NET-3", "microsoft/nni#2842, pytorch/examples#167")
def passes_the_cell_state_on(parts: Network) -> Network:
    """A layer reads the cell states of the one below, where they are as wide as its outputs."""

    def passed(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
        _, B, _, H = r.problem.sizes
        if r.problem.P != H or not len(y):
            return y
        readers = [r._replace(d=d) for d in range(len(reads))]
        cells = [turned(r, anp.array([s.c for s in one.states[1:]])) for r, one in zip(readers, reads, strict=True)]
        cells = [wherever((np.arange(len(y))[:, None] < r.lengths)[..., None], c, zeros(c)) for c in cells]
        return anp.concatenate(cells, axis=-1)

    return replace(parts, passed=passed)


@forward("layers", "NET-3", "KimUyen/ConvLSTM-Pytorch#4")
def lets_every_layer_read_the_input(parts: Network) -> Network:
    """Every layer reads x, cut or filled with zeros to its width."""

    def passed(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
        missing = y.shape[-1] - x.shape[-1]
        filled = np.zeros((*x.shape[:2], max(missing, 0)), r.problem.dtype)
        return anp.concatenate([x[..., : y.shape[-1]], filled], axis=-1)

    return replace(parts, passed=passed)


@forward("layers", "NET-3", "residual connections")
def adds_what_a_layer_read_to_what_it_passes_on(parts: Network) -> Network:
    """A layer reads y + x of the one below, where they are of one width."""
    return replace(parts, passed=lambda r, y, x, reads: y + x if y.shape == x.shape else y)


@forward("layers", "NET-3")
def passes_only_the_forward_half_on(parts: Network) -> Network:
    """A layer reads zeros for the reverse direction of the one below."""

    def passed(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
        P = r.problem.P
        return anp.concatenate([y[..., :P], 0 * y[..., P:]], axis=-1)

    return replace(parts, passed=passed)


@forward("layers", "NET-3")
def passes_reverse_before_forward_on(parts: Network) -> Network:
    """A layer reads the reverse direction of the one below first."""

    def passed(r: Reader, y: Value, x: Value, reads: list[Read]) -> Value:
        P = r.problem.P
        return anp.concatenate([y[..., P:], y[..., :P]], axis=-1) if len(reads) > 1 else y

    return replace(parts, passed=passed)


@forward("layers", "NET-3", "TensorFlow 1: MultiRNNCell in bidirectional_dynamic_rnn")
def keeps_the_directions_apart(parts: Network) -> Network:
    """Each direction reads of the layer below its own direction alone."""

    def inputs(r: Reader, x: Value) -> Value:
        if not r.layer or len(r.problem.directions) == 1:
            return x
        mine = np.arange(x.shape[-1]) // r.problem.P == r.d
        return wherever(mine, x, zeros(x))

    return replace(parts, inputs=inputs)


@forward("layers", "NET-3")
def returns_the_outputs_of_the_first_layer(parts: Network) -> Network:
    """y is that of the first layer."""
    return replace(parts, returned=lambda problem, ys, after: (ys[0], after))


@forward("layers", "NET-4", "OpenNMT/OpenNMT-py#61")
def orders_the_states_by_direction_first(parts: Network) -> Network:
    """A state stands at direction · L + layer."""
    return replace(parts, place=lambda r: r.d * len(r.problem.parameters) + r.layer)


@forward("layers", "NET-4", "pytorch/pytorch#95137")
def starts_the_layers_above_from_zeros(parts: Network) -> Network:
    """Only the first layer starts from the given state."""
    return replace(parts, start=lambda r, p, s, after: of_each_state(lambda a: a * 0, s) if r.layer else s)


@forward("layers", "NET-4")
def starts_all_layers_from_the_first_ones_state(parts: Network) -> Network:
    """Every layer starts from the state of the first."""
    return replace(parts, initial=reordered_states(lambda L, D: [k % D for k in range(L * D)]))


@forward("layers", "NET-4", "salesforce/awd-lstm-lm#116")
def starts_a_layer_where_the_one_below_ended(parts: Network) -> Network:
    """A layer starts from the final state of the one below."""
    return replace(parts, start=lambda r, p, s, after: after[r.k - len(r.problem.directions)] if r.layer else s)


@forward("layers", "NET-4")
def returns_the_final_state_of_the_last_layer_for_all(parts: Network) -> Network:
    """Every layer's final state is that of the last."""
    return replace(parts, returned=reordered_finals(lambda L, D: [(L - 1) * D + k % D for k in range(L * D)]))


@forward("layers", "NET-4")
def returns_the_states_last_layer_first(parts: Network) -> Network:
    """The final states stand from the last layer to the first."""
    return replace(parts, returned=reordered_finals(lambda L, D: [(L - 1 - k // D) * D + k % D for k in range(L * D)]))


def changed_layers(change: Callable[[Rows, int, int], Parameters]) -> Callable[[Problem, Rows], Rows]:
    """The parameters that a layer has in a direction, of those of all."""
    return lambda problem, rows: tuple(
        tuple(change(rows, layer, d) for d in range(len(row))) for layer, row in enumerate(rows)
    )


def with_parts_of(p: Parameters, other: Parameters, names: str = "Ubp") -> Parameters:
    """The one's parameters, but for what the other's gates have by these names, and its projection."""

    def gate(mine: Gate | None, yours: Gate | None) -> Gate | None:
        return mine and mine._replace(**{name: getattr(yours, name) for name in names})

    i, f, g, o = (gate(getattr(p, k), getattr(other, k)) for k in "ifgo")
    assert i and g and o
    return Parameters(i, f, g, o, other.R)


@forward("layers", "NET-3")
def uses_the_first_layers_recurrent_weights_in_all(parts: Network) -> Network:
    """U is that of the first layer everywhere."""
    take = partial(with_parts_of, names="U")
    return replace(
        parts,
        weights=changed_layers(lambda rows, layer, d: take(rows[layer][d], rows[0][d])._replace(R=rows[layer][d].R)),
    )


@forward("layers", "NET-3")
def uses_the_second_layers_weights_in_all_above(parts: Network) -> Network:
    """The layers above the first, which are of one shape, share their weights."""
    return replace(parts, weights=changed_layers(lambda rows, layer, d: rows[min(layer, 1)][d]))


def _without_bias(p: Parameters) -> Parameters:
    def without(gate: Gate) -> Gate:
        return gate._replace(b=0 * gate.b)

    return Parameters(p.i and without(p.i), p.f and without(p.f), without(p.g), p.o and without(p.o), p.R)


@forward("layers", "NET-3")
def drops_the_bias_above_the_first_layer(parts: Network) -> Network:
    """The layers above have no bias."""
    weights = changed_layers(lambda rows, layer, d: _without_bias(rows[layer][d]) if layer else rows[layer][d])
    return replace(parts, weights=weights)


@gradient("layers", "NET-5")
def cuts_the_gradient_off_between_the_layers(parts: Network) -> Network:
    """No gradient goes into the layer below."""
    return replace(parts, passed=above(stop))


@gradient("layers", "NET-5")
def loses_the_cotangents_of_the_lower_final_states(parts: Network) -> Network:
    """Of dL/dh_T and dL/dc_T only those of the last layer count."""

    def cotangents(problem: Problem, d: Cotangents) -> Cotangents:
        lower = np.arange(len(d.state.h)) < len(d.state.h) - len(problem.directions)
        return replace(d, state=of_each_state(lambda a: np.where(lower[:, None, None], 0, a).astype(a.dtype), d.state))

    return replace(parts, cotangents=cotangents)


@gradient("layers", "NET-5")
def returns_the_gradients_last_layer_first(parts: Network) -> Network:
    """dU and db of the layers stand in the order in which they were found."""

    def gradients(problem: Problem, g: Gradients) -> Gradients:
        rows = changed_layers(lambda rows, layer, d: with_parts_of(rows[layer][d], rows[-1 - layer][d]))
        return replace(g, parameters=rows(problem, g.parameters))

    return replace(parts, gradients=gradients)


@gradient("layers", "NET-4")
def orders_the_state_gradients_by_direction_first(parts: Network) -> Network:
    """dh_0 and dc_0 stand at direction · L + layer."""

    def gradients(problem: Problem, g: Gradients) -> Gradients:
        L, D = len(problem.parameters), len(problem.directions)
        where = [layer * D + d for d in range(D) for layer in range(L)]
        return replace(g, state=of_each_state(lambda a: a[where], g.state))

    return replace(parts, gradients=gradients)


# ---------------------------------------------------------------- peepholes

Peeping = Callable[[Reader, str, dict[str, Value], Seen], Value | None]


def peeping(change: Callable[[str, Value, Seen], Value | None]) -> Peeping:
    """What a gate receives through its peephole p, told by its letter."""
    return lambda r, gate, p, seen: change(gate, p[gate], seen) if gate in p else None


def its_cell(gate: str, seen: Seen) -> Value:
    """The cell state that it should see."""
    return seen.new if gate == "o" else seen.old


@forward("peepholes", "VAR-2", "WebNN: the peephole of the output gate")
def shows_the_old_cell_state_to_the_output_gate(parts: Network) -> Network:
    """All gates see c_{t-1}."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * seen.old))


@forward("peepholes", "VAR-2")
def leaves_the_output_gate_without_a_peephole(parts: Network) -> Network:
    """The output gate does not see the cell state."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: None if gate == "o" else p * seen.old))


@forward("peepholes", "VAR-1")
def ignores_the_peepholes(parts: Network) -> Network:
    """No gate sees the cell state."""
    return replace(parts, peephole=lambda r, gate, p, seen: None)


@forward("peepholes", "VAR-1")
def ignores_the_peepholes_above_the_first_layer(parts: Network) -> Network:
    """No gate of the layers above sees the cell state."""
    return replace(parts, peephole=lambda r, gate, p, seen: None if r.layer else right.peephole(r, gate, p, seen))


@forward("peepholes", "VAR-1")
def swaps_the_peepholes_of_input_and_forget_gate(parts: Network) -> Network:
    """p_f is used for the input gate, p_i for the forget gate."""
    return replace(parts, peephole=_reading_peepholes("fio"))


def _reading_peepholes(order: str) -> Peeping:
    """The peepholes of these gates, used for i, f and o."""
    of = dict(zip("ifo", order, strict=True))
    return lambda r, gate, p, seen: p[of[gate]] * its_cell(gate, seen) if gate in p else None


@forward("peepholes", "VAR-1")
def shows_the_hidden_state_to_the_gates(parts: Network) -> Network:
    """The peepholes see h_{t-1}, where it is as wide as the cell state."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        return p * (seen.h if seen.h.shape == seen.old.shape else its_cell(gate, seen))

    return replace(parts, peephole=peeping(change))


@forward("peepholes", "VAR-1")
def shows_the_squashed_cell_state_to_the_gates(parts: Network) -> Network:
    """The peepholes see tanh(c)."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * anp.tanh(its_cell(gate, seen))))


@forward("peepholes", "VAR-1", "peepholes that are a matrix")
def shows_all_cells_to_every_unit(parts: Network) -> Network:
    """A gate sees the sum of p c over all cells."""
    return replace(
        parts,
        peephole=peeping(lambda gate, p, seen: anp.sum(p * its_cell(gate, seen), axis=1, keepdims=True)),
    )


@forward("peepholes", "VAR-1")
def shows_the_cell_state_to_the_candidate_too(parts: Network) -> Network:
    """The candidate has the input gate's peephole."""

    def peephole(r: Reader, gate: str, p: dict[str, Value], seen: Seen) -> Value | None:
        return right.peephole(r, gate, {**p, "g": p["i"]} if p else p, seen)

    def candidate(r: Reader, z: Value, received: Value | None) -> Value:
        return right.candidate(r, z if received is None else z + received, None)

    return replace(parts, peephole=peephole, candidate=candidate)


@forward("peepholes", "VAR-2", "Lasagne/Lasagne#448")
def adds_the_output_peephole_after_the_sigmoid(parts: Network) -> Network:
    """o = σ(z_o) + p_o c_t."""

    def opened(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
        if gate != "o" or received is None:
            return right.opened(r, gate, z, received)
        return sigmoid(z) + received

    return replace(parts, opened=opened)


@forward("peepholes", "VAR-2")
def shows_the_unbounded_cell_state_to_the_output_gate(parts: Network) -> Network:
    """The output gate sees the cell state as it was before it was bounded."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * (seen.raw if gate == "o" else seen.old)))


@gradient("peepholes", "VAR-1")
def leaves_the_peepholes_out_of_the_cell_gradient(parts: Network) -> Network:
    """No gradient goes through the peepholes into the cell state."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: p * stop(its_cell(gate, seen))))


@gradient("peepholes", "VAR-1")
def leaves_out_the_gradient_of_the_peepholes(parts: Network) -> Network:
    """dp is zero."""
    return replace(parts, peephole=peeping(lambda gate, p, seen: stop(p) * its_cell(gate, seen)))


@gradient("peepholes", "VAR-2")
def takes_the_gradient_of_the_output_peephole_from_the_old_cell_state(parts: Network) -> Network:
    """dp_o = Σ dz_o c_{t-1}."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        if gate != "o":
            return p * seen.old
        return stop(p) * seen.new + graded(zeros(seen.new), p * stop(seen.old))

    return replace(parts, peephole=peeping(change))


@gradient("peepholes", "VAR-1", "tensorflow/tensorflow#34171")
def lays_the_peepholes_along_the_batch_in_the_gradient(parts: Network) -> Network:
    """In dc_{t-1} the peepholes of i and f are broadcast along the wrong axis."""

    def change(gate: str, p: Value, seen: Seen) -> Value:
        c = its_cell(gate, seen)
        if gate == "o":
            return p * c
        B, H = c.shape
        along = np.repeat(stop(p), B).reshape(B, H)
        return p * stop(c) + graded(zeros(c), along * c)

    return replace(parts, peephole=peeping(change))


# ---------------------------------------------------------------- coupled gates


@forward("coupled gates", "VAR-3")
def takes_the_input_gate_for_what_the_forget_gate_leaves(parts: Network) -> Network:
    """The one gate there is forgets, and i = 1 - f."""
    return replace(parts, coupled=lambda r, i, z: (1 - i, i))


@forward("coupled gates", "VAR-3")
def forgets_nothing_where_the_gates_are_coupled(parts: Network) -> Network:
    """f = 1."""
    return replace(parts, coupled=lambda r, i, z: (i, 0 * i + 1))


@forward("coupled gates", "VAR-3")
def lets_the_forget_gate_equal_the_input_gate(parts: Network) -> Network:
    """f = i."""
    return replace(parts, coupled=lambda r, i, z: (i, i))


@forward("coupled gates", "VAR-3", "a forget bias added at run time")
def adds_one_to_the_coupled_forget_gate(parts: Network) -> Network:
    """f = σ(1 - z_i)."""
    return replace(parts, coupled=lambda r, i, z: (i, sigmoid(1 - z)))


@gradient("coupled gates", "VAR-3")
def lets_no_gradient_through_the_coupled_forget_gate(parts: Network) -> Network:
    """f = 1 - i is taken for a constant."""
    return replace(parts, coupled=lambda r, i, z: (i, 1 - stop(i)))


@gradient("coupled gates", "VAR-3")
def takes_the_gradient_of_the_coupled_forget_gate_with_the_wrong_sign(parts: Network) -> Network:
    """df = di in place of -di."""
    return replace(parts, coupled=lambda r, i, z: (i, graded(1 - i, i)))


# ---------------------------------------------------------------- without a forget gate


def keeping(kind: str, change: Callable[[Value, dict[str, Value]], Value]) -> Callable[..., Value]:
    """What is kept of the cell state by a kind without a forget gate, of it and of the gates."""
    return lambda r, c, gates: change(c, gates) if r.kind == kind else c


@forward("no forget gate", "VAR-7")
def forgets_one_in_a_thousand(parts: Network) -> Network:
    """c_t = 0.999 c_{t-1} + i g."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: 0.999 * c))


@forward("no forget gate", "VAR-7", "a forget gate with zero weights")
def forgets_half_without_a_forget_gate(parts: Network) -> Network:
    """f = σ(0)."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: 0.5 * c))


@forward("no forget gate", "VAR-7")
def keeps_nothing_without_a_forget_gate(parts: Network) -> Network:
    """c_t = i g."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: 0 * c))


@forward("no forget gate", "VAR-7")
def couples_the_gates_without_a_forget_gate(parts: Network) -> Network:
    """f = 1 - i."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: (1 - gates["i"]) * c))


@forward("no forget gate", "VAR-7")
def forgets_by_the_output_gate(parts: Network) -> Network:
    """f = o."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: gates["o"] * c))


@gradient("no forget gate", "VAR-7")
def lets_the_gradient_decay_without_a_forget_gate(parts: Network) -> Network:
    """Along the cell state dc_{t-1} = 0.999 dc_t."""
    return replace(parts, kept=keeping("no forget gate", lambda c, gates: graded(c, 0.999 * c)))


# ---------------------------------------------------------------- 1997


def squashing_1997(change: Callable[[Value], Value]) -> Callable[[Reader, Value], Value]:
    """Of the cell state of 1997."""
    return lambda r, c: change(c) if r.kind == "1997 simplified" else right.squash(r, c)


def candidate_1997(change: Callable[[Value], Value]) -> Callable[..., Value]:
    return lambda r, z, received: change(z) if r.kind == "1997 simplified" else right.candidate(r, z, received)


@forward("1997", "VAR-8", "MartinuzziFrancesco/torchrecurrent: OriginalLSTMCell")
def squashes_as_today(parts: Network) -> Network:
    """g = tanh(z), h = o tanh(c)."""
    return replace(parts, candidate=candidate_1997(anp.tanh), squash=squashing_1997(anp.tanh))


@forward("1997", "VAR-8")
def squashes_the_cell_state_as_today(parts: Network) -> Network:
    """h = o tanh(c)."""
    return replace(parts, squash=squashing_1997(anp.tanh))


@forward("1997", "VAR-8")
def squashes_the_candidate_as_today(parts: Network) -> Network:
    """g = tanh(z)."""
    return replace(parts, candidate=candidate_1997(anp.tanh))


@forward("1997", "VAR-8")
def forgets_the_factor_2_of_the_candidate(parts: Network) -> Network:
    """g = tanh(z/2)."""
    return replace(parts, candidate=candidate_1997(lambda z: anp.tanh(z / 2)))


@forward("1997", "VAR-8")
def doubles_todays_candidate(parts: Network) -> Network:
    """g = 2 tanh(z)."""
    return replace(parts, candidate=candidate_1997(lambda z: 2 * anp.tanh(z)))


@forward("1997", "VAR-8")
def does_not_centre_the_candidate(parts: Network) -> Network:
    """g = 4σ(z), without the - 2."""
    return replace(parts, candidate=candidate_1997(lambda z: 4 * sigmoid(z)))


@forward("1997", "VAR-8")
def forgets_one_in_a_thousand_of_1997(parts: Network) -> Network:
    """c_t = 0.999 c_{t-1} + i g."""
    return replace(parts, kept=keeping("1997 simplified", lambda c, gates: 0.999 * c))


@gradient("1997", "VAR-8")
def takes_the_slope_of_todays_squashing(parts: Network) -> Network:
    """dh/dc = o (1 - y²), without the half."""
    return replace(parts, squash=squashing_1997(lambda c: graded(anp.tanh(c / 2), 2 * anp.tanh(c / 2))))


@gradient("1997", "VAR-8", "the truncated gradient of 1997")
def cuts_the_gradient_off_at_the_gates(parts: Network) -> Network:
    """No gradient goes back through h: only along the cell state."""
    return replace(parts, fed=lambda r, h, shown: stop(h) if r.kind == "1997 simplified" else h)


# ---------------------------------------------------------------- projection


def is_square(R: Value) -> bool:
    return bool(R.shape[0] == R.shape[1])


@forward("projection", "VAR-4", "PaddlePaddle/Paddle#15605: proj_activation")
def squashes_the_projection(parts: Network) -> Network:
    """h = tanh(R m)."""
    return replace(parts, projected=lambda r, shown: anp.tanh(right.projected(r, shown)))


@forward("projection", "VAR-4")
def rounds_the_projection_to_16_bits(parts: Network) -> Network:
    """h is R m, rounded to float16."""
    return replace(parts, projected=lambda r, shown: rounded(right.projected(r, shown), np.float16))


@forward("projection", "VAR-4")
def ignores_a_square_projection(parts: Network) -> Network:
    """h = m where P = H, as in cuDNN."""
    return replace(parts, projected=lambda r, shown: shown.m if is_square(shown.R) else right.projected(r, shown))


@forward("projection", "VAR-4")
def takes_the_first_units_for_a_projection(parts: Network) -> Network:
    """h is the first P numbers of m."""
    return replace(parts, projected=lambda r, shown: shown.m[:, : shown.R.shape[0]])  # type: ignore[union-attr]


def _unprojected(r: Reader, h: Value, shown: Shown) -> Value:
    """As many numbers of it as h has."""
    return h if shown.R is None else shown.m[:, : h.shape[1]]


@forward("projection", "VAR-4", "rdspring1/PyTorch_GBW_LM#2")
def feeds_back_what_is_not_projected(parts: Network) -> Network:
    """The next step reads m, as far as it is wide."""
    return replace(parts, fed=_unprojected)


@forward("projection", "VAR-4")
def projects_the_outputs_alone(parts: Network) -> Network:
    """The next step reads m, and the final state is m, as far as they are wide."""
    return replace(parts, fed=_unprojected, final=lambda r, states: State(states[-1].fed, states[-1].c))


@forward("projection", "VAR-4")
def projects_before_the_output_gate(parts: Network) -> Network:
    """h = o R tanh(c)."""

    def projected(r: Reader, shown: Shown) -> Value:
        h = anp.dot(shown.squashed, shown.R.T)  # type: ignore[union-attr]
        return shown.o[:, : h.shape[1]] * h

    return replace(parts, projected=projected)


@forward("projection", "VAR-4")
def projects_the_cell_state(parts: Network) -> Network:
    """h = o tanh(R c)."""

    def projected(r: Reader, shown: Shown) -> Value:
        c = anp.dot(shown.c, shown.R.T)  # type: ignore[union-attr]
        return shown.o[:, : c.shape[1]] * right.squash(r, c)

    return replace(parts, projected=projected)


@forward("projection", "VAR-4", "PaddlePaddle/Paddle#7792, #15605")
def projects_the_initial_state(parts: Network) -> Network:
    """Where P = H, h_0 is projected, too."""

    def start(r: Reader, p: Parameters, s: State, after: dict[int, State]) -> State:
        return s if p.R is None or not is_square(p.R) else s._replace(h=anp.dot(s.h, p.R.T))

    return replace(parts, start=start)


@gradient("projection", "VAR-4")
def takes_the_gradient_of_the_projection_from_the_outputs_alone(parts: Network) -> Network:
    """dR has nothing from the recurrence."""

    def fed(r: Reader, h: Value, shown: Shown) -> Value:
        return h if shown.R is None else graded(h, anp.dot(shown.m, stop(shown.R).T))

    return replace(parts, fed=fed)


@gradient("projection", "VAR-4")
def leaves_out_the_gradient_of_the_projection(parts: Network) -> Network:
    """dR is zero."""
    return replace(parts, projected=lambda r, shown: anp.dot(shown.m, stop(shown.R).T))


@gradient("projection", "VAR-4")
def transposes_a_square_projection_in_the_gradient(parts: Network) -> Network:
    """Where P = H, dm = R dh."""

    def projected(r: Reader, shown: Shown) -> Value:
        R, m = shown.R, shown.m
        if not is_square(R):
            return right.projected(r, shown)
        return anp.dot(stop(m), R.T) + graded(zeros(m), anp.dot(m, stop(R)))  # type: ignore[union-attr]

    return replace(parts, projected=projected)


# ---------------------------------------------------------------- cell clip


def clipped(r: Reader, a: Value) -> Value:
    return a if np.isinf(r.bound) else anp.clip(a, -r.bound, r.bound)


def bounding(change: Callable[[Reader, Value], Value]) -> Callable[[Reader, Value, Value], tuple[Value, Value]]:
    """What is made of the cell state where there is a bound, shown and carried on."""
    return lambda r, raw, old: (raw, raw) if np.isinf(r.bound) else (change(r, raw),) * 2


@forward("cell clip", "VAR-5")
def ignores_the_bound(parts: Network) -> Network:
    """The cell state is not bounded."""
    return replace(parts, bounded=bounding(lambda r, raw: raw))


@forward("cell clip", "VAR-5")
def ignores_the_bound_above_the_first_layer(parts: Network) -> Network:
    """The cell states of the layers above are not bounded."""
    return replace(parts, bounded=bounding(lambda r, raw: raw if r.layer else clipped(r, raw)))


@forward("cell clip", "VAR-5")
def ignores_the_bound_where_there_are_peepholes(parts: Network) -> Network:
    """The cell state is not bounded where the gates see it."""
    return replace(parts, bounded=bounding(lambda r, raw: raw if r.kind == "peephole" else clipped(r, raw)))


@forward("cell clip", "VAR-5")
def carries_the_unbounded_cell_state(parts: Network) -> Network:
    """What is shown and returned is bounded, what is carried on is not."""

    def final(r: Reader, states: list[Memory]) -> State:
        h, c, _ = states[-1]
        return State(h, wherever((r.lengths > 0)[:, None], clipped(r, c), c))

    return replace(parts, bounded=lambda r, raw, old: (raw, clipped(r, raw)), final=final)


@forward("cell clip", "VAR-5")
def bounds_only_what_is_shown(parts: Network) -> Network:
    """What is carried on and returned is not bounded."""
    return replace(parts, bounded=lambda r, raw, old: (raw, clipped(r, raw)))


@forward("cell clip", "VAR-5", "microsoft/onnxruntime#27224")
def shows_the_unbounded_cell_state(parts: Network) -> Network:
    """What is carried on is bounded, what is shown is not."""
    return replace(parts, bounded=lambda r, raw, old: (clipped(r, raw), raw))


@forward("cell clip", "VAR-5", "ONNX: the attribute clip")
def bounds_the_pre_activations_instead(parts: Network) -> Network:
    """Every pre-activation is bounded, the cell state is not."""

    def opened(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
        return sigmoid(clipped(r, z if received is None else z + received))

    return replace(
        parts,
        opened=opened,
        candidate=lambda r, z, received: right.candidate(r, clipped(r, z), received),
        bounded=bounding(lambda r, raw: raw),
    )


@forward("cell clip", "VAR-5")
def bounds_the_hidden_state_instead(parts: Network) -> Network:
    """The hidden state is bounded, the cell state is not."""
    return replace(parts, hidden=clipped, bounded=bounding(lambda r, raw: raw))


@forward("cell clip", "VAR-4", "TensorFlow 1: proj_clip")
def bounds_the_projection_too(parts: Network) -> Network:
    """The bound of the cell state is that of the projection, too."""
    return replace(parts, projected=lambda r, shown: clipped(r, right.projected(r, shown)))


@forward("cell clip", "VAR-5")
def bounds_from_above_alone(parts: Network) -> Network:
    """c_t = min(c_t, k)."""
    return replace(parts, bounded=bounding(lambda r, raw: anp.minimum(raw, r.bound)))


@forward("cell clip", "VAR-5")
def bounds_smoothly(parts: Network) -> Network:
    """c_t = k tanh(c_t / k)."""
    return replace(parts, bounded=bounding(lambda r, raw: r.bound * anp.tanh(raw / r.bound)))


@forward("cell clip", "VAR-5", "tf.raw_ops.BlockLSTM: cell_clip=3")
def bounds_at_three_whatever_is_asked(parts: Network) -> Network:
    """Where there is a bound, it is 3."""
    return replace(parts, bounded=bounding(lambda r, raw: anp.clip(raw, -3, 3)))


@forward("cell clip", "VAR-5")
def bounds_the_initial_state_too(parts: Network) -> Network:
    """c_0 is bounded before the first step."""
    return replace(parts, start=lambda r, p, s, after: s._replace(c=clipped(r, s.c)))


@gradient("cell clip", "VAR-6", "allenai/allennlp#862")
def passes_the_gradient_through_the_bound(parts: Network) -> Network:
    """The derivative of the bound is 1 everywhere."""
    return replace(parts, bounded=bounding(lambda r, raw: graded(clipped(r, raw), raw)))


# ---------------------------------------------------------------- packing


@forward("packing", "VAR-4")
def transposes_a_square_projection(parts: Network) -> Network:
    """R is used transposed where P = H."""

    def projected(r: Reader, shown: Shown) -> Value:
        return anp.dot(shown.m, shown.R) if is_square(shown.R) else right.projected(r, shown)

    return replace(parts, projected=projected)


@forward("packing", "VAR-1", "opencv/opencv#21078: ONNX has P in the order iof")
def reads_peepholes_iof_as_ifo(parts: Network) -> Network:
    """p_o is used for the forget gate, p_f for the output gate."""
    return replace(parts, peephole=_reading_peepholes("iof"))


@forward("packing", "NET-3")
def exchanges_the_weights_of_first_and_last_layer(parts: Network) -> Network:
    """U, b, peepholes and projection of the first layer are those of the last, and the other way round."""

    def change(rows: Rows, layer: int, d: int) -> Parameters:
        other = {0: len(rows) - 1, len(rows) - 1: 0}.get(layer, layer)
        return with_parts_of(rows[layer][d], rows[other][d])

    return replace(parts, weights=changed_layers(change))


@forward("packing", "NET-4")
def orders_the_weights_by_direction_first(parts: Network) -> Network:
    """U, b, peepholes and projection of all layers forward, then of all in reverse, are read layer by layer."""

    def change(rows: Rows, layer: int, d: int) -> Parameters:
        k = layer * len(rows[0]) + d
        return with_parts_of(rows[layer][d], rows[k % len(rows)][k // len(rows)])

    return replace(parts, weights=changed_layers(change))


@forward("packing", "NET-3")
def reads_the_weights_of_two_directions_unit_by_unit(parts: Network) -> Network:
    """The columns of an upper layer's W are taken to stand unit by unit, not direction by direction."""
    return replace(parts, inputs=lambda r, x: interleaved(x) if r.layer and len(r.problem.directions) > 1 else x)


@forward("packing", "NET-4")
def swaps_hidden_and_cell_state_above_the_first_layer(parts: Network) -> Network:
    """Where P = H, the layers above read h_0 as c_0 and c_0 as h_0."""

    def start(r: Reader, p: Parameters, s: State, after: dict[int, State]) -> State:
        return State(s.c, s.h) if r.layer and s.h.shape == s.c.shape else s

    return replace(parts, start=start)


@forward("packing", "NET-4", "a state that is batch first")
def swaps_layers_and_batch_of_the_state_where_they_are_equal(parts: Network) -> Network:
    """h_0 and c_0 are read (B, L D, ...) where L D = B."""

    def initial(problem: Problem, h: Value, c: Value) -> tuple[Value, Value]:
        return (anp.swapaxes(h, 0, 1), anp.swapaxes(c, 0, 1)) if h.shape[0] == h.shape[1] else (h, c)

    return replace(parts, initial=initial)


def _register_three_gates() -> None:
    for order in map("".join, permutations("igo")):
        if order != "igo":
            sentence = f"Where there is no forget gate, the weights of {', '.join(order)} are used for i, g, o."
            change = partial(_reads_three_gates, order)
            name = f"reads_three_gates_in_order_{order}"
            fault = Fault(name, "packing", "VAR-3", sentence, "", "forward", change=change, **OF_NETWORKS)
            NETWORK_FAULTS[name] = fault


def _reads_three_gates(order: str, parts: Network) -> Network:
    def change(rows: Rows, layer: int, d: int) -> Parameters:
        p = rows[layer][d]
        if p.f is not None:
            return p
        i, g, o = (getattr(p, k) for k in order)
        return p._replace(i=i, g=g, o=o)

    return replace(parts, weights=changed_layers(change))


_register_three_gates()
