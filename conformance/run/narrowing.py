"""What is known of a layer that nobody saw, with the ellipsoids of V12, and of what the layer above makes of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from conformance.assertions.order import take_direction, turn
from conformance.tolerance.ellipsoids import can_bound, narrow_free_run
from conformance.tolerance.reading import Reading, Trajectory
from lstm_spec import ErrorModel, Problem
from lstm_spec.types import Array


class Narrowed(NamedTuple):
    """The passes of a layer, one for each direction, and how far W x may be off in those of the layer above."""

    passes: list[Trajectory]
    above: list[Array]  # (T, B, 4H), in the order of time; empty where V12 is not derived


def narrow_layer(
    problem: Problem, layer: int, readings: Sequence[Reading], free: list[Trajectory], model: ErrorModel
) -> Narrowed:
    """The free passes of a layer below the last, with smaller errors if V12 knows them."""
    if not all(can_bound(reading, model) for reading in readings):
        return Narrowed(free, [])
    W = np.concatenate([getattr(p, gate).W for p in problem.parameters[layer + 1] for gate in p.gates])
    passes, of_rows = list[Trajectory](), np.zeros((*problem.x.shape[:2], len(W)))
    for d, (reading, passed) in enumerate(zip(readings, free, strict=True)):
        narrowed, of_readers = narrow_free_run(reading, passed, model, take_direction(problem, d, W).astype(np.float64))
        passes.append(narrowed)
        of_rows += turn(problem, d, of_readers)
    return Narrowed(passes, np.split(of_rows, len(readings), axis=-1))
