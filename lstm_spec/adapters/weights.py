"""The parameters of all layers and directions as tensors of a framework, and back."""

import numpy as np

from lstm_spec.contract import Rows
from lstm_spec.layouts.convert import from_layout, to_layout
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Array, Gate, Parameters

Named = dict[str, Array]  # the tensors of one layer in one direction, by the names of its layout


def name_tensors(rows: Rows, layout: str | Layout) -> list[list[Named]]:
    """Fresh tensors for each layer and direction; a bias that is left out is zero. Raises as `to_layout`."""
    return [[to_layout(fill_biases(p), layout) for p in row] for row in rows]


def read_tensors(named: list[list[Named]], layout: str | Layout) -> Rows:
    """The parameters that these tensors are. Raises as `from_layout`."""
    return tuple(tuple(from_layout(tensors, layout) for tensors in row) for row in named)


def has_biases(rows: Rows) -> bool:
    """Whether the parameters have biases; if not, all are None."""
    b: Array | None = rows[0][0].g.b
    return b is not None


def fill_biases(p: Parameters) -> Parameters:
    """The parameters with zeros for biases that are left out."""

    def fill(gate: Gate | None) -> Gate | None:
        b: Array | None = None if gate is None else gate.b
        return gate and gate._replace(b=np.zeros(len(gate.W), gate.W.dtype) if b is None else b)

    i, f, g, o = map(fill, p[:4])
    assert g is not None
    return Parameters(i, f, g, o, p.R)
