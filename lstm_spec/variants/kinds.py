"""Every kind of cell by its name, and the cell that a problem asks for."""

from functools import partial
from typing import Any

import numpy as np

from lstm_spec.equations import cell
from lstm_spec.gradients import CellGradient, cell_gradient
from lstm_spec.types import Array, Cell, Feature, Kind, Parameters, Problem, State
from lstm_spec.variants import cells, configured

_KINDS = (
    Kind("standard", cells.clipped_cell, cells.clipped_gradient, ()),
    Kind("peephole", cells.peephole_cell, cells.peephole_gradient, (Feature.PEEPHOLES,), peepholes="ifo"),
    Kind("coupled", cells.coupled_cell, cells.coupled_gradient, (Feature.COUPLED,), gates="igo", keeps="1 - i"),
    Kind(
        "no forget gate",
        cells.cell_without_forget_gate,
        cells.gradient_without_forget_gate,
        (Feature.NO_FORGET_GATE,),
        gates="igo",
        keeps="1",
    ),
    Kind(
        "1997 simplified",
        cells.cell_1997_simplified,
        cells.gradient_1997_simplified,
        (Feature.SIMPLIFIED_1997,),
        gates="igo",
        keeps="1",
        stretch=2,
    ),
    Kind(
        "configured",
        configured.configured_cell,
        configured.configured_gradient,
        (Feature.ACTIVATIONS,),
        is_configured=True,
    ),
    Kind(
        "configured peephole",
        configured.configured_peephole_cell,
        configured.configured_peephole_gradient,
        (Feature.ACTIVATIONS, Feature.PEEPHOLES),
        peepholes="ifo",
        is_configured=True,
    ),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}


def cell_of(problem: Problem) -> tuple[Cell, CellGradient]:
    """The cell that a well-formed problem asks for, and its gradient.

    The plain cell is that of equations.py. A bound is the number of the problem's dtype nearest to that of the variant.
    """
    variant, kind = problem.variant, KINDS[problem.variant.kind]
    if kind.cell is cells.clipped_cell and variant.clip is None and problem.layer.R is None:
        return cell, cell_gradient
    given: dict[str, Any] = {"k": nearest_bound(problem, variant.clip)}
    given |= {"a": variant.activations} if kind.is_configured else {}
    forward, gradient = partial(kind.cell, **given), partial(kind.gradient, **given)
    if variant.projection_clip is None:
        return forward, gradient
    return bound_projection(forward, gradient, nearest_bound(problem, variant.projection_clip))


def nearest_bound(problem: Problem, k: float | None) -> float:
    """The number of the problem's dtype nearest to k; infinite if nothing is bounded."""
    return np.inf if k is None else float(problem.dtype.type(k))


def bound_projection(forward: Cell, gradient: CellGradient, k: float) -> tuple[Cell, CellGradient]:
    """The cell whose projected hidden state is bounded to [-k, k], and its gradient. Sak, Senior & Beaufays 2014."""

    def bounded_cell(p: Parameters, x: Array, s: State) -> State:
        h, c = forward(p, x, s)
        return State(cells.clip(h, k), c)  # VAR-13

    def bounded_gradient(p: Parameters, x: Array, s: State, ds: State) -> tuple[Parameters, Array, State]:
        h, _ = forward(p, x, s)
        return gradient(p, x, s, State(ds.h * cells.inside(h, k), ds.c))  # VAR-14

    return bounded_cell, bounded_gradient
