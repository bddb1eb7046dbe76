"""What is known of a layer that nobody saw, with the ellipsoids of V12, and of what the layer above makes of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.assertions.order import take_direction, turn
from conformance.tolerance.ellipsoids import bound_free_run, can_bound
from conformance.tolerance.layer import observe_forward
from conformance.tolerance.reading import Reading, Trajectory
from conformance.tolerance.rounding import Bounded
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


def narrow_free_run(r: Reading, free: Trajectory, model: ErrorModel, readers: Array) -> tuple[Trajectory, Array]:
    """The same pass with the errors of V12 where they are smaller; how far what the readers make of h may be off."""
    reach = bound_free_run(r, free, model, readers)
    seen = Bounded(free.h.value, np.fmin(free.h.error, reach.h))
    passed = observe_forward(replace(r, of_h=reach.of_U), seen, model)
    last = np.where(r.ends, reach.c, 0).sum(axis=0)
    narrowed = {name: getattr(passed, name) for name in ("h", "c", "last")}
    for name, error in (("h", seen.error), ("c", reach.c), ("last", last)):
        narrowed[name] = Bounded(getattr(free, name).value, np.fmin(narrowed[name].error, error))
    return replace(passed, **narrowed), reach.of_readers
