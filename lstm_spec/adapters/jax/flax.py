"""Cells of Flax under its RNN: linen has weights in a dictionary beside the module, nnx has them in the module."""

from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import jax
from flax import linen, nnx, serialization
from flax.traverse_util import flatten_dict, unflatten_dict

from lstm_spec.adapters.jax.calling import Tree, call_styled
from lstm_spec.adapters.jax.module import Found
from lstm_spec.adapters.making import Maker
from lstm_spec.adapters.styles import Style
from lstm_spec.adapters.weights import Named
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Direction

NAMES = ("forward_rnn", "backward_rnn")  # of the two in a Bidirectional
WHOLE = {"time_major": True, "return_carry": True}


@dataclass(frozen=True)
class Linen:
    """A model is the dictionary of parameters."""

    maker: Maker
    layout: Layout = field(compare=False)  # nothing that is compiled depends on it
    style: Style
    is_run: bool  # by linen.RNN
    I: int
    H: int
    dtype: str
    directions: tuple[Direction, ...] = ("forward",)

    def make_module(self) -> Any:
        return self.maker.construct(self.I, self.H, param_dtype=self.dtype)

    def make(self, tensors: list[Named], biases: bool) -> Tree:
        own = [unflatten_dict(each, sep="/") for each in tensors]
        return jax.tree.map(jax.numpy.asarray, _join([{"cell": each} for each in own]) if self.is_run else own[0])

    def split(self, model: Tree) -> tuple[None, Tree]:
        return None, model

    def call(self, static: None, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        variables = {"params": arrays}
        if not self.is_run:
            return call_styled(self.style, partial(self.make_module().apply, variables), x, state)
        rnns = [_run_linen(self.make_module(), direction) for direction in self.directions]
        module = rnns[0] if len(rnns) == 1 else linen.Bidirectional(*rnns, **WHOLE)
        carry = _to_carry(state, len(rnns), self.style)
        carry, y = module.apply(variables, x, initial_carry=carry, seq_lengths=lengths)
        return _from_carry(carry, y, self.style)

    def list_tensors(self, static: None, arrays: Tree) -> list[Named]:
        parts = [each["cell"] for each in _part(arrays)] if self.is_run else [arrays]
        return [flatten_dict(each, sep="/") for each in parts]

    def save(self, model: Tree) -> bytes:
        saved: bytes = serialization.to_bytes(model)
        return saved

    def restore(self, model: Tree, saved: bytes) -> Tree:
        return jax.tree.map(jax.numpy.asarray, serialization.from_bytes(model, saved))

    def copy(self, model: Tree) -> Tree:
        return jax.tree.map(jax.numpy.copy, model)


@dataclass(frozen=True)
class Nnx:
    """A model is an RNN, or a Bidirectional of two, or the module itself."""

    maker: Maker
    layout: Layout = field(compare=False)
    style: Style
    is_run: bool  # by nnx.RNN
    I: int
    H: int
    dtype: str
    directions: tuple[Direction, ...] = ("forward",)

    def make_module(self) -> Any:
        return self.maker.construct(self.I, self.H, rngs=nnx.Rngs(0), param_dtype=self.dtype)

    def make(self, tensors: list[Named], biases: bool) -> Any:
        graph, state = draft_nnx(self)
        drafts = self.list_parts(nnx.to_pure_dict(state))
        own = [
            unflatten_dict({path: jax.numpy.asarray(each[_name(path)]) for path in flatten_dict(draft)})
            for each, draft in zip(tensors, drafts, strict=True)
        ]
        nnx.replace_by_pure_dict(state, _join([{"cell": each} for each in own]) if self.is_run else own[0])
        return nnx.merge(graph, state)

    def list_parts(self, whole: Any) -> list[Any]:
        """The parameters of each direction, of those of a model."""
        return [each["cell"] for each in _part(whole)] if self.is_run else [whole]

    def split(self, model: Any) -> tuple[Any, Tree]:
        graph, arrays = nnx.split(model)
        return graph, arrays

    def call(self, static: Any, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        if not self.is_run:
            return call_styled(self.style, nnx.merge(static, arrays), x, state)
        more = {} if state is not None else {"rngs": nnx.Rngs(0)}  # asks for some, and draws nothing
        model, carry = nnx.merge(static, arrays), _to_carry(state, len(self.directions), self.style)
        carry, y = model(x, initial_carry=carry, seq_lengths=lengths, **more)
        return _from_carry(carry, y, self.style)

    def list_tensors(self, static: Any, arrays: Tree) -> list[Named]:
        parts = self.list_parts(nnx.to_pure_dict(arrays))
        return [{_name(path): a for path, a in flatten_dict(each).items()} for each in parts]

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


def list_linen_shapes(library: Linen) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters by name, of a module that is called in the style of the library."""
    x, h, c = (
        jax.numpy.zeros((*([] if library.style.is_single else [1]), n)) for n in (library.I, library.H, library.H)
    )
    x = x if library.style.is_cell else x[None]
    make = partial(library.make_module().init, jax.random.key(0))
    found = jax.eval_shape(lambda *given: library.style.call(make, *given), x, h, c)
    return {name: a.shape for name, a in flatten_dict(found.get("params", {}), sep="/").items()}


def list_nnx_shapes(library: Nnx) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters by name."""
    (part,) = library.list_parts(nnx.to_pure_dict(draft_nnx(library)[1]))
    return {_name(path): a.shape for path, a in flatten_dict(part).items()}


@cache
def draft_nnx(library: Nnx) -> tuple[Any, Any]:
    """The structure of a model, and its parameters without numbers."""

    def make() -> Any:
        if not library.is_run:
            return library.make_module()
        rnns = [
            nnx.RNN(library.make_module(), reverse=direction == "reverse", keep_order=True, rngs=False, **WHOLE)
            for direction in library.directions
        ]
        return rnns[0] if len(rnns) == 1 else nnx.Bidirectional(*rnns, rngs=False, **WHOLE)

    graph, state = nnx.split(nnx.eval_shape(make))
    return graph, state


def _run_linen(cell: Any, direction: Direction) -> Any:
    return linen.RNN(cell, reverse=direction == "reverse", keep_order=True, **WHOLE)


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _join(rnns: list[Any]) -> Any:
    return rnns[0] if len(rnns) == 1 else dict(zip(NAMES, rnns, strict=True))


def _part(whole: Any) -> list[Any]:
    return [whole] if "cell" in whole else [whole[name] for name in NAMES]


def _to_carry(state: Tree, D: int, style: Style) -> Any:
    """The carry of a cell, or one for each of two directions."""
    if state is None:
        return None
    carries = tuple(style.arrange(h, c) for h, c in zip(*state, strict=True))
    if len(carries) != D:
        raise ValueError(f"the state is one of {len(carries)} directions, expected {D}; give one for each")
    return carries[0] if D == 1 else carries


def _from_carry(carry: Any, y: Tree, style: Style) -> Found:
    carries = [style.arrange(*each) for each in (carry if isinstance(carry[0], tuple) else (carry,))]
    h, c = (jax.numpy.stack(each) for each in zip(*carries, strict=True))
    return y, h, c
