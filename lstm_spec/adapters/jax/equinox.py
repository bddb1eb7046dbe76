"""A module of Equinox, a cell or one that reads sequences, often without an axis for the batch."""

from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import equinox
import jax

from lstm_spec.adapters.jax.calling import Tree, call_styled
from lstm_spec.adapters.jax.module import Found
from lstm_spec.adapters.making import Maker
from lstm_spec.adapters.styles import Style
from lstm_spec.adapters.weights import Named
from lstm_spec.layouts.table import Layout


@dataclass(frozen=True)
class Equinox:
    """A model is the module."""

    maker: Maker
    layout: Layout = field(compare=False)  # nothing that is compiled depends on it
    style: Style
    I: int
    H: int
    dtype: str

    def make(self, tensors: list[Named], biases: bool) -> Any:
        draft = draft_module(self, biases)
        leaves = [jax.numpy.asarray(tensors[0][name]) if name else leaf for name, leaf in _name_leaves(draft)]
        return jax.tree.unflatten(jax.tree.structure(draft), leaves)

    def split(self, model: Any) -> tuple[Any, Tree]:
        leaves, tree = jax.tree.flatten(model)
        are_arrays = [equinox.is_array(leaf) for leaf in leaves]
        rest = tuple(None if is_array else leaf for leaf, is_array in zip(leaves, are_arrays, strict=True))
        return (tree, rest), [leaf for leaf, is_array in zip(leaves, are_arrays, strict=True) if is_array]

    def call(self, static: Any, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        return call_styled(self.style, _join(static, arrays), x, state)

    def list_tensors(self, static: Any, arrays: Tree) -> list[Named]:
        return [{name: leaf for name, leaf in _name_leaves(_join(static, arrays)) if name}]

    def save(self, model: Any) -> bytes:
        file = BytesIO()
        equinox.tree_serialise_leaves(file, model)
        return file.getvalue()

    def restore(self, model: Any, saved: bytes) -> Any:
        return equinox.tree_deserialise_leaves(BytesIO(saved), model)

    def copy(self, model: Any) -> Any:
        return jax.tree.map(lambda leaf: jax.numpy.copy(leaf) if equinox.is_array(leaf) else leaf, model)


@cache
def draft_module(library: Equinox, biases: bool) -> Any:
    """A module without numbers."""
    options = {"key": jax.random.key(0), "dtype": library.dtype, **({} if biases else {"use_bias": False})}
    return equinox.filter_eval_shape(lambda: library.maker.construct(library.I, library.H, **options))


def list_shapes(draft: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of its arrays by their names."""
    return {name: leaf.shape for name, leaf in _name_leaves(draft) if name}


def _name_leaves(model: Any) -> list[tuple[str, Any]]:
    """The leaves of a model, each with its name, e.g. gates.weight, if it is an array; otherwise with none."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(model)
    kinds = (jax.Array, jax.ShapeDtypeStruct)
    return [
        (jax.tree_util.keystr(path, simple=True, separator=".") if isinstance(leaf, kinds) else "", leaf)
        for path, leaf in leaves
    ]


def _join(static: Any, arrays: Tree) -> Any:
    (tree, rest), left = static, list(arrays)
    return jax.tree.unflatten(tree, [left.pop(0) if leaf is None else leaf for leaf in rest])
