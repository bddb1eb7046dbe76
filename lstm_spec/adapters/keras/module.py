"""A layer of Keras that is kept, and asked often."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import keras
import numpy as np

from lstm_spec.adapters.keras.engine import make_engine
from lstm_spec.adapters.keras.plan import Plan, list_layers, make_layer, name_variables
from lstm_spec.adapters.weights import Named, name_tensors, read_tensors
from lstm_spec.contract import PARTS, Rows
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Answer, Array, Cotangents, Gradients, State
from lstm_spec.validation import check_lengths


class KerasModule:
    """A layer, and one with stateful=True that has its weights once a state is kept."""

    def __init__(self, plan: Plan, layout: str | Layout, rows: Rows) -> None:
        self.plan, self.layout = plan, layout
        self.engine = make_engine(plan)
        with self.engine.settings():
            self.layer = make_layer(plan)
        self.last: State | None = None
        self.keeper: Any = None
        self.load(rows)

    def load(self, parameters: Rows) -> None:
        """Assign these to the layer's variables."""
        (tensors,) = name_tensors(parameters, self.layout)
        self.blank = [{name: np.zeros_like(a) for name, a in each.items()} for each in tensors]
        self._assign(self.layer, tensors)

    def read(self) -> Rows:
        """What the layer's variables are."""
        return self._to_rows([keras.ops.convert_to_numpy(v.value) for v in self.layer.trainable_variables])

    def save(self) -> bytes:
        """The file in which Keras saves its weights."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "saved.weights.h5"
            keras.saving.save_weights(self.layer, file)
            return file.read_bytes()

    def restore(self, saved: bytes) -> None:
        """Have Keras load that file."""
        with TemporaryDirectory() as folder, self.engine.settings():
            file = Path(folder) / "saved.weights.h5"
            file.write_bytes(saved)
            keras.saving.load_weights(self.layer, file)

    def copy(self) -> "KerasModule":
        """copy.deepcopy of the layer."""
        other = copy.copy(self)
        with self.engine.settings():
            other.layer, other.keeper = copy.deepcopy(self.layer), copy.deepcopy(self.keeper)
        return other

    def tie(self, other: "KerasModule") -> None:
        """Use the layer of the other one, as people share weights in Keras."""
        self.layer = other.layer

    def train(self, on: bool) -> None:
        """From now on, call the layer with training=True, or not."""
        self.plan = self.plan._replace(is_training=on)

    def reset(self) -> None:
        """Forget the state that was kept."""
        self.last = None
        if self.keeper is not None:
            for each in list_layers(self.keeper):
                each.reset_state()

    def forward(self, x: Array, state: State | Literal["kept"] | None = None, lengths: Array | None = None) -> Answer:
        """The layer's answer; that of one that is stateful if the state is the kept one."""
        with self.engine.settings():
            if state == "kept":
                found = self._continue(x, lengths)
            else:
                self.keeper = None
                found = self.engine.run(self.plan, self.layer, self._arrange(x, state, lengths))
        answer = self._to_answer(found)
        self.last = answer.state
        return answer

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer, and the gradients by the backend's own autodiff."""
        d = [self._turn(cotangents.y), *_interleave(cotangents.state)]
        with self.engine.settings():
            found, dw, dx, ds = self.engine.pull(self.plan, self.layer, self._arrange(x, state, lengths), d)
        answer = self._to_answer(found)
        self.last, self.keeper = answer.state, None
        none: Any = State(None, None)  # type: ignore[arg-type]
        return answer, Gradients(self._to_rows(dw, is_gradient=True), dx.swapaxes(0, 1), _join(ds) if ds else none)

    def _continue(self, x: Array, lengths: Array | None) -> list[Array]:
        """The answer of a stateful layer with the weights of the other; from what that left, if anything."""
        plan, given = self.plan._replace(stateful=x.shape[1]), None
        if self.keeper is None or list_layers(self.keeper)[0].states[0].shape[0] != plan.stateful:
            self.keeper, given = make_layer(plan), self.last
        for own, other in zip(self.keeper.trainable_variables, self.layer.trainable_variables, strict=True):
            own.assign(other.value)
        return self.engine.keep(plan, self.keeper, self._arrange(x, given, lengths))

    def _assign(self, layer: Any, tensors: list[Named]) -> None:
        with self.engine.settings():
            for each, named in zip(list_layers(layer), tensors, strict=True):
                for name, variable in name_variables(each).items():
                    variable.assign(named[name])

    def _to_rows(self, arrays: list[Array], is_gradient: bool = False) -> Rows:
        left, rows = list(arrays), []
        for each, blank in zip(list_layers(self.layer), self.blank, strict=True):
            rows.append(blank | {name: left.pop(0) for name in name_variables(each)})
        return read_tensors([rows], self.layout, is_gradient)

    def _arrange(self, x: Array, state: Any, lengths: Array | None) -> tuple[Array, list[Array] | None, Array | None]:
        """x (B, T, I), h and c (B, H) of each direction, and the mask (B, T), as Keras takes them."""
        mask = None
        if lengths is not None:
            check_lengths(lengths, *x.shape[:2])
            mask = np.arange(len(x)) < lengths[:, None]
        if state is not None and len(state.h) != len(self.plan.directions):
            raise ValueError(f"the state is one of {len(state.h)} directions, expected {len(self.plan.directions)}")
        return x.swapaxes(0, 1), None if state is None else _interleave(state), mask

    def _turn(self, y: Array) -> Array:
        """y (T, B, H) as the layer has it, or back: one that goes backwards returns the last step first."""
        y = y[::-1] if self.plan.directions == ("reverse",) else y
        return y.swapaxes(0, 1)

    def _to_answer(self, found: list[Array]) -> Answer:
        y, *states = found
        y = y.swapaxes(0, 1)
        return Answer(y[::-1] if self.plan.directions == ("reverse",) else y, _join(states))


def _interleave(state: State) -> list[Array]:
    """h and c of the first direction, then of the second."""
    return [a for pair in zip(*state, strict=True) for a in pair]


def _join(states: list[Array]) -> State:
    return State(np.stack(states[::2]), np.stack(states[1::2]))
