"""Where the gradient is cut: found step by step from the last one back, each with a cotangent of its own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.asking import Asking, is_near, measure_room
from conformance.diagnosis.experiments.term.formula import run_steps
from conformance.diagnosis.experiments.term.gradients.flow import Flow, find_rule
from conformance.diagnosis.experiments.term.gradients.pairing import RIGHT
from conformance.diagnosis.experiments.term.gradients.slopes import list_factors
from conformance.diagnosis.experiments.term.gradients.sweeping import OWN_H, OWN_X, Explanation, gather, spread
from conformance.problems.question import Question
from lstm_spec import Gradients, pack
from lstm_spec.types import Array

LENGTHS = (110, 127)
SEED = 3
NOWHERE: frozenset[int] = frozenset()


class Events(NamedTuple):
    """Before which steps each state passes nothing back, and which steps are left out."""

    h: frozenset[int] = NOWHERE
    c: frozenset[int] = NOWHERE
    left_out: frozenset[int] = NOWHERE


def find_flow(asking: Asking, base: Explanation = RIGHT) -> Explanation | None:
    """The explanation with where nothing flows back; None if it flows everywhere, or no rule says where it does."""
    events = dict[int, Events]()
    for T in LENGTHS:
        asking.laboratory.check_time()
        question = asking.make_question(T, 1, SEED, far=1.0)
        _, got = asking.laboratory.differentiate(question)
        one = decode(asking, base, question, got)
        if one is None:
            return None
        events[T] = one
    rules = [find_rule({T: one[k] for T, one in events.items()}) for k in range(3)]
    h, c, left_out = rules
    if set(events.values()) == {Events()} or not (h and c and left_out):
        return None
    return replace(base, flow=Flow(h, c, left_out))


def decode(asking: Asking, base: Explanation, question: Question, got: Gradients) -> Events | None:
    """What the gradients of x say of each step in turn, and those of the initial state of the first; None if nothing.

    Each step has a cotangent of its own, so that what is cut before one does not hide the next one.
    """
    (problem, d), H = question, question.problem.sizes[3]
    states, values = run_steps(asking.formula, problem)
    W, U, _ = (a.astype(np.float64).reshape(4, H, -1) for a in pack(problem.layer))
    T, parts = len(problem.x), (got.x, *got.state)
    room = measure_room(asking.laboratory.dtype, *(np.abs(a).max() for a in parts))
    dh, dc = (a[0].astype(np.float64) for a in d.state)
    cut: dict[str, set[int]] = {"h": set(), "c": set(), "left out": set()}

    def step_back(t: int, dh: Array, dc: Array) -> tuple[Array, Array, Array]:
        factors = list_factors(values[t].of | {"c": states[t].c})
        ends = (t == T - 1, t == 0) if base.only == "ends" else (True, True)
        z = {k: gather(base, k, {"y": d.y[t], "h": dh, "c": dc}, factors, ends) for k in "ifgoc"}
        return spread(OWN_X, z, W, U, W.shape[2]), spread(OWN_H, z, W, U, H), z["c"]

    for t in reversed(range(T)):
        for passed in list_cuts() if t < T - 1 else ("hc",):
            kept = dh * ("h" in passed), dc * ("c" in passed)
            dx, *back = step_back(t, *kept)
            if is_near(got.x[t], dx, room):
                break
            if passed == "hc" and not got.x[t].any():
                passed, back = "left out", [dh, dc]
                break
        else:
            return None
        cut["left out"] |= {t} if passed == "left out" else set()
        for k in "hc":
            cut[k] |= {t + 1} if passed != "left out" and k not in passed else set()
        dh, dc = back
    for k, a, own in zip("hc", got.state, (dh, dc), strict=True):
        if not is_near(a[0], own, room):
            if a.any():
                return None
            cut[k].add(0)
    return Events(*map(frozenset, cut.values()))


def list_cuts() -> Iterator[str]:
    """What may be passed back from a step."""
    yield from ("hc", "", "c", "h")
