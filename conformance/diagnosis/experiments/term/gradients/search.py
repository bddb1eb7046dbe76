"""The search for what is wrong in gradients: of the equations, or of another formula that the answers have."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import Finding
from conformance.diagnosis.experiments.term.asking import STEPS, WIDTH, Asking, is_near
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.formula import answer
from conformance.diagnosis.experiments.term.forward import STARTS
from conformance.diagnosis.experiments.term.gradients.cuts import find_flow
from conformance.diagnosis.experiments.term.gradients.gates import explain_gates, explain_sums, measure_batch
from conformance.diagnosis.experiments.term.gradients.limits import find_inner_limit, find_limit
from conformance.diagnosis.experiments.term.gradients.pairing import (
    RIGHT,
    gives_gradients,
    measure_rooms,
    pair_gradients,
)
from conformance.diagnosis.experiments.term.gradients.steps import explain_steps
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation, differentiate
from conformance.diagnosis.experiments.term.gradients.words import describe_gradients
from conformance.diagnosis.experiments.term.shared import turn_forget_gate
from conformance.diagnosis.experiments.term.words import describe_rounding
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question, change_arrays
from lstm_spec import Problem, State
from lstm_spec.types import Array

LENGTHS = (110, 127)
VANISHING = 1e-30  # that may be zero in float32
EPSILON, NEAR = 1e-5, 2e-3  # of a difference, and how near a slope is to it, relative to the largest that it could be


def find_in_gradients(asking: Asking) -> Finding | None:
    """What is wrong in the gradients of the standard cell; its answers are taken to be those of the formula.

    Where it does not answer, it is asked as many samples as units or as rows of gates, and then one sample.
    """
    if asking.form.kind != "standard":
        return None
    try:
        return find_slopes(asking)
    except (Errored, Refuted):
        for few, sizes in ((WIDTH, "B = H"), (4 * WIDTH, "B = 4 H")):
            if found := _explain_size(replace(asking, few=few)):
                return Finding(f"{describe_gradients(found)}, where {sizes}; with other sizes it does not answer", True)
        alone = find_slopes(replace(asking, few=1))
        return alone and alone._replace(sentence=f"with one sample, {alone.sentence}; with more it does not answer")


def find_slopes(asking: Asking) -> Finding | None:
    """What differs in one step, and what else in several."""
    for find in (find_limit, find_flow, find_start, find_inner_limit):
        if whole := find(asking):
            return name_gradients(asking, whole)
    if exchanged := find_exchanged(asking):
        return exchanged
    batch = measure_batch(asking) if asking.few > 1 else {}
    found = Explanation(explain_gates(asking), explain_sums(asking), batch)
    said = describe_gradients(found)
    if found.gates and not (found.sums or found.batch) and gives_gradients(asking, RIGHT):
        return None  # only what is asked with zeros is wrong
    if not found.is_whole:
        pairs = pair_gradients(asking, asking.make_question(1, asking.few, 1, far=1.0)).values()
        scaled = [(a / np.abs(b).max(), b / np.abs(b).max()) for a, b in pairs]
        if rounding := describe_rounding(scaled):
            return Finding(rounding, False, is_condition=False)
        return Finding(f"in one step {said}", False, is_condition=False)
    at_places = (replace(found, only=where) for where in ("ends", "first", "last"))
    if each := gives_gradients(asking, found, *at_places):
        return find_end(asking) if found.is_right else name_gradients(asking, find_flow(asking, each) or each)
    if not found.is_right and (whole := find_flow(asking, found)):
        return name_gradients(asking, whole)
    for each in list_parts(found):
        if whole := explain_steps(asking, each):
            return name_gradients(asking, whole)
    if found.is_right:
        return find_end(asking)
    return Finding(
        f"in one step {said}; over several steps the gradients differ from that as well", False, is_condition=False
    )


def list_parts(found: Explanation) -> Iterator[Explanation]:
    """Nothing of the explanation, all of it, and all but one gate, which may read another step."""
    yield from (RIGHT, found)
    parts = dict.fromkeys(part for part, _ in found.gates)
    for part in parts if len(parts) > 1 else ():
        yield replace(found, gates={key: ratio for key, ratio in found.gates.items() if key[0] != part})


def name_gradients(asking: Asking, found: Explanation) -> Finding:
    """The explanation of the gradients in words, and what computes it if that is known."""
    computed = make_backend_of(asking.formula, asking.laboratory.backend, found) if found.is_computed else None
    return Finding(describe_gradients(found), True, computed=computed, gradients=found)


def _explain_size(asking: Asking) -> Explanation | None:
    """What several steps and samples of one size show: alone, or besides what is wrong with one sample."""
    with suppress(Errored, Refuted):
        if found := explain_steps(asking, RIGHT):
            return found
        gates = explain_gates(asking)
        return explain_steps(asking, Explanation(gates, {}, {})) if gates else None
    return None


class Second(NamedTuple):
    """What explains the gradients of a backend with another formula, and what is wrong with them, if that is known."""

    explained: Explanation | None = None
    is_own: bool = False  # whether they follow from the formula
    wrong: str = ""

    @property
    def computed(self) -> Explanation | None:
        """The explanation, if all of it can be computed."""
        return self.explained if self.explained and self.explained.is_computed else None


def find_second(asking: Asking) -> Second:
    """What there is to say of the gradients of a backend with another formula, right or wrong."""
    with suppress(Errored, Refuted):
        if gives_gradients(asking, RIGHT):
            return Second(RIGHT)
        if has_own_gradients(asking):
            return Second(is_own=True)
    with suppress(Errored, Refuted, np.linalg.LinAlgError):
        found, other = find_in_gradients(asking), turn_forget_gate(asking.formula)
        if found and found.is_certain and not (other and find_in_gradients(replace(asking, cell=other)) is None):
            return Second(found.gradients, wrong=found.sentence)
    return Second()


def find_start(asking: Asking) -> Explanation | None:
    """Gradients of a sequence that begins with other states than those that were given; None if it does not."""
    return gives_gradients(asking, *(replace(RIGHT, start=start) for start in STARTS))


# ---------------------------------------------------------------- several steps


def find_exchanged(asking: Asking) -> Finding | None:
    """That two gradients are what they should be, each in the place of the other."""
    pairs = pair_gradients(asking, asking.make_question(STEPS, asking.few, 1, far=1.0))
    room = measure_rooms(asking, pairs)
    wrong = [name for name, pair in pairs.items() if not is_near(*pair, room)]
    if len(wrong) != 2:
        return None
    (got, own), (other_got, other_own) = (pairs[name] for name in wrong)
    if got.shape != other_own.shape or not (is_near(got, other_own, room) and is_near(other_got, own, room)):
        return None
    return Finding(f"the gradients of {' and '.join(wrong)} are exchanged", True)


def find_end(asking: Asking) -> Finding | None:
    """That the gradient of the last output reaches only some steps back."""
    ends = [_find_first(asking, T) for T in LENGTHS]
    if None in ends or not all(ends):
        return None
    lags = [T - int(end or 0) for T, end in zip(LENGTHS, ends, strict=True)]
    if lags[0] == lags[1]:
        said = f"the gradient is truncated: that of the last output reaches the last {lags[0]} steps only"
        return Finding(said, True)
    if ends[0] == ends[1]:
        return Finding(f"the gradient ends at step {ends[0]}: nothing reaches the steps before it", True)
    return Finding(f"the gradient ends early: of {LENGTHS[0]} steps nothing reaches those before {ends[0]}", True)


def _find_first(asking: Asking, T: int) -> int | None:
    """The first step whose gradient is not zero; None if zeros and numbers alternate, or numbers are too small."""
    asking.laboratory.check_time()
    problem, d = asking.make_question(T, 1, 3, far=1.0)
    nothing = [frozen(np.zeros_like(a)) for a in (d.y, d.state.c)]
    d = replace(d, y=nothing[0], state=State(d.state.h, nothing[1]))
    _, got = asking.laboratory.differentiate(Question(problem, d))
    is_zero = (got.x == 0).all(axis=(1, 2))
    first = int(np.argmin(is_zero))
    vanished = first and np.abs(differentiate(RIGHT, problem, d, asking.formula).x[first - 1]).max() < VANISHING
    return None if is_zero[first:].any() or vanished else first


# ---------------------------------------------------------------- of another formula


def has_own_gradients(asking: Asking) -> bool:
    """Whether the backend's gradients are those of the formula, each array along one direction."""
    problem, d = asking.make_question(STEPS, asking.few, 5, far=1.0)
    _, found = asking.laboratory.differentiate(Question(problem, d))
    wide = change_arrays(problem, lambda a: a.astype(np.float64))
    gradients = _list_arrays(replace(problem, parameters=found.parameters, x=found.x, state=found.state))

    def measure_loss(place: int, step: Array) -> float:
        shifts = iter([step if k == place else 0.0 for k in range(len(gradients))])
        got = answer(asking.formula, change_arrays(wide, lambda a: a + next(shifts)))
        pairs = ((got.y, d.y), (got.state.h, d.state.h), (got.state.c, d.state.c))
        return float(sum((a * b.astype(np.float64)).sum() for a, b in pairs))

    for k, a in enumerate(gradients):
        along = np.random.default_rng(k).standard_normal(a.shape)
        slope = (measure_loss(k, EPSILON * along) - measure_loss(k, -EPSILON * along)) / (2 * EPSILON)
        size = np.linalg.norm(along) * max(np.linalg.norm(a.astype(np.float64)), abs(slope) / np.linalg.norm(along))
        if not abs(slope - (a * along).sum()) <= NEAR * size:
            return False
    return True


def _list_arrays(problem: Problem) -> list[Array]:
    found = list[Array]()

    def note(a: Array) -> Array:
        found.append(a)
        return a

    change_arrays(problem, note)
    return found
