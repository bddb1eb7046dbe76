"""Mistakes about memory, and unusual ways to treat it that are right: each is put around the NumPy backend.

Each is a target, `tests.planted.memory:NAME`, and says in WRONG or WRONG_IN_PART which clause it breaks.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import Answer, Array, Backend, Cotangents, Gate, Parameters, Problem, State

Found = tuple[Answer, Any]  # and gradients, or None
Ask = Callable[[Problem, Cotangents | None], Found]
WRONG: dict[str, str] = {}  # the clause, by name
WRONG_IN_PART: dict[str, str] = {}
RIGHT: list[str] = []


def _right(problem: Problem, d: Cotangents | None) -> Found:
    return (NUMPY.forward(problem), None) if d is None else NUMPY.differentiate(problem, d)


def _build(meddle: Callable[[Ask], Ask]) -> Backend:
    ask = meddle(_right)
    return replace(
        NUMPY,
        name=meddle.__name__,
        forward=lambda problem: ask(problem, None)[0],
        gradients=lambda problem, d: ask(problem, d),
    )


def breaks(clause: str) -> Callable[[Callable[[Ask], Ask]], Callable[[], Backend]]:
    def register(meddle: Callable[[Ask], Ask]) -> Callable[[], Backend]:
        WRONG[meddle.__name__] = clause
        return partial(_build, meddle)

    return register


def breaks_in_part(clause: str) -> Callable[[Callable[[Ask], Ask]], Callable[[], Backend]]:
    """Only at some sizes, forms or ways to ask."""

    def register(meddle: Callable[[Ask], Ask]) -> Callable[[], Backend]:
        WRONG_IN_PART[meddle.__name__] = clause
        return partial(_build, meddle)

    return register


def right(meddle: Callable[[Ask], Ask]) -> Callable[[], Backend]:
    RIGHT.append(meddle.__name__)
    return partial(_build, meddle)


def afterwards(ask: Ask, do: Callable[[Problem, Cotangents | None], None]) -> Ask:
    def both(problem: Problem, d: Cotangents | None) -> Found:
        found = ask(problem, d)
        do(problem, d)
        return found

    return both


def instead(ask: Ask, change: Callable[[Problem], Problem]) -> Ask:
    return lambda problem, d: ask(change(problem), d)


def with_weights(problem: Problem, change: Callable[[Array], Array]) -> Problem:
    def gate(one: Gate | None) -> Any:
        return one and Gate(*(None if a is None else change(a) for a in one))  # type: ignore[arg-type]

    def parameters(p: Parameters) -> Parameters:
        i, f, g, o = map(gate, p[:4])
        return Parameters(i, f, g, o, None if p.R is None else change(p.R))

    return replace(problem, parameters=tuple(tuple(map(parameters, row)) for row in problem.parameters))


def answering(ask: Ask, change: Callable[[Answer], Answer]) -> Ask:
    def changed(problem: Problem, d: Cotangents | None) -> Found:
        answer, gradients = ask(problem, d)
        return change(answer), gradients

    return changed


# ---------------------------------------------------------------- inputs do not stay


@breaks("CONTRACT-1")
def centres_its_input(ask: Ask) -> Ask:
    def centre(problem: Problem, d: Any) -> None:
        if problem.x.flags.writeable and problem.x.size:
            problem.x[...] -= problem.x.mean()

    return afterwards(ask, centre)


@breaks("CONTRACT-1")
def clears_what_it_read_through_a_pointer(ask: Ask) -> Ask:
    def clear(problem: Problem, d: Any) -> None:
        x = problem.x
        if x.flags.c_contiguous and not x.flags.writeable:
            ctypes.memset(x.ctypes.data, 0, x.nbytes)

    return afterwards(ask, clear)


@breaks("CONTRACT-1")
def accumulates_into_the_cotangents(ask: Ask) -> Ask:
    def add(problem: Problem, d: Cotangents | None) -> None:
        if d is not None and d.state.c.flags.writeable:
            d.state.c[...] += d.y.sum()

    return afterwards(ask, add)


@breaks("CONTRACT-1")
def masks_the_padding_in_place(ask: Ask) -> Ask:
    def mask(problem: Problem, d: Any) -> None:
        if problem.lengths is not None and problem.x.flags.writeable:
            problem.x[np.arange(len(problem.x))[:, None] >= problem.lengths] = 0

    return afterwards(ask, mask)


@breaks("CONTRACT-1")
def gives_its_input_another_shape(ask: Ask) -> Ask:
    def flatten(problem: Problem, d: Any) -> None:
        if problem.x.flags.c_contiguous:
            problem.x.shape = (-1, problem.x.shape[-1])

    return afterwards(ask, flatten)


# ---------------------------------------------------------------- something is kept


@breaks("CONTRACT-2")
def keeps_six_answers(ask: Ask) -> Ask:
    kept: deque[Array] = deque()

    def turn(answer: Answer) -> Answer:
        fits = len(kept) == 6 and kept[0].shape == answer.y.shape and kept[0].dtype == answer.y.dtype
        y = kept.popleft() if fits else answer.y
        y[...] = answer.y
        kept.append(y)
        while len(kept) > 6:
            kept.popleft()
        return replace(answer, y=y)

    return answering(ask, turn)


@breaks("CONTRACT-2")
def adds_the_gradients_of_a_projection_up(ask: Ask) -> Ask:
    sums: dict[Any, Array] = {}

    def add(problem: Problem, d: Cotangents | None) -> Found:
        answer, gradients = ask(problem, d)
        R = gradients and gradients.parameters[0][0].R
        if gradients is None or R is None:
            return answer, gradients
        total = sums.setdefault((R.shape, R.dtype), np.zeros_like(R))
        total += R
        first = (gradients.parameters[0][0]._replace(R=total), *gradients.parameters[0][1:])
        return answer, replace(gradients, parameters=(first, *gradients.parameters[1:]))

    return add


def keep_weights_by(key: Callable[[Problem], Any], ask: Ask) -> Ask:
    kept: dict[Any, tuple[Problem, Problem]] = {}

    def recall(problem: Problem) -> Problem:
        _, copied = kept.setdefault(key(problem), (problem, with_weights(problem, np.array)))
        return replace(problem, parameters=copied.parameters)

    return instead(ask, recall)


@breaks("CONTRACT-2")
def keeps_weights_by_their_identity(ask: Ask) -> Ask:
    return keep_weights_by(lambda problem: (id(problem.layer.g.W), problem.variant, problem.directions), ask)


@breaks("CONTRACT-2")
def keeps_weights_by_their_address(ask: Ask) -> Ask:
    return keep_weights_by(lambda problem: tuple(a.ctypes.data for a in problem.layer.g[:3] if a is not None), ask)


@breaks("CONTRACT-2")
def keeps_weights_by_their_tuple(ask: Ask) -> Ask:
    return keep_weights_by(lambda problem: id(problem.parameters), ask)


@breaks("CONTRACT-2")
def keeps_weights_by_their_problem(ask: Ask) -> Ask:
    return keep_weights_by(id, ask)


@breaks("CONTRACT-2")
def clears_its_last_output_before_it_reads(ask: Ask) -> Ask:
    """The memory of the last output is used again, unless somebody else still has the output itself."""
    last: list[Array] = []

    def clear(problem: Problem, d: Cotangents | None) -> Found:
        if last and last[0].flags.writeable and np.shares_memory(problem.x, last[0]):
            last[0][...] = 0
        answer, gradients = ask(problem, d)
        last[:] = [answer.y]
        return answer, gradients

    return clear


# ---------------------------------------------------------------- memory is read in another way


@breaks("CONTRACT-4")
def takes_columns_for_rows(ask: Ask) -> Ask:
    def read(a: Array) -> Array:
        return a if a.flags.c_contiguous or not a.flags.f_contiguous else a.ravel("K").reshape(a.shape)

    return instead(ask, lambda problem: with_weights(problem, read))


@breaks("CONTRACT-4")
def takes_rows_to_lie_side_by_side(ask: Ask) -> Ask:
    """A stride is looked at only along the last axis, and for its sign."""

    def read(a: Array) -> Array:
        if a.ndim < 2 or a.flags.c_contiguous or a.strides[-1] != a.itemsize or min(a.strides) <= 0:
            return a
        return np.frombuffer(ctypes.string_at(a.ctypes.data, a.nbytes), a.dtype).reshape(a.shape)

    return instead(ask, lambda problem: with_weights(problem, read))


@breaks("CONTRACT-4")
def takes_batch_first_for_time_first(ask: Ask) -> Ask:
    def read(a: Array) -> Array:
        turned = a.swapaxes(0, 1)
        is_batch_first = turned.flags.c_contiguous and not a.flags.c_contiguous and not a.flags.f_contiguous
        return turned.reshape(a.shape) if is_batch_first else a

    return instead(ask, lambda problem: replace(problem, x=read(problem.x)))


@breaks("CONTRACT-4")
def takes_time_to_run_forward_in_memory(ask: Ask) -> Ask:
    return instead(ask, lambda problem: replace(problem, x=problem.x[:: -1 if problem.x.strides[0] < 0 else 1]))


@breaks("CONTRACT-4")
def loads_from_addresses_of_sixteen_bytes(ask: Ask) -> Ask:
    def load(a: Array) -> Array:
        off = a.ctypes.data % 16 if a.flags.c_contiguous and a.size else 0
        return np.frombuffer(ctypes.string_at(a.ctypes.data - off, a.nbytes), a.dtype).reshape(a.shape)

    return instead(ask, lambda problem: with_weights(problem, lambda a: load(a) if a.flags.c_contiguous else a))


@breaks("CONTRACT-4")
def reads_one_number_where_the_stride_is_0(ask: Ask) -> Ask:
    def read(a: Array) -> Array:
        if a.ndim == 1 and len(a) > 1 and a.strides[0] == 0:
            return np.concatenate([a[:1], np.zeros_like(a[1:])])
        return a

    return instead(ask, lambda problem: with_weights(problem, read))


@breaks("CONTRACT-4")
def uses_up_an_array_that_it_was_given_twice(ask: Ask) -> Ask:
    def use_up(problem: Problem, d: Cotangents | None) -> Found:
        if d is not None and d.state.h is d.state.c:
            d = replace(d, state=State(d.state.h, np.zeros_like(d.state.c)))
        return ask(problem, d)

    return use_up


@breaks("CONTRACT-4")
def works_in_inputs_that_may_be_written(ask: Ask) -> Ask:
    """Afterwards they are as they were; but a gate may share its weights with another."""

    def work(problem: Problem, d: Cotangents | None) -> Found:
        W, before = problem.layer.g.W, problem.layer.g.W.copy()
        if not W.flags.writeable:
            return ask(problem, d)
        copied = replace(problem, parameters=((problem.layer._replace(g=problem.layer.g._replace(W=before)),),))
        W[...] = 0
        found = ask(copied if len(problem.parameters) == len(problem.directions) == 1 else problem, d)
        W[...] = before
        return found

    return work


# ---------------------------------------------------------------- it begins at a size, or where there is nothing

LARGE = 2**16  # bytes


def keep_in_buffers(many: int) -> Callable[[Array], Array]:
    buffers: dict[Any, list[Array]] = {}

    def keep(a: Array) -> Array:
        of_shape = buffers.setdefault((a.shape, a.dtype), [])
        of_shape.append(of_shape.pop(0) if len(of_shape) == many else a.copy())
        of_shape[-1][...] = a
        return of_shape[-1]

    return keep


def is_narrow(problem: Problem) -> bool:
    return problem.x.dtype != problem.dtype


@breaks_in_part("CONTRACT-1")
def scales_a_long_input_in_place(ask: Ask) -> Ask:
    def scale(problem: Problem, d: Any) -> None:
        if len(problem.x) > 32 and problem.x.flags.writeable:
            problem.x[...] *= 2

    return afterwards(ask, scale)


@breaks_in_part("CONTRACT-1")
def masks_large_cotangents_in_place(ask: Ask) -> Ask:
    def mask(problem: Problem, d: Cotangents | None) -> None:
        if d is not None and d.y.nbytes > LARGE and d.y.flags.writeable:
            d.y[0] = 0

    return afterwards(ask, mask)


@breaks_in_part("CONTRACT-1")
def clears_the_bfloat16_weights_that_it_widened(ask: Ask) -> Ask:
    def clear(problem: Problem, d: Any) -> None:
        W = problem.layer.g.W
        if is_narrow(problem) and W.flags.writeable:
            W[...] = 0

    return afterwards(ask, clear)


def _answers_in_buffers_if_they_are_large(buffers: int, ask: Ask) -> Ask:
    keep = keep_in_buffers(buffers)
    return answering(ask, lambda answer: replace(answer, y=keep(answer.y)) if answer.y.nbytes > LARGE else answer)


@breaks_in_part("CONTRACT-2")
def answers_in_two_buffers_if_they_are_large(ask: Ask) -> Ask:
    return _answers_in_buffers_if_they_are_large(2, ask)


@breaks_in_part("CONTRACT-2")
def answers_in_sixteen_buffers_if_they_are_large(ask: Ask) -> Ask:
    return _answers_in_buffers_if_they_are_large(16, ask)


@breaks_in_part("CONTRACT-2")
def returns_a_large_gradient_in_one_buffer(ask: Ask) -> Ask:
    keep = keep_in_buffers(1)

    def both(problem: Problem, d: Cotangents | None) -> Found:
        answer, gradients = ask(problem, d)
        if gradients is not None and gradients.x.nbytes > LARGE:
            gradients = replace(gradients, x=keep(gradients.x))
        return answer, gradients

    return both


@breaks_in_part("CONTRACT-2")
def returns_the_states_of_bfloat16_weights_in_one_buffer(ask: Ask) -> Ask:
    keep = keep_in_buffers(1)

    def both(problem: Problem, d: Cotangents | None) -> Found:
        answer, gradients = ask(problem, d)
        if is_narrow(problem):
            answer = replace(answer, state=answer.state._replace(c=keep(answer.state.c)))
        return answer, gradients

    return both


def keep_some_weights_by(is_kept: Callable[[Problem], bool], key: Callable[[Problem], Any], ask: Ask) -> Ask:
    keeping = keep_weights_by(key, ask)
    return lambda problem, d: (keeping if is_kept(problem) else ask)(problem, d)


def find_addresses(problem: Problem) -> Any:
    places: list[Any] = []

    def note(a: Array) -> Array:
        places.append((a.ctypes.data, a.shape, a.dtype))
        return a

    with_weights(problem, note)
    return (*places, problem.variant, problem.directions)


@breaks_in_part("CONTRACT-2")
def keeps_wide_weights_by_their_address(ask: Ask) -> Ask:
    return keep_some_weights_by(lambda problem: problem.sizes[3] > 64, find_addresses, ask)


@breaks_in_part("CONTRACT-2")
def keeps_widened_weights_by_their_address(ask: Ask) -> Ask:
    return keep_some_weights_by(is_narrow, find_addresses, ask)


@breaks_in_part("CONTRACT-2")
def keeps_weights_by_their_address_and_their_ends(ask: Ask) -> Ask:
    def describe(problem: Problem) -> Any:
        ends: list[bytes] = []

        def note(a: Array) -> Array:
            ends.append(a.ravel()[[0, -1]].tobytes())
            return a

        with_weights(problem, note)
        return (*ends, *find_addresses(problem))

    return keep_weights_by(describe, ask)


@breaks_in_part("CONTRACT-2")
def keeps_weights_by_their_address_and_the_first_row(ask: Ask) -> Ask:
    return keep_weights_by(lambda problem: (problem.layer.g.W[0].tobytes(), *find_addresses(problem)), ask)


def keep_the_last_pass(ask: Ask, forward: bool) -> Ask:
    """What one way to ask kept is used by the other one if x is equal."""
    last: list[Problem] = []

    def both(problem: Problem, d: Cotangents | None) -> Found:
        if (d is None) == forward:
            last[:] = [deepcopy(problem)]
        elif last and str(find_addresses(problem)[-2:]) == str(find_addresses(last[0])[-2:]):
            kept = last[0]
            alike = [(p.x.dtype, p.dtype, p.sizes, p.P, len(p.parameters), p.x.tobytes()) for p in (kept, problem)]
            problem = replace(problem, parameters=kept.parameters) if alike[0] == alike[1] else problem
        return ask(problem, d)

    return both


@breaks_in_part("CONTRACT-2")
def differentiates_the_last_forward_pass_of_an_equal_x(ask: Ask) -> Ask:
    return keep_the_last_pass(ask, forward=True)


@breaks_in_part("CONTRACT-2")
def answers_with_the_weights_of_the_last_gradients_of_an_equal_x(ask: Ask) -> Ask:
    return keep_the_last_pass(ask, forward=False)


@breaks_in_part("CONTRACT-2")
def adds_many_terms_in_any_order(ask: Ask) -> Ask:
    turns = count()

    def change(answer: Answer) -> Answer:
        c = answer.state.c
        up = (c * (1 + 2 * np.finfo(c.dtype).eps)).astype(c.dtype) if c.shape[-1] > 64 and next(turns) % 2 else c
        return replace(answer, state=answer.state._replace(c=up))

    return answering(ask, change)


@breaks_in_part("CONTRACT-2")
def hands_the_state_on_if_there_are_no_steps(ask: Ask) -> Ask:
    def both(problem: Problem, d: Cotangents | None) -> Found:
        answer, gradients = ask(problem, d)
        return (replace(answer, state=problem.state), gradients) if not len(problem.x) else (answer, gradients)

    return both


@breaks_in_part("CONTRACT-2")
def hands_the_cotangents_on_if_every_length_is_0(ask: Ask) -> Ask:
    def both(problem: Problem, d: Cotangents | None) -> Found:
        answer, gradients = ask(problem, d)
        if gradients is not None and d is not None and problem.lengths is not None and not problem.lengths.any():
            gradients = replace(gradients, state=d.state)
        return answer, gradients

    return both


# ---------------------------------------------------------------- what does not fit is answered


def unless_refused(ask: Ask, mend: Callable[[Problem, Cotangents | None], tuple[Problem, Cotangents | None]]) -> Ask:
    def both(problem: Problem, d: Cotangents | None) -> Found:
        try:
            return ask(problem, d)
        except (ValueError, TypeError):
            return ask(*mend(problem, d))

    return both


@breaks_in_part("CONTRACT-3")
def takes_cotangents_of_any_shape(ask: Ask) -> Ask:
    def mend(problem: Problem, d: Cotangents | None) -> tuple[Problem, Cotangents | None]:
        T, B, _, _ = problem.sizes
        shapes = ((T, B, problem.P * len(problem.directions)), *(a.shape for a in problem.state))
        if d is None:
            return problem, d
        y, h, c = (np.resize(a, shape) for a, shape in zip((d.y, *d.state), shapes, strict=True))
        return problem, Cotangents(y, State(h, c))

    return unless_refused(ask, mend)


@breaks_in_part("CONTRACT-3")
def cuts_the_recurrent_weights_to_size(ask: Ask) -> Ask:
    def cut(p: Parameters, P: int) -> Parameters:
        def cut_gate(gate: Gate | None) -> Any:
            return gate and gate._replace(U=np.resize(gate.U, (len(gate.b), P)))

        i, f, g, o = map(cut_gate, p[:4])
        return p._replace(i=i, f=f, g=g, o=o)

    def mend(problem: Problem, d: Cotangents | None) -> tuple[Problem, Cotangents | None]:
        P = problem.state.h.shape[-1]
        rows = tuple(tuple(cut(p, P) for p in row) for row in problem.parameters)
        return replace(problem, parameters=rows), d

    return unless_refused(ask, mend)


def cut_lengths(problem: Problem) -> Problem:
    T, B, _, _ = problem.sizes
    lengths = np.nan_to_num(np.resize(problem.lengths, B)) if problem.lengths is not None else np.full(B, T)
    return replace(problem, lengths=np.clip(lengths, 0, T).astype(np.int64))


@breaks_in_part("LEN-7")
def looks_at_the_lengths_only_if_it_does_not_differentiate(ask: Ask) -> Ask:
    return unless_refused(ask, lambda problem, d: (problem if d is None else cut_lengths(problem), d))


@breaks_in_part("LEN-7")
def looks_at_the_lengths_of_one_layer_only(ask: Ask) -> Ask:
    return unless_refused(ask, lambda problem, d: (cut_lengths(problem) if len(problem.parameters) > 1 else problem, d))


# ---------------------------------------------------------------- only some sizes, of bfloat16 weights or of lengths


def without_a_bias(ask: Ask, holds: Callable[[Problem, Cotangents | None], Any]) -> Ask:
    def change(problem: Problem) -> Problem:
        g = problem.layer.g
        first = (problem.layer._replace(g=g._replace(b=np.zeros_like(g.b))), *problem.parameters[0][1:])
        return replace(problem, parameters=(first, *problem.parameters[1:]))

    return lambda problem, d: ask(change(problem) if holds(problem, d) else problem, d)


@breaks_in_part("ACC-5")
def has_another_kernel_for_64_units_of_bfloat16_weights(ask: Ask) -> Ask:
    return without_a_bias(ask, lambda problem, d: is_narrow(problem) and problem.sizes[3] == 64)


@breaks_in_part("ACC-5")
def loses_the_tail_of_inputs_of_bfloat16_weights(ask: Ask) -> Ask:
    return without_a_bias(ask, lambda problem, d: is_narrow(problem) and problem.sizes[2] > 8 and problem.sizes[2] % 8)


@breaks_in_part("ACC-5")
def transposes_bfloat16_weights_that_are_square(ask: Ask) -> Ask:
    def holds(problem: Problem, d: Any) -> bool:
        return is_narrow(problem) and problem.sizes[2] == problem.sizes[3] > 8

    return without_a_bias(ask, holds)


@breaks_in_part("ACC-5")
def differentiates_bfloat16_weights_wrongly_of_many_samples(ask: Ask) -> Ask:
    return without_a_bias(ask, lambda problem, d: d is not None and is_narrow(problem) and problem.sizes[1] > 32)


@breaks_in_part("LEN-1")
def needs_a_sequence_of_full_length(ask: Ask) -> Ask:
    """Of unequal ones; equal ones are cut."""

    def holds(problem: Problem, d: Any) -> Any:
        lengths = problem.lengths
        return lengths is not None and lengths.size and lengths.min() < lengths.max() < len(problem.x)

    return without_a_bias(ask, holds)


# ---------------------------------------------------------------- right, in an unusual way


def _change_each(change: Callable[[Array], Array], answer: Answer) -> Answer:
    return Answer(change(answer.y), State(*map(change, answer.state)))


@right
def answers_what_may_only_be_read(ask: Ask) -> Ask:
    def freeze(a: Array) -> Array:
        a.flags.writeable = False
        return a

    return answering(ask, partial(_change_each, freeze))


@right
def answers_in_columns(ask: Ask) -> Ask:
    return answering(ask, partial(_change_each, np.asfortranarray))


@right
def answers_with_a_part_of_a_larger_array(ask: Ask) -> Ask:
    def enlarge(a: Array) -> Array:
        return np.repeat(a, 2, axis=-1)[..., ::2]

    return answering(ask, partial(_change_each, enlarge))


@right
def answers_with_parts_of_one_array(ask: Ask) -> Ask:
    def join(answer: Answer) -> Answer:
        arrays = (answer.y, *answer.state)
        row = np.concatenate([a.ravel() for a in arrays])
        ends = np.cumsum([a.size for a in arrays])
        y, h, c = (part.reshape(a.shape) for part, a in zip(np.split(row, ends[:-1]), arrays, strict=True))
        return Answer(y, State(h, c))

    return answering(ask, join)


@right
def answers_in_memory_of_another_library(ask: Ask) -> Ask:
    """A view of an array with strides whose memory no array of NumPy owns: as what torch returns."""

    def move(answer: Answer) -> Answer:
        y = answer.y
        T, B, H = y.shape
        strides = (H * y.itemsize, B * H * y.itemsize, y.itemsize)
        samples: Array = np.ndarray((B, T, H), y.dtype, bytearray(max(1, y.nbytes)), 0, strides)
        moved = samples.swapaxes(0, 1)
        moved[...] = y
        return replace(answer, y=moved)

    return answering(ask, move)


@right
def keeps_weights_by_their_numbers(ask: Ask) -> Ask:
    def describe(problem: Problem) -> Any:
        arrays: list[Array] = []

        def note(a: Array) -> Array:
            arrays.append(a)
            return a

        with_weights(problem, note)
        return (*((a.dtype, a.shape, a.tobytes()) for a in arrays), str(problem))

    return keep_weights_by(describe, ask)


@right
def uses_memory_again_that_nobody_has_any_more(ask: Ask) -> Ask:
    pool: list[Array] = []

    def reuse(answer: Answer) -> Answer:
        for y in pool:
            if y.shape == answer.y.shape and y.dtype == answer.y.dtype and sys.getrefcount(y) == 3:
                y[...] = answer.y
                return replace(answer, y=y)
        pool.append(answer.y)
        return answer

    return answering(ask, reuse)


@right
def works_in_its_input_and_puts_it_back(ask: Ask) -> Ask:
    def work(problem: Problem, d: Cotangents | None) -> Found:
        if not problem.x.flags.writeable:
            return ask(problem, d)
        kept = deepcopy((problem, d))  # x may be another array, too
        problem.x[...] = 0
        found = ask(*kept)
        problem.x[...] = kept[0].x
        return found

    return work
