"""Cells of Flax under its RNN: linen has weights in a dictionary beside the module, nnx has them in the module."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
from flax import linen, nnx, serialization
from flax.traverse_util import flatten_dict, unflatten_dict

from lstm_spec.adapters.jax.module import Found, Tree
from lstm_spec.adapters.weights import Named
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Direction

NAMES = ("forward_rnn", "backward_rnn")  # of the two in a Bidirectional
WHOLE = {"time_major": True, "return_carry": True}
Make = Callable[..., Any]


@dataclass(frozen=True)
class Linen:
    """A model is the dictionary of parameters."""

    make_cell: Make  # (H, dtype)
    layout: str | Layout
    H: int
    dtype: str
    directions: tuple[Direction, ...]

    def make(self, tensors: list[Named], biases: bool) -> Tree:
        return jax.tree.map(jax.numpy.asarray, _join([{"cell": unflatten_dict(each, sep="/")} for each in tensors]))

    def split(self, model: Tree) -> tuple[None, Tree]:
        return None, model

    def call(self, static: None, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        rnns = [_run_linen(self.make_cell(self.H, self.dtype), direction) for direction in self.directions]
        module = rnns[0] if len(rnns) == 1 else linen.Bidirectional(*rnns, **WHOLE)
        carry = _to_carry(state, len(rnns))
        return _from_carry(*module.apply({"params": arrays}, x, initial_carry=carry, seq_lengths=lengths))

    def list_tensors(self, static: None, arrays: Tree) -> list[Named]:
        return [flatten_dict(each["cell"], sep="/") for each in _part(arrays)]

    def save(self, model: Tree) -> bytes:
        saved: bytes = serialization.to_bytes(model)
        return saved

    def restore(self, model: Tree, saved: bytes) -> Tree:
        return jax.tree.map(jax.numpy.asarray, serialization.from_bytes(model, saved))

    def copy(self, model: Tree) -> Tree:
        return jax.tree.map(jax.numpy.copy, model)


@dataclass(frozen=True)
class Nnx:
    """A model is an RNN, or a Bidirectional of two."""

    make_cell: Make  # (I, H, dtype)
    layout: str | Layout
    I: int
    H: int
    dtype: str
    directions: tuple[Direction, ...]

    def make(self, tensors: list[Named], biases: bool) -> Any:
        graph, state = draft_nnx(self)
        whole = _join([{"cell": unflatten_dict(each, sep=".")} for each in tensors])
        nnx.replace_by_pure_dict(state, jax.tree.map(jax.numpy.asarray, whole))
        return nnx.merge(graph, state)

    def split(self, model: Any) -> tuple[Any, Tree]:
        graph, arrays = nnx.split(model)
        return graph, arrays

    def call(self, static: Any, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        more = {} if state is not None else {"rngs": nnx.Rngs(0)}  # asks for some, and draws nothing
        model, carry = nnx.merge(static, arrays), _to_carry(state, len(self.directions))
        return _from_carry(*model(x, initial_carry=carry, seq_lengths=lengths, **more))

    def list_tensors(self, static: Any, arrays: Tree) -> list[Named]:
        return [flatten_dict(each["cell"], sep=".") for each in _part(nnx.to_pure_dict(arrays))]

    def save(self, model: Any) -> bytes:
        saved: bytes = serialization.to_bytes(nnx.to_pure_dict(nnx.state(model)))
        return saved

    def restore(self, model: Any, saved: bytes) -> Any:
        state = nnx.state(model)
        nnx.replace_by_pure_dict(state, serialization.from_bytes(nnx.to_pure_dict(state), saved))
        nnx.update(model, jax.tree.map(jax.numpy.asarray, state))
        return model

    def copy(self, model: Any) -> Any:
        return nnx.clone(model)


@cache
def draft_nnx(library: Nnx) -> tuple[Any, Any]:
    """The structure of a model, and its parameters without numbers."""

    def make() -> Any:
        cells = [library.make_cell(library.I, library.H, library.dtype) for _ in library.directions]
        rnns = [
            nnx.RNN(cell, reverse=direction == "reverse", keep_order=True, rngs=False, **WHOLE)
            for cell, direction in zip(cells, library.directions, strict=True)
        ]
        return rnns[0] if len(rnns) == 1 else nnx.Bidirectional(*rnns, rngs=False, **WHOLE)

    graph, state = nnx.split(nnx.eval_shape(make))
    return graph, state


def _run_linen(cell: Any, direction: Direction) -> Any:
    return linen.RNN(cell, reverse=direction == "reverse", keep_order=True, **WHOLE)


def _join(rnns: list[Any]) -> Any:
    return rnns[0] if len(rnns) == 1 else dict(zip(NAMES, rnns, strict=True))


def _part(whole: Any) -> list[Any]:
    return [whole] if "cell" in whole else [whole[name] for name in NAMES]


def _to_carry(state: Tree, D: int) -> Any:
    """(c, h), or one for each of two directions."""
    if state is None:
        return None
    carries = tuple((c, h) for h, c in zip(*state, strict=True))
    if len(carries) != D:
        raise ValueError(f"the state is one of {len(carries)} directions, expected {D}; give one for each")
    return carries[0] if D == 1 else carries


def _from_carry(carry: Any, y: Tree) -> Found:
    carries = carry if isinstance(carry[0], tuple) else (carry,)
    c, h = (jax.numpy.stack(each) for each in zip(*carries, strict=True))
    return y, h, c
