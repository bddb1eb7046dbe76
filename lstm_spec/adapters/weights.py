"""The parameters of all layers and directions as tensors of a framework, and back."""

import numpy as np

from lstm_spec.contract import Rows
from lstm_spec.layouts.convert import read_layer, take_parts, write_layer
from lstm_spec.layouts.fitting import find_layout
from lstm_spec.layouts.losses import Losses
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Array, Gate, Parameters

Named = dict[str, Array]  # the tensors of one layer in one direction, by the names of its layout


def name_tensors(rows: Rows, layout: str | Layout) -> list[list[Named]]:
    """Fresh tensors for each layer and direction; a bias that is left out is zero. Raises as `to_layout`."""
    losses, it = Losses(), find_layout(layout)
    found = [[write_layer(fill_biases(p), it, losses) for p in row] for row in rows]
    losses.warn()
    return found


def read_tensors(named: list[list[Named]], layout: str | Layout) -> Rows:
    """The parameters that these tensors are. Raises as `from_layout`."""
    losses, it = Losses(), find_layout(layout)
    found = tuple(tuple(read_layer(take_parts(tensors, it), it, losses) for tensors in row) for row in named)
    losses.warn()
    return found


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
