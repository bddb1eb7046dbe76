"""The backward pass of a plain problem: F13 to F16 of docs/accuracy.md."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.tolerance.audit import audit
from conformance.tolerance.cell_backward import make_sum
from conformance.tolerance.layer_backward import Backpropagation, Loss, observe_backward, run_free_backward
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import exact, recenter
from conformance.tolerance.trajectories import read_plain
from lstm_spec.accuracy import ErrorModel
from lstm_spec.types import Array, Cotangents, Problem, State

PARTS = ("dz", "dW", "dU", "db", "dx", "dh", "dc")


def observed_backpropagation(
    problem: Problem, forward: Trajectory, d: Cotangents, dz: Array, model: ErrorModel
) -> Backpropagation:
    """The pass in which every step starts from the gate gradients dz (T, B, 4H) that were read off; T >= 1."""
    known = audit.get().backward(problem, forward.h_before.value, d, dz)
    found = observe_backward(read_plain(problem), forward, loss_of(d), exact(dz), model, known)
    changes: dict[str, Any] = {name: recenter(getattr(found, name), known, name) for name in PARTS if name in known}
    return replace(found, **changes)


def free_backpropagation(
    problem: Problem, forward: Trajectory, d: Cotangents, model: ErrorModel, handed_on: bool = False
) -> Backpropagation:
    """The pass without any observation; its errors may grow by abs(U) each step. `handed_on` as for states."""
    return run_free_backward(read_plain(problem), forward, loss_of(d), model, handed_on)


def loss_of(d: Cotangents) -> Loss:
    """The cotangents of a plain problem's answer."""
    return Loss(make_sum(d.y), State(*(a[0].astype(np.float64) for a in d.state)))
