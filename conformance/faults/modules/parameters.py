"""Known faults of modules: parameters that are changed, packed, saved, copied, tied, left out or trained."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from conformance.faults.modules.registering import OpenModule, breaks
from lstm_spec import Answer, Cotangents, Gradients, Problem
from lstm_spec.contract import Rows
from lstm_spec.modules.reference import list_arrays
from lstm_spec.types import Array, Parameters


class PackingModule(OpenModule):
    """A module that packs its weights for both passes when they are first needed."""

    packed: Rows | None = None

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        if self.packed is None:
            self.packed = self.read()
        return replace(super().make_problem(x, state, lengths), parameters=self.packed)

    def load(self, parameters: Rows) -> None:
        super().load(parameters)
        self.packed = None

    def restore(self, saved: bytes) -> None:
        super().restore(saved)
        self.packed = None

    def tie(self, other: Any) -> None:
        super().tie(other)
        self.packed = None


@breaks("MOD-2", "flatten_parameters of PyTorch; weights packed for a kernel")
class keeps_the_packed_weights_after_an_update(PackingModule):
    """Weights are packed at the first call, and an update in place is not seen."""

    def load(self, parameters: Rows) -> None:
        OpenModule.load(self, parameters)


@breaks("MOD-2", "a transposed copy for the backward pass")
class differentiates_with_the_weights_before_the_update(OpenModule):
    """The backward pass uses the weights of the first gradient call; the forward pass sees every update."""

    old: Rows | None = None

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        self.old = self.old or self.read()
        _, found = super().differentiate(replace(problem, parameters=self.old), d, wanted)
        return self.answer(problem), found


@breaks("MOD-2", "weights that are views of another array")
class updates_all_but_the_recurrent_weights(OpenModule):
    """An update in place does not reach U."""

    def load(self, parameters: Rows) -> None:
        kept = [gate.U.copy() for row in self.parameters for p in row for gate in p.gates.values()]
        super().load(parameters)
        gates = (gate for row in self.parameters for p in row for gate in p.gates.values())
        for gate, U in zip(gates, kept, strict=True):
            gate.U[...] = U


@breaks("MOD-2")
class updates_the_first_layer_only(OpenModule):
    """An update in place reaches the layers above, and a second direction, only if they are the first."""

    def load(self, parameters: Rows) -> None:
        first, other = ((p for row in rows for p in row) for rows in (self.parameters, parameters))
        pairs = zip(_arrays_of(next(first)), _arrays_of(next(other)), strict=True)
        for array, new in pairs:
            array[...] = 0 if new is None else new


def _arrays_of(p: Parameters) -> list[Any]:
    return list_arrays(((p,),))


@breaks("MOD-6", "the state_dict of a module with one bias of two")
class restores_without_the_biases(PackingModule):
    """What is restored has the biases of before."""

    def restore(self, saved: bytes) -> None:
        kept = [gate.b.copy() for row in self.parameters for p in row for gate in p.gates.values()]
        super().restore(saved)
        gates = (gate for row in self.parameters for p in row for gate in p.gates.values())
        for gate, b in zip(gates, kept, strict=True):
            gate.b[...] = b


@breaks("MOD-6", "strict=False, and names that do not match")
class restores_all_but_the_last_gate(OpenModule):
    """The output gate, or the last gate that is there, is not restored."""

    def restore(self, saved: bytes) -> None:
        last = [list(p.gates.values())[-1] for row in self.parameters for p in row]
        kept = [[a.copy() for a in gate if a is not None] for gate in last]
        super().restore(saved)
        for gate, arrays in zip(last, kept, strict=True):
            for a, old in zip((a for a in gate if a is not None), arrays, strict=True):
                a[...] = old


@breaks("MOD-6", "a checkpoint in half precision")
class saves_in_half_precision(OpenModule):
    """Parameters are rounded to 16 bits when they are saved."""

    def restore(self, saved: bytes) -> None:
        super().restore(saved)
        for a in self.list_arrays():
            a[...] = a.astype(np.float16)


@breaks("MOD-6", "weights packed before a checkpoint is loaded")
class keeps_the_packed_weights_after_a_restore(PackingModule):
    """Weights are packed at the first call, and packed anew after an update, but not after a restore."""

    def restore(self, saved: bytes) -> None:
        OpenModule.restore(self, saved)


@breaks("MOD-7", "copy.copy instead of copy.deepcopy")
class shares_its_parameters_with_its_copies(OpenModule):
    """A copy has the very arrays of the original."""

    def copy(self) -> Any:
        other = super().copy()
        other.parameters = self.parameters
        return other


@breaks("MOD-7", "a buffer that is no parameter")
class loses_its_kept_state_in_a_copy(OpenModule):
    """A copy has kept no state."""

    def copy(self) -> Any:
        other = super().copy()
        other.kept = None
        return other


@breaks("MOD-7", "tied weights copied apart")
class copies_the_weights_that_are_tied(OpenModule):
    """Modules that are tied have the same parameters at first, but each its own."""

    def tie(self, other: Any) -> None:
        self.load(other.parameters)


@breaks("MOD-7", "an optimiser that rebinds parameters")
class unties_its_weights_at_an_update(OpenModule):
    """An update makes new arrays, which the other module does not have."""

    def load(self, parameters: Rows) -> None:
        self.parameters = self.read()
        super().load(parameters)


@breaks("MOD-4", "unit_forget_bias of Keras")
class opens_the_forget_gate_if_biases_are_left_out(OpenModule):
    """Without biases, that of the forget gate is 1."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        pairs = zip(*((p.f for row in rows for p in row) for rows in (given[0], self.parameters)), strict=True)
        for new, mine in pairs:
            if new is not None and new.b is None:
                mine.b[...] = 1


