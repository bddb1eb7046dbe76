"""The steps of a replayed case as text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from conformance.numbers import format_times, shorten

if TYPE_CHECKING:
    from conformance.cases.replay import Step

FULL = 3  # steps in a row within what is allowed: more are shown in one line

STEPS = 20  # steps beyond what is allowed that are shown


def format_steps(steps: list[Step]) -> list[str]:
    """A case step by step; of steps in a row that are within what is allowed, the one that is furthest off."""
    groups = [(key, list(found)) for key, found in groupby(steps, lambda step: (step.quantity, step.ratio <= 1))]
    return [line for (_, within), found in groups for line in _format_group(found, within)]


def _format_group(found: list[Step], within: bool) -> list[str]:
    if within and len(found) > FULL:
        largest = max(found, key=lambda step: step.ratio)
        return [_format_step(largest, f"t={found[0].t}…{found[-1].t}")]
    lines = [_format_step(step, "" if step.t is None else f"t={step.t}") for step in found[:STEPS]]
    return lines + ([f"  and {len(found) - STEPS} more steps beyond what is allowed"] if len(found) > STEPS else [])


def _format_step(step: Step, place: str) -> str:
    return (
        f"  {place:<8}largest error of {step.quantity:<5} {shorten(step.error)}, {format_times(step.ratio)} × allowed"
    )
