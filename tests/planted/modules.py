"""Modules that are in no catalogue: WRONG ones by the clause that they break, and RIGHT ones that look unusual."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from conformance.faults.modules.registering import OpenModule
from conformance.problems.question import Question, widen_question
from lstm_spec import REFERENCE, Answer, Cotangents, Gradients, Problem, State
from lstm_spec.types import Array

WRONG: dict[str, tuple[str, type]] = {}
RIGHT: dict[str, type] = {}


def breaks(clause: str) -> Callable[[type], type]:
    def register(module: type) -> type:
        WRONG[module.__name__] = (clause, module)
        return module

    return register


def is_right(module: type) -> type:
    RIGHT[module.__name__] = module
    return module


@breaks("MOD-1")
class fails_from_the_fourth_call_on(OpenModule):
    calls = 0

    def answer(self, problem: Problem) -> Answer:
        self.calls += 1
        found = super().answer(problem)
        return replace(found, y=found.y * 2) if self.calls > 3 else found


@breaks("MOD-1")
class keeps_the_order_of_the_first_batch(OpenModule):
    """As if lengths were sorted once, and the order that undoes it kept."""

    order: Any = None

    def answer(self, problem: Problem) -> Answer:
        found = super().answer(problem)
        if problem.lengths is None:
            return found
        if self.order is None or len(self.order) != len(problem.lengths):
            self.order = np.argsort(problem.lengths)
        right = np.argsort(problem.lengths)
        return replace(found, y=found.y[:, right][:, np.argsort(self.order)])


@breaks("MOD-1")
class answers_small_batches_from_a_large_buffer(OpenModule):
    """The state of a batch that is smaller than an earlier one has the samples that are left of that one."""

    buffer: Any = None

    def answer(self, problem: Problem) -> Answer:
        found, B = super().answer(problem), problem.x.shape[1]
        if self.buffer is None or self.buffer.shape[1] < B:
            self.buffer = found.state.c.copy()
        self.buffer[:, -B:] = found.state.c
        return replace(found, state=found.state._replace(c=self.buffer[:, :B].copy()))


@breaks("MOD-1")
class differentiates_with_the_lengths_of_the_last_forward_call(OpenModule):
    lengths: Any = None

    def answer(self, problem: Problem) -> Answer:
        self.lengths = problem.lengths
        return super().answer(problem)

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        fits = self.lengths is not None and problem.lengths is not None and len(self.lengths) == len(problem.lengths)
        if fits and self.lengths.max(initial=0) <= len(problem.x):
            problem = replace(problem, lengths=self.lengths)
        return super().differentiate(problem, d, wanted)


@breaks("CONTRACT-2")
class keeps_one_input_buffer_for_all_modules(OpenModule):
    """Of the same sizes; the last sample is not written."""

    buffers: ClassVar[dict[Any, Array]] = {}

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        buffer = self.buffers.setdefault((x.shape, x.dtype), x.copy())
        buffer[:, :-1] = x[:, :-1]
        return super().make_problem(buffer.copy(), state, lengths)


@breaks("MOD-2")
class updates_no_peepholes_and_projections(OpenModule):
    def load(self, parameters: Any) -> None:
        rows = (p for row in self.parameters for p in row)
        arrays = [a for p in rows for a in (p.R, *(g.p for g in p.gates.values())) if a is not None]
        kept = [a.copy() for a in arrays]
        super().load(parameters)
        for a, old in zip(arrays, kept, strict=True):
            a[...] = old


@breaks("MOD-2")
class sees_an_update_one_call_late(OpenModule):
    old: Any = None

    def load(self, parameters: Any) -> None:
        self.old = self.read()
        super().load(parameters)

    def answer(self, problem: Problem) -> Answer:
        old, self.old = self.old, None
        return super().answer(problem if old is None else replace(problem, parameters=old))


@breaks("MOD-2")
class adds_an_update_to_the_biases(OpenModule):
    def load(self, parameters: Any) -> None:
        gates = [gate for row in self.parameters for p in row for gate in p.gates.values()]
        kept = [gate.b.copy() for gate in gates]
        super().load(parameters)
        for gate, b in zip(gates, kept, strict=True):
            gate.b[...] += b


@breaks("MOD-5")
class keeps_the_state_of_the_first_layer_for_all(OpenModule):
    def keep(self, answer: Answer) -> Answer:
        self.kept = State(*(np.repeat(a[:1], len(a), axis=0) for a in answer.state))
        return answer


@breaks("MOD-5")
class keeps_its_state_in_half_precision(OpenModule):
    def keep(self, answer: Answer) -> Answer:
        self.kept = State(*(a.astype(np.float16).astype(a.dtype) for a in answer.state))
        return answer


@breaks("MOD-5")
class resets_to_the_state_after_the_first_call(OpenModule):
    first: Any = None

    def keep(self, answer: Answer) -> Answer:
        self.first = self.first or answer.state
        return super().keep(answer)

    def reset(self) -> None:
        self.kept = self.first

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        fits = self.kept is not None and self.kept.h.shape[1] == x.shape[1]
        return super().make_problem(x, None if state == "kept" and not fits else state, lengths)


@breaks("MOD-6")
class restores_the_last_direction_only(OpenModule):
    """And the last layer."""

    def restore(self, saved: bytes) -> None:
        kept = [a.copy() for a in self.list_arrays()]
        last = {id(a) for gate in self.parameters[-1][-1].gates.values() for a in gate}
        super().restore(saved)
        for a, old in zip(self.list_arrays(), kept, strict=True):
            if id(a) not in last:
                a[...] = old


@breaks("MOD-7")
class copies_all_but_the_biases(OpenModule):
    def copy(self) -> Any:
        other = super().copy()
        for gate in (gate for row in other.parameters for p in row for gate in p.gates.values()):
            gate.b[...] = 0
        return other


@breaks("MOD-8")
class gives_twice_the_gradient_of_what_alone_is_wanted(OpenModule):
    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        answer, found = super().differentiate(problem, d, wanted)
        return answer, replace(found, x=2 * found.x) if wanted == ("x",) else found


@breaks("MOD-9")
class forgets_a_unit_while_it_was_ever_trained(OpenModule):
    scale = 1.0

    def train(self, on: bool) -> None:
        self.scale *= 1.0 if on else 0.875

    def answer(self, problem: Problem) -> Answer:
        found = super().answer(problem)
        return found if self.scale == 1 else replace(found, y=found.y * found.y.dtype.type(self.scale))


# ---------------------------------------------------------------- right


@is_right
class computes_in_another_order_from_the_second_call_on(OpenModule):
    """As a kernel for sizes that are not known, which replaces the first one: inputs are read in reverse order."""

    calls = 0

    def answer(self, problem: Problem) -> Answer:
        self.calls += 1
        return super().answer(problem if self.calls == 1 else turn_inputs(problem))


def turn_inputs(problem: Problem) -> Problem:
    def turn(row: Any) -> Any:
        return tuple(
            p._replace(**{k: gate._replace(W=gate.W[:, ::-1].copy()) for k, gate in p.gates.items()}) for p in row
        )

    first, *rest = problem.parameters
    return replace(problem, parameters=(turn(first), *rest), x=problem.x[..., ::-1].copy())


@is_right
class computes_in_float64(OpenModule):
    def answer(self, problem: Problem) -> Answer:
        wide, _ = widen_question(Question(problem, Cotangents(problem.x, problem.state)))
        found = REFERENCE.forward(wide)
        return Answer(found.y.astype(problem.dtype), State(*(a.astype(problem.dtype) for a in found.state)))


@is_right
class returns_only_what_is_wanted(OpenModule):
    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        answer, found = super().differentiate(problem, d, wanted)
        gone = [part for part in "WUbp" if part not in wanted]

        def drop(p: Any) -> Any:
            gates = {k: gate._replace(**dict.fromkeys(gone)) for k, gate in p.gates.items()}
            return p._replace(**gates, R=p.R if "R" in wanted else None)

        state = State(*(a if part in wanted else None for part, a in zip("hc", found.state, strict=True)))  # type: ignore[arg-type]
        rows = tuple(tuple(map(drop, row)) for row in found.parameters)
        return answer, Gradients(rows, found.x if "x" in wanted else None, state)  # type: ignore[arg-type]


@is_right
class is_random_in_training(OpenModule):
    is_training = False

    def train(self, on: bool) -> None:
        self.is_training = on

    def answer(self, problem: Problem) -> Answer:
        if self.is_training:
            problem = replace(problem, x=problem.x * np.random.default_rng().integers(0, 2, problem.x.shape))
        return super().answer(replace(problem, x=problem.x.astype(problem.dtype)))


@is_right
class keeps_no_state_of_calls_that_were_given_one(OpenModule):
    """Only who continues needs one: but a call from a given state may be continued, so it is kept lazily."""

    last: Any = None

    def keep(self, answer: Answer) -> Answer:
        self.last = answer
        return answer

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        if state == "kept" and self.last is not None:
            state = self.last.state
        return super().make_problem(x, None if state == "kept" else state, lengths)

    def reset(self) -> None:
        self.last = None

    def copy(self) -> Any:
        other: Any = super().copy()
        other.last = self.last
        return other
