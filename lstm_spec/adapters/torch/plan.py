"""How a module of somebody's is made, called, and given its parameters: what was found by asking."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lstm_spec.adapters.styles import Style
from lstm_spec.adapters.torch.making import DROPPED, Maker
from lstm_spec.adapters.torch.naming import Names
from lstm_spec.adapters.weights import Named, name_tensors, read_tensors
from lstm_spec.contract import Rows
from lstm_spec.layouts.fitting import tensors_of
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Array


class Form(NamedTuple):
    """What a network is, but for its inputs."""

    H: int
    layers: int = 1
    directions: int = 1
    P: int | None = None
    has_bias: bool = True


@dataclass(frozen=True)
class Plan:
    """What has to be known to build a module and to ask it."""

    maker: Maker
    style: Style
    layout: Layout
    names: Names = Names()
    device: str = "cpu"
    compile: bool = False
    pass_batch_first: bool = False

    def form_of(self, rows: Rows) -> Form:
        """The form of a network with these parameters."""
        p = rows[0][0]
        return Form(len(p.g.W), len(rows), len(rows[0]), None if p.R is None else len(p.R), p.g.b is not None)

    def construct(self, I: int, form: Form) -> Any:
        """A module of this form. Raises ValueError if it takes no such option."""
        options: dict[str, Any] = {}
        if form.layers > 1:
            options["layers"] = form.layers
        if form.directions > 1:
            options["both"] = True
        if form.P is not None:
            options["P"] = form.P
        if not form.has_bias:
            options["bias"] = False
        is_dropped = form.layers > 1 or not self.maker.is_torchs
        if "dropout" in self.maker.options and is_dropped and self.device == "cpu":  # cuDNN trains only in training
            options["dropout"] = DROPPED
        if self.pass_batch_first:
            options["batch_first"] = True
        return self.maker.make_apart(I, form.H, **options)

    def arrays_of(self, rows: Rows) -> dict[str, Array]:
        """The arrays by the names of the module's parameters."""
        return {
            self.names.rename(name, k, d): a
            for k, row in enumerate(name_tensors(rows, self.layout))
            for d, tensors in enumerate(row)
            for name, a in tensors.items()
        }

    def rows_of(self, named: dict[str, Array], form: Form, is_gradient: bool = False) -> Rows:
        """The parameters, or their gradients, from arrays by the names of the module's parameters."""
        held = tensors_of(self.layout, projection=form.P is not None)
        dtype = next(iter(named.values())).dtype

        def find_tensors(k: int, d: int) -> Named:
            tensors: Named = {}
            for name, pieces in held.items():
                a = named.get(self.names.rename(name, k, d))
                absent = pieces[0].shape({"4": 4, "H": form.H, "1": 1}) if a is None else ()  # a bias that was left out
                tensors[name] = np.zeros(absent, dtype) if a is None else a
            return tensors

        whole = [[find_tensors(k, d) for d in range(form.directions)] for k in range(form.layers)]
        return read_tensors(whole, self.layout, is_gradient)

    def parts_of(self, name: str, form: Form) -> frozenset[str]:
        """The parts W, U, b and R that are in a parameter of the module."""
        return _list_parts(self.layout, self.names, form).get(name, frozenset())


@lru_cache(1 << 10)
def _list_parts(layout: Layout, names: Names, form: Form) -> dict[str, frozenset[str]]:
    held = tensors_of(layout, projection=form.P is not None)
    return {
        names.rename(name, k, d): frozenset(piece.part[0] for piece in pieces)
        for name, pieces in held.items()
        for k in range(form.layers)
        for d in range(form.directions)
    }
