"""A pytree of weights, asked through functions that are compiled once for each structure, form and size."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

import jax
import numpy as np

from lstm_spec.adapters.jax.calling import Tree
from lstm_spec.adapters.weights import Named, name_tensors, read_tensors
from lstm_spec.contract import PARTS, Rows
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Answer, Array, Cotangents, Gradients, State
from lstm_spec.validation import check_lengths

Found = tuple[Tree, Tree, Tree]  # y, h and c


class Library(Protocol):
    """How models of a library are made, called and read. A model is what its users hold."""

    @property
    def layout(self) -> Layout:
        """Where the gates lie."""
        ...

    def make(self, tensors: list[Named], biases: bool) -> Any:
        """A model with these tensors, of each direction."""
        ...

    def split(self, model: Any) -> tuple[Any, Tree]:
        """What is compiled, which has a hash, and the arrays."""
        ...

    def call(self, static: Any, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
        """y (T, B, D * H), h and c (D, B, H), where the state is one (h, c), or None."""
        ...

    def list_tensors(self, static: Any, arrays: Tree) -> list[Named]:
        """The tensors of each direction by their names; a bias that is left out may be missing."""
        ...

    def save(self, model: Any) -> bytes:
        """The model as a file."""
        ...

    def restore(self, model: Any, saved: bytes) -> Any:
        """A model like this one, with the arrays of a file."""
        ...

    def copy(self, model: Any) -> Any:
        """Another model with the same arrays."""
        ...


@partial(jax.jit, static_argnums=(0, 1))
def _run(library: Library, static: Any, arrays: Tree, x: Tree, state: Tree, lengths: Tree) -> Found:
    return library.call(static, arrays, x, state, lengths)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _pull(
    library: Library, static: Any, wanted: frozenset[int], given: tuple[Tree, Tree, Tree], lengths: Tree, d: Found
) -> tuple[Found, tuple[Tree, Tree, Tree]]:
    """The answer, and the gradients of those of the arrays, x and state that are wanted, by their numbers."""

    def run(*given: Tree) -> Found:
        arrays, x, state = (a if k in wanted else jax.lax.stop_gradient(a) for k, a in enumerate(given))
        return library.call(static, arrays, x, state, lengths)

    answer, pull = jax.vjp(run, *given)
    return answer, pull(d)


class JaxModule:
    """A model of a library, which is built once and asked often."""

    def __init__(self, library: Library, device: Any, rows: Rows, biases: bool) -> None:
        (row,) = rows
        self.library, self.device, self.biases = library, device, biases
        self.is_wide = row[0].g.W.dtype == np.float64
        self.load(rows)

    def settings(self) -> AbstractContextManager[Any]:
        """float64 only for who has it: a literal of somebody's code has the width that jax is set to."""
        return jax.enable_x64(self.is_wide)

    def load(self, parameters: Rows) -> None:
        """Have these in place of the parameters."""
        (tensors,) = name_tensors(parameters, self.library.layout)
        self.blank = [{name: np.zeros_like(a) for name, a in each.items()} for each in tensors]
        with self.settings(), jax.default_device(self.device):
            self.model = self.library.make(tensors, self.biases)

    def read(self) -> Rows:
        """The parameters that the model has."""
        return self._to_rows(*self.library.split(self.model))

    def save(self) -> bytes:
        """The model as a file."""
        with self.settings():
            return self.library.save(self.model)

    def restore(self, saved: bytes) -> None:
        """Have what was saved."""
        with self.settings(), jax.default_device(self.device):
            self.model = self.library.restore(self.model, saved)

    def copy(self) -> "JaxModule":
        """Another module with a copy of the model."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), model=self.library.copy(self.model))
        return other

    def forward(self, x: Array, state: State | None = None, lengths: Array | None = None) -> Answer:
        """The answer of the compiled function."""
        with self.settings(), jax.default_device(self.device):
            return _to_answer(_run(self.library, *self.library.split(self.model), *_check(x, state, lengths)))

    def list_dtypes(self, x: Array, state: State | None = None) -> set[Any]:
        """The dtypes of an answer, which is not computed. Raises what the model raises."""
        static, arrays = self.library.split(self.model)
        with self.settings(), jax.default_device(self.device):
            run = partial(self.library.call, static, lengths=None)
            found = jax.eval_shape(run, arrays, x=x, state=None if state is None else tuple(state))
        return {a.dtype for a in found}

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer and the gradients by jax.vjp; those of what is not wanted are stopped."""
        static, arrays = self.library.split(self.model)
        wholes: tuple[set[str], ...] = ({"W", "U", "b"}, {"x"}, {"h", "c"})
        numbers = frozenset(k for k, parts in enumerate(wholes) if parts & {*wanted})
        x, given, lengths = _check(x, state, lengths)
        d = (cotangents.y, *cotangents.state)
        with self.settings(), jax.default_device(self.device):
            answer, (dw, dx, ds) = _pull(self.library, static, numbers, (arrays, x, given), lengths, d)
        none: Any = (None, None)
        return _to_answer(answer), Gradients(
            self._to_rows(static, dw, is_gradient=True),
            np.asarray(dx),
            State(*(none if ds is None else map(np.asarray, ds))),
        )

    def _to_rows(self, static: Any, arrays: Tree, is_gradient: bool = False) -> Rows:
        found = self.library.list_tensors(static, arrays)
        named = [{name: np.asarray(a) for name, a in each.items()} for each in found]
        whole = [blank | each for blank, each in zip(self.blank, named, strict=True)]
        return read_tensors([whole], self.library.layout, is_gradient)


def _check(x: Array, state: State | None, lengths: Array | None) -> tuple[Array, Any, Array | None]:
    """The same as plain tuples. Raises ValueError or TypeError for lengths that do not fit."""
    if lengths is not None:
        check_lengths(lengths, *x.shape[:2])
        lengths = lengths.astype(np.int32)
    return x, None if state is None else tuple(state), lengths


def _to_answer(found: Found) -> Answer:
    y, h, c = map(np.asarray, found)
    return Answer(y, State(h, c))