@breaks("MOD-4", "an array of biases that is allocated but not filled")
class uses_the_biases_of_another_module_if_they_are_left_out(OpenModule):
    """Without biases, those of the last module of the same width that had some are used."""

    known: ClassVar[dict[Any, Array]] = {}

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.are_left_out = given[0][0][0].g.b is None

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        problem = super().make_problem(x, state, lengths)
        g = problem.layer.g
        if not self.are_left_out:
            self.known[g.b.shape, g.b.dtype] = g.b.copy()
            return problem
        changed = problem.layer._replace(g=g._replace(b=self.known.get((g.b.shape, g.b.dtype), g.b)))
        first, *more = problem.parameters
        return replace(problem, parameters=((changed, *first[1:]), *more))


@breaks("MOD-9", "model.eval() forgotten, or not passed on")
class drops_out_after_training(OpenModule):
    """Once it was switched to training, it stays there: every third number of the input is dropped."""

    is_training = False

    def train(self, on: bool) -> None:
        self.is_training = True

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        if self.is_training:
            x = np.where(np.arange(x.size).reshape(x.shape) % 3 == 0, x.dtype.type(0), x)
        return super().make_problem(x, state, lengths)


@breaks("MOD-9", "recurrent dropout whose mask is cached in the layer")
class keeps_the_dropout_mask_of_training(OpenModule):
    """After training, the first unit of every initial state is dropped."""

    was_training = False

    def train(self, on: bool) -> None:
        self.was_training = self.was_training or on

    def make_problem(self, x: Array, state: Any, lengths: Any) -> Problem:
        problem = super().make_problem(x, state, lengths)
        if self.was_training:
            h = problem.state.h.copy()
            h[..., 0] = 0
            problem = replace(problem, state=problem.state._replace(h=h))
        return problem


@breaks("MOD-10", "weight decay inside the layer")
class shrinks_its_weights_at_every_call(OpenModule):
    """Every call multiplies the recurrent weights by 1 - 2^-10."""

    def keep(self, answer: Answer) -> Answer:
        for gate in (gate for row in self.parameters for p in row for gate in p.gates.values()):
            gate.U[...] *= gate.U.dtype.type(1 - 2.0**-10)
        return super().keep(answer)


@breaks("MOD-10", "the forget bias is added in place")
class adds_the_forget_bias_at_every_gradient_call(OpenModule):
    """Every gradient call adds 1 to the bias of the forget gate."""

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        found = super().differentiate(problem, d, wanted)
        for p in (p for row in self.parameters for p in row):
            if p.f is not None:
                p.f.b[...] += 1
        return found
