"""An answer that was given, beside the equations: layer by layer, from what is known of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import ml_dtypes
import numpy as np

from conformance.arrays import limits
from conformance.assertions.comparison import STATE, STEP, Comparison, assert_within
from conformance.assertions.forward import Seen, join_outputs, read_below, read_layer
from conformance.assertions.network import list_free_parts
from conformance.assertions.order import mark_valid_steps, name_place, read_direction, turn
from conformance.assertions.overflow import assert_finite_enough
from conformance.outcome import Difference, Inconclusive, Refuted
from conformance.run.narrowing import narrow_layer
from conformance.tolerance.conclusive import largest_conclusive_error, measure_width
from conformance.tolerance.ellipsoids import LARGEST
from conformance.tolerance.layer import observe_forward, run_free
from conformance.tolerance.reading import Reading, Trajectory
from conformance.tolerance.rounding import Bounded, exact
from lstm_spec import Answer, Cotangents, ErrorModel, Gradients, Problem
from lstm_spec.types import Array

Below = Literal["bounded", "made", "narrowed"]
"""What is taken for the outputs of a layer that nobody gave: what a free run leaves open, by intervals or by ellipsoids
(V12), or what the equations say, rounded."""
TOLD = 0.1  # as far an output may be open where `judge` says how far it is
Sizes = Sequence[Sequence[Mapping[str, Array]]]  # [layer][direction], by gate: (H,)


class Part(NamedTuple):
    """One output beside what it should be."""

    name: str
    ratio: float  # the largest error, in units of what is allowed
    difference: Difference | None  # the first element that is further off than allowed
    got: Array
    expected: Array
    allowed: Array


class Compared:
    """An answer beside the equations, at one grade."""

    def __init__(
        self,
        problem: Problem,
        given: tuple[Array, Array | None, Array | None],
        inner: Sequence[Array | None],
        model: ErrorModel,
        unjudged: list[str],
        sizes: Sizes = (),
        below: Below = "bounded",
    ) -> None:
        self.below, self.of_x = below, list[Array]()  # of_x: how far W x may be off, by direction
        self.problem, (self.y, self.h, self.c), self.inner, self.sizes = problem, given, inner, sizes
        self.model, self.unjudged = model, unjudged
        self.seen = Seen(problem, Answer(self.y, problem.state), [])
        self.passes: list[list[Trajectory]] = []
        self.cut: tuple[int, int] | None = None  # from this layer on, no more than so many steps are judged

    def list_forward(self) -> Iterator[Comparison]:
        """The outputs of the layers that are known, and the final states that are."""
        for name, a in (("the final h", self.h), ("the final c", self.c)):
            self.unjudged += [f"{name}, which was not given"] if a is None else []
        yield from self._list_broken()
        if not len(self.problem.x):
            self.unjudged.append("y, which has no steps")
            return
        for layer, row in enumerate(self.problem.parameters):
            is_last = layer == len(self.problem.parameters) - 1
            known = self.y if is_last else self.inner[layer] if layer < len(self.inner) else None
            x = read_below(self.seen, layer, self.model)
            readings = [self._read_layer(layer, d, x) for d in range(len(row))]
            is_made = known is None and self.below == "made"
            if is_made:
                free = join_outputs(self.problem, [run_free(reading, self.model) for reading in readings])
                known = free.value.astype(self.problem.dtype)
            if known is None:
                passes = self._bound_layer(layer, readings)
            else:
                outputs = (read_direction(self.problem, d, exact(known)) for d in range(len(row)))
                passes = [observe_forward(r, q, self.model) for r, q in zip(readings, outputs, strict=True)]
            joined, place = join_outputs(self.problem, passes), name_place(self.problem, layer)
            steps = count_conclusive_steps(joined, self._choose_limit(known is None))
            if not steps:
                self.unjudged.append(self._explain_nothing(layer))
                self.cut = layer, 0
                return
            if steps < len(self.problem.x) and not is_last and "reverse" in self.problem.directions:
                self.unjudged.append(self._explain_nothing(layer + 1))
                self.cut = layer + 1, 0
                return  # what reads backward begins with the steps that are not known
            self.of_x = self.of_x if known is None else []
            self.passes.append(passes)
            self.seen.outputs.append(joined if known is None else exact(known))
            if steps < len(self.problem.x):
                self._keep_steps(steps, layer)
            if known is not None:
                made = ", made here" * is_made
                yield Comparison(f"y{place}{made}", STEP, known[:steps], joined.value[:steps], joined.error[:steps])
            if is_made:
                self.unjudged.append(
                    f"y{place}, which was not given, and its final states: some right ones make y right"
                )
            elif known is None:
                self.unjudged.append(f"y{place}, which was not given")
            if not self.cut and not is_made:
                yield from self._list_states(layer, passes)
        if self.cut:
            self.unjudged.append(
                f"layer {self.cut[0]} and those above it after step {self.cut[1] - 1}, and their final states: rounding"
                " may have grown too much below; give inner"
            )

    def _bound_layer(self, layer: int, readings: list[Reading]) -> list[Trajectory]:
        """The passes of a layer of which only the equations are known."""
        passes = [run_free(reading, self.model) for reading in readings]
        if self.below == "narrowed":
            passes, self.of_x = narrow_layer(self.problem, layer, readings, passes, self.model)
        return passes

    def _explain_nothing(self, layer: int) -> str:
        """Why not one step of a layer is judged."""
        if len(self.problem.parameters) == 1:
            return "y, of which the equations leave everything open"
        return f"layer {layer} and those above it: rounding may have grown too much below; give inner"

    def _choose_limit(self, is_unseen: bool) -> float:
        """How large an error may be for the step to be judged."""
        if self.below == "narrowed" and self.of_x:
            return LARGEST if is_unseen else TOLD
        return largest_conclusive_error(self.model)

    def _list_broken(self) -> Iterator[Comparison]:
        """What has numbers that are not finite, without any reason: wrong wherever rounding has grown to."""
        largest = np.array(limits(self.problem.dtype).largest)
        inner = ((f"y of layer {k}", STEP, a) for k, a in enumerate(self.inner))
        for name, axes, a in (*inner, ("y", STEP, self.y), ("h_T", STATE, self.h), ("c_T", STATE, self.c)):
            if a is not None and not np.isfinite(a).all() and self._is_bounded():
                yield Comparison(f"{name} is finite", axes, a, np.zeros(()), largest)

    def _is_bounded(self) -> bool:
        """Whether no right answer has numbers that are not finite."""
        try:
            assert_finite_enough(Answer(np.full_like(self.y, np.nan), self.problem.state), self.problem)
        except Inconclusive:
            return False
        return True

    def _keep_steps(self, steps: int, layer: int) -> None:
        """Judge no more than the first steps from here on, and no final state."""
        first = layer if self.cut is None else self.cut[0]
        self.cut = first, steps
        problem, (_, answer, outputs) = self.problem, self.seen
        lengths = None if problem.lengths is None else np.minimum(problem.lengths, steps)
        self.problem = replace(problem, x=problem.x[:steps], lengths=lengths)
        self.y, self.inner = self.y[:steps], [None if a is None else a[:steps] for a in self.inner]
        self.of_x = [a[:steps] for a in self.of_x]
        cut = [Bounded(q.value[:steps], q.error[:steps]) for q in outputs]
        self.seen = Seen(self.problem, replace(answer, y=self.y), cut)

    def _read_layer(self, layer: int, d: int, x: Bounded) -> Reading:
        reading = read_layer(self.problem, layer, d, x)
        if self.of_x:
            reading = replace(reading, of_x=turn(self.problem, d, self.of_x[d]))
        if not self.sizes:
            return reading
        sizes = np.concatenate([np.asarray(self.sizes[layer][d][gate], np.float64) for gate in reading.gates])
        b, u = np.abs(reading.w.b), float(ml_dtypes.finfo(self.problem.dtype).eps) / 2  # type: ignore[no-untyped-call]
        return replace(reading, apart=Bounded(np.maximum(sizes, b), u * b))

    def _list_states(self, layer: int, passes: list[Trajectory]) -> Iterator[Comparison]:
        lengths = mark_valid_steps(self.problem).sum(axis=0)[:, 0]
        last, rows, some = np.maximum(lengths - 1, 0), np.arange(len(lengths)), (lengths > 0)[:, None]
        for d, passed in enumerate(passes):
            k, place = layer * len(passes) + d, name_place(self.problem, layer, d)
            h = Bounded(*(a[last, rows] for a in read_direction(self.problem, d, self.seen.outputs[layer])))
            for name, got, found, first in (
                ("h_T", self.h, h, self.problem.state.h[k]),
                ("c_T", self.c, passed.last, self.problem.state.c[k]),
            ):
                if got is not None:
                    value, error = np.where(some, found.value, first), np.where(some, found.error, 0)
                    yield Comparison(f"{name}{place}", STATE[1:], got[k], value, error)

    def list_backward(self, gradients: tuple[Cotangents, Gradients] | None) -> Iterator[Comparison]:
        """The gradients, from the passes forward; none if a layer was not judged."""
        if gradients is None:
            return
        parts = None
        if len(self.passes) == len(self.problem.parameters) and not self.cut:
            parts = list_free_parts(self.seen, self.passes, *gradients, self.model)
        if parts is None:
            self.unjudged.append("the gradients: rounding may have grown too much for them to say anything")
        yield from (part.compare() for part in parts or ())


def count_conclusive_steps(q: Bounded, largest: float) -> int:
    """How many steps from the first one on are known well enough, of outputs (T, B, ·): up to that error."""
    is_known = measure_width(q).reshape(len(q.value), -1).max(axis=1, initial=0) <= largest
    return int(np.logical_and.accumulate(is_known).sum())


def measure_part(one: Comparison) -> Part:
    """The largest error in units of what is allowed; infinite where nothing is, or for what is no number."""
    expected, allowed = (np.broadcast_to(a, one.got.shape) for a in (one.expected, one.allowed))
    with np.errstate(all="ignore"):
        error = np.abs(one.got.astype(np.float64) - expected)
        ratio = np.nan_to_num(np.where(error == 0, 0, error / allowed), nan=np.inf, posinf=np.inf)
    try:
        assert_within(one)
    except Refuted as refuted:
        return Part(one.quantity, float(ratio.max()), refuted.difference, one.got, expected, allowed)
    return Part(one.quantity, float(ratio.max(initial=0)), None, one.got, expected, allowed)
