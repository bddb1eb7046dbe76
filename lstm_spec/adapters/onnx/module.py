"""An ONNX model whose weights are initialisers, and the sessions in which it runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from lstm_spec.adapters.onnx.graph import Ends, Form, Weights
from lstm_spec.adapters.onnx.sides import Sides
from lstm_spec.adapters.weights import Named, has_biases, name_tensors, read_tensors
from lstm_spec.contract import Rows
from lstm_spec.types import Answer, Array, Gate, Parameters, State, each_array
from lstm_spec.validation import check_lengths

ALL = {1: Sides(("forward",), ("forward",)), 2: Sides(("forward", "reverse"), ("forward", "reverse"))}
Start = Callable[[bytes], Any]  # a session that runs a model


class OnnxModule:
    """Weights, and a session for each form of question, in which they are initialisers."""

    def __init__(
        self,
        rows: Rows,
        start: Start,
        make: Callable[..., tuple[Any, Ends]],
        layout: int,
        batch_first: bool,
        sides: Sides | None = None,
    ) -> None:
        """`make(weights, form)` is a model with these weights, and the names by which it is asked.

        `sides` says which directions of its node are asked if there may be others.
        """
        self.start, self.make, self.layout, self.batch_first = start, make, layout, batch_first
        self.sides = sides or ALL[len(rows[0])]
        self.has_biases, self.is_coupled = has_biases(rows), rows[0][0].f is None
        self.load(rows)

    def load(self, parameters: Rows) -> None:
        """Other initialisers, in a model and sessions that are made anew."""
        self.put(arrange_weights(parameters))

    def put(self, weights: Weights) -> None:
        """Have these weights in new sessions."""
        self.weights, self.sessions = list(map(self.sides.spread, weights)), dict[Form, tuple[Any, Ends]]()

    def read(self) -> Rows:
        """The parameters that the initialisers are."""
        rows = read_tensors([_split_directions(tensors, self.sides.numbers) for tensors in self.weights], "onnx")
        return tuple(tuple(p._replace(f=None) for p in row) for row in rows) if self.is_coupled else rows

    def save(self) -> bytes:
        """The model as a file."""
        saved: bytes = self.make(self.weights, Form())[0].SerializeToString()
        return saved

    def restore(self, saved: bytes) -> None:
        """Have the initialisers of a file."""
        kept = {a.name: onnx.numpy_helper.to_array(a) for a in onnx.load_model_from_string(saved).graph.initializer}
        names = self.make(self.weights, Form())[1].weights
        self.weights = [{part: kept[name] for part, name in layer.items()} for layer in names]
        self.sessions.clear()

    def forward(self, x: Array, state: State | None = None, lengths: Array | None = None) -> Answer:
        """The answer of the session for this form of question."""
        if lengths is not None:
            check_lengths(lengths, *x.shape[:2])  # there are more of ours than int32 has
        form = Form(state is not None, lengths is not None)
        if form not in self.sessions:
            model, ends = self.make(self.weights, form)
            self.sessions[form] = (self.start(model.SerializeToString()), ends)
        session, ends = self.sessions[form]
        x = self.sides.turn(x, lengths)
        given = {ends.x: np.swapaxes(x, 0, 1) if self.batch_first else x}
        if ends.lengths:
            given[ends.lengths] = (np.full(x.shape[1], len(x)) if lengths is None else lengths).astype(np.int32)
        for names, array in zip((ends.h, ends.c), state or (), strict=False):
            given |= dict(zip(names, map(self.arrange, np.split(array, len(names))), strict=True))
        y, *last = session.run(ends.answers, {name: np.ascontiguousarray(a) for name, a in given.items()})
        h, c = (np.concatenate([self.sides.pick(self.turn(a), 0) for a in last[k::2]]) for k in (0, 1))
        return Answer(self.sides.turn(self.sides.pick(self.flatten(y), 2), lengths), State(h, c))

    def arrange(self, state: Array) -> Array:
        """A state (D, B, H) as the node has it."""
        return self.turn(self.sides.widen(state, 0))

    def turn(self, state: Array) -> Array:
        """From the order of axes that the node has for a state to ours, or back."""
        return np.swapaxes(state, 0, 1) if self.layout else state

    def flatten(self, y: Array) -> Array:
        """y (T, B, D * H), from what the model returns: that, or what its node returns. Raises ValueError otherwise."""
        if y.ndim == 4:
            y = y if self.layout else y.transpose(0, 2, 1, 3)
            y = y.reshape(*y.shape[:2], -1)
        if y.ndim != 3:
            raise ValueError(
                f"the model's output has shape {y.shape}, expected (T, B, H) or that of a node's Y; name the tensor"
                " that has it: output="
            )
        return np.swapaxes(y, 0, 1) if self.batch_first else y


def arrange_weights(rows: Rows) -> Weights:
    """The tensors of a node for each layer; half of a bias in each of the two."""
    whole = _add_forget_gates(rows) if rows[0][0].f is None else rows
    return [_stack_directions(row, has_biases(rows)) for row in name_tensors(whole, "onnx")]


def _add_forget_gates(rows: Rows) -> Rows:
    """The parameters of coupled gates with a forget gate of zeros, which a node has and does not read."""

    def add(p: Parameters) -> Parameters:
        W, U, b, _ = each_array(np.zeros_like, p).g
        return p._replace(f=Gate(W, U, b))

    return tuple(tuple(map(add, row)) for row in rows)


def _stack_directions(row: list[Named], biases: bool) -> Named:
    """The tensors of all directions, one behind the other; half of a bias in each of the two, so that both count."""
    stacked = {name: np.concatenate([tensors[name] for tensors in row]) for name in row[0]}
    if not biases:
        return {name: a for name, a in stacked.items() if name != "B"}
    b = stacked["B"][:, : stacked["B"].shape[1] // 2]
    half = np.where(np.isfinite(b), b / 2, b)
    return stacked | {"B": np.concatenate([half, np.where(np.isfinite(b), b - half, 0)], axis=1).astype(b.dtype)}


def _split_directions(tensors: Named, numbers: list[int]) -> list[Named]:
    D, H = tensors["R"].shape[0], tensors["R"].shape[2]
    whole = {"B": np.zeros((D, 8 * H), tensors["R"].dtype)} | tensors
    return [{name: a[d : d + 1] for name, a in whole.items()} for d in numbers]
