"""A cell of Equinox, mapped over the batch and scanned over time."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import equinox
import jax

from lstm_spec.adapters.jax.flax import Make
from lstm_spec.adapters.jax.module import Found, Tree
from lstm_spec.adapters.weights import Named
from lstm_spec.layouts.fitting import find_layout, tensors_of
from lstm_spec.layouts.table import Layout


@dataclass(frozen=True)
class Equinox:
    """A model is the cell."""

    make_cell: Make  # (I, H, dtype, biases)
    layout: str | Layout
    I: int
    H: int
    dtype: str

    def make(self, tensors: list[Named], biases: bool) -> Any:
        cell = draft_cell(self, biases)
        named = {name: jax.numpy.asarray(a) for name, a in tensors[0].items() if getattr(cell, name) is not None}
        return equinox.tree_at(lambda one: [getattr(one, name) for name in named], cell, list(named.values()))

    def split(self, model: Any) -> tuple[Any, Tree]:
        leaves, tree = jax.tree.flatten(model)
        are_arrays = [equinox.is_array(leaf) for leaf in leaves]
        rest = tuple(None if is_array else leaf for leaf, is_array in zip(leaves, are_arrays, strict=True))
        return (tree, rest), [leaf for leaf, is_array in zip(leaves, are_arrays, strict=True) if is_array]

    def call(self, static: Any, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        cell = jax.vmap(_join(static, arrays))

        def step(s: tuple[Tree, Tree], x: Tree) -> tuple[tuple[Tree, Tree], Tree]:
            s = cell(x, s)
            return s, s[0]

        (h,), (c,) = state
        (h, c), y = jax.lax.scan(step, (h, c), x)
        return y, h[None], c[None]

    def list_tensors(self, static: Any, arrays: Tree) -> list[Named]:
        cell, names = _join(static, arrays), self.names
        return [{name: getattr(cell, name) for name in names if getattr(cell, name) is not None}]

    def save(self, model: Any) -> bytes:
        file = BytesIO()
        equinox.tree_serialise_leaves(file, model)
        return file.getvalue()

    def restore(self, model: Any, saved: bytes) -> Any:
        return equinox.tree_deserialise_leaves(BytesIO(saved), model)

    def copy(self, model: Any) -> Any:
        return jax.tree.map(lambda leaf: jax.numpy.copy(leaf) if equinox.is_array(leaf) else leaf, model)

    @property
    def names(self) -> list[str]:
        """The names of the tensors."""
        return list(tensors_of(find_layout(self.layout)))


@cache
def draft_cell(library: Equinox, biases: bool) -> Any:
    """A cell without numbers."""
    return equinox.filter_eval_shape(lambda: library.make_cell(library.I, library.H, library.dtype, biases))


def _join(static: Any, arrays: Tree) -> Any:
    (tree, rest), left = static, list(arrays)
    return jax.tree.unflatten(tree, [left.pop(0) if leaf is None else leaf for leaf in rest])
