"""Known faults of modules: what one call leaves in the next, or in another module."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from conformance.faults.modules.registering import OpenModule, breaks
from lstm_spec import Answer, Cotangents, Gradients, Problem, State
from lstm_spec.contract import Rows
from lstm_spec.types import Array, each_array


@breaks("MOD-1", "batch_input_shape of Keras")
class bakes_the_batch_of_the_first_call_in(OpenModule):
    """Samples beyond the batch of the first call are not read, and their outputs are zero."""

    batch = 0

    def answer(self, problem: Problem) -> Answer:
        self.batch = self.batch or problem.x.shape[1]
        found = super().answer(problem)
        found.y[:, self.batch :] = 0
        return found


@breaks("MOD-1", "a graph exported with one length of the sequence")
class bakes_the_length_of_the_first_call_in(OpenModule):
    """Steps beyond T of the first call are read as zeros."""

    T = 0

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        self.T = self.T or len(x)
        is_read = np.arange(len(x))[:, None, None] < self.T
        return super().make_problem(np.where(is_read, x, x.dtype.type(0)), state, lengths)


@breaks("MOD-1", "a mask that is built once")
class bakes_the_lengths_of_the_first_call_in(OpenModule):
    """The lengths of the first call are those of every later one with as many samples."""

    lengths: Any = None

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        if lengths is not None:
            self.lengths = lengths if self.lengths is None else self.lengths
            if len(self.lengths) == len(lengths) and self.lengths.max(initial=0) <= len(x):
                lengths = self.lengths
        return super().make_problem(x, state, lengths)


@breaks("MOD-1", "static buffers of a compiled kernel")
class runs_on_to_the_longest_sequence_seen(OpenModule):
    """Shorter sequences are padded with zeros to the longest T so far, and the final state is taken at the end."""

    T = 0

    def answer(self, problem: Problem) -> Answer:
        T, self.T = len(problem.x), max(self.T, len(problem.x))
        found = super().answer(problem)
        if T == self.T or problem.lengths is not None:
            return found
        padded = np.concatenate([problem.x, np.zeros((self.T - T, *problem.x.shape[1:]), problem.x.dtype)])
        return replace(found, state=super().answer(replace(problem, x=padded)).state)


@breaks("MOD-1", "a memory pool for outputs")
class returns_its_outputs_in_one_buffer(OpenModule):
    """The outputs of a call lie in the memory of those of the last call with the same sizes."""

    def keep(self, answer: Answer) -> Answer:
        buffers = self.__dict__.setdefault("buffers", {})
        y = buffers.setdefault(answer.y.shape, np.empty_like(answer.y))
        y[...] = answer.y
        return super().keep(replace(answer, y=y))


@breaks("MOD-1", "memoised by shapes")
class answers_the_same_sizes_as_before(OpenModule):
    """The outputs of the first call with these sizes are returned again."""

    def answer(self, problem: Problem) -> Answer:
        return self.__dict__.setdefault("known", {}).setdefault(problem.x.shape, super().answer(problem))


@breaks("MOD-1", "weights in a global variable, as of firmware")
class uses_the_weights_of_the_last_module(OpenModule):
    """All modules of the same sizes have the weights of the one that was built last."""

    last: ClassVar[dict[Any, Rows]] = {}

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.last[self._key()] = self.parameters

    def _key(self) -> Any:
        return [a.shape for a in self.list_arrays()].__repr__(), self.variant, self.directions

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        return replace(super().make_problem(x, state, lengths), parameters=self.last[self._key()])


@breaks("MOD-3", "forgotten reset; stateful by default")
class starts_from_the_state_of_the_last_call(OpenModule):
    """Without a state, a call continues where the last one with as many samples ended."""

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        fits = self.kept is not None and self.kept.h.shape[1] == x.shape[1]
        return super().make_problem(x, self.kept if state is None and fits else state, lengths)


@breaks("MOD-3", "the default of an argument is filled once")
class starts_from_the_first_state_it_was_given(OpenModule):
    """A state that is left out is the first one that was ever given for as many samples."""

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        known, B = self.__dict__.setdefault("known", {}), x.shape[1]
        if isinstance(state, State):
            known.setdefault(B, state)
        return super().make_problem(x, known.get(B) if state is None else state, lengths)


@breaks("MOD-3", "padding masks kept in the layer")
class keeps_the_lengths_that_are_left_out(OpenModule):
    """Lengths that are left out are those of the last call, where they fit."""

    lengths: Any = None

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        if lengths is None and self.lengths is not None and len(self.lengths) == x.shape[1]:
            lengths = np.minimum(self.lengths, len(x))
        self.lengths = lengths
        return super().make_problem(x, state, lengths)


@breaks("MOD-5", "a class variable")
class keeps_one_state_for_all_modules(OpenModule):
    """The state that is kept is that of whichever module was called last."""

    states: ClassVar[dict[Any, State]] = {}

    def keep(self, answer: Answer) -> Answer:
        self.states[answer.state.h.shape, answer.state.c.shape] = answer.state
        return super().keep(answer)

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        mine = self.make_zero_state(x.shape[1])
        shared = self.states.get((mine.h.shape, mine.c.shape))
        return super().make_problem(x, shared if state == "kept" and shared is not None else state, lengths)


@breaks("MOD-5", "reset_states that is never called")
class keeps_its_state_through_a_reset(OpenModule):
    """A reset does nothing, as long as the batch has as many samples."""

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        if state == "kept" and self.kept is not None and self.kept.h.shape[1] != x.shape[1]:
            state = None
        return super().make_problem(x, state, lengths)

    def reset(self) -> None:
        """Leave the state as it is."""


@breaks("MOD-5")
class keeps_the_hidden_state_only(OpenModule):
    """A kept state has its h; its c is zero."""

    def keep(self, answer: Answer) -> Answer:
        self.kept = State(answer.state.h, np.zeros_like(answer.state.c))
        return answer


@breaks("MOD-5", "the two states are stored in the other order")
class swaps_the_kept_states(OpenModule):
    """Where h and c have the same shape, a kept state has them swapped."""

    def keep(self, answer: Answer) -> Answer:
        h, c = answer.state
        self.kept = State(c, h) if h.shape == c.shape else answer.state
        return answer


@breaks("MOD-5", "a state that is averaged, or broadcast, over the batch")
class keeps_the_state_of_the_first_sample(OpenModule):
    """Every sample continues from the state of the first one."""

    def keep(self, answer: Answer) -> Answer:
        self.kept = State(*(np.repeat(a[:, :1], a.shape[1], axis=1) for a in answer.state))
        return answer


@breaks("GRAD-4", "zero_grad forgotten")
class adds_up_the_gradients_of_all_calls(OpenModule):
    """The gradients of the parameters are added to those of the calls before."""

    total: Any = None

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        answer, found = super().differentiate(problem, d, wanted)
        if self.total is not None:
            pairs = zip(self.total, found.parameters, strict=True)
            rows = tuple(tuple(each_array(np.add, p, q) for p, q in zip(*row, strict=True)) for row in pairs)
            found = replace(found, parameters=rows)
        self.total = found.parameters
        return answer, found


@breaks("MOD-8", "torch.no_grad around frozen parts")
class has_no_input_gradient_with_frozen_weights(OpenModule):
    """Where no gradient of weights is wanted, that of x is zero."""

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        answer, found = super().differentiate(problem, d, wanted)
        return answer, found if {"W", "U"} & {*wanted} else replace(found, x=np.zeros_like(found.x))


@breaks("MOD-8", "detached hidden states")
class cuts_the_recurrent_path_with_frozen_recurrent_weights(OpenModule):
    """Where no gradient of U is wanted, gradients do not go through it either."""

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        answer, found = super().differentiate(problem, d, wanted)
        if "U" in wanted:
            return answer, found
        last = replace(d, state=State(*map(np.zeros_like, d.state)))
        return answer, super().differentiate(problem, last, wanted)[1]


@breaks("MOD-8")
class gives_no_bias_gradient_without_that_of_the_input(OpenModule):
    """Where no gradient of x is wanted, that of the biases is zero."""

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        answer, found = super().differentiate(problem, d, wanted)
        if "x" not in wanted:
            for p in (p for row in found.parameters for p in row):
                for gate in p.gates.values():
                    gate.b[...] = 0
        return answer, found
