"""What several steps show of gradients: that they are clipped or end early, and whether they are a formula's."""

from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import Finding
from conformance.diagnosis.experiments.term.asking import STEPS, Asking, is_near, measure_room
from conformance.diagnosis.experiments.term.fitting import FEW, round_number
from conformance.diagnosis.experiments.term.formula import answer
from conformance.diagnosis.experiments.term.gradient import Explanation, differentiate
from conformance.problems.question import Question, change_arrays
from lstm_spec import Cotangents, Problem, State, pack
from lstm_spec.types import Array

LARGE = 8.0
LENGTHS = (110, 127)
VANISHING = 1e-30  # that may be zero in float32
EPSILON, NEAR = 1e-5, 2e-3  # of a difference, and how near a slope is to it, relative to the largest that it could be
RIGHT = Explanation({}, {}, {})
Pairs = dict[str, tuple[Array, Array]]  # got and explained, by name


def pair_gradients(asking: Asking, question: Question, found: Explanation = RIGHT) -> Pairs:
    """The backend's gradients, each beside that of the explanation."""
    _, got = asking.laboratory.differentiate(question)
    own = differentiate(found, *question, asking.formula)
    pairs = dict(zip("WUb", zip(pack(got.parameters[0][0]), own.parameters, strict=True), strict=True))
    pairs |= {"x": (got.x, own.x), "h_0": (got.state.h[0], own.state.h), "c_0": (got.state.c[0], own.state.c)}
    return pairs


def find_limit(asking: Asking) -> Finding | None:
    """That gradients are what they should be, but clipped at one value."""
    problem, d = asking.make_question(4, asking.few, 2, far=1.0)
    d = Cotangents(frozen(d.y * LARGE), State(*(frozen(a * LARGE) for a in d.state)))
    asking.laboratory.check_time()
    pairs = pair_gradients(asking, Question(problem, d))
    room = 2 * measure_room(asking.laboratory.dtype, *(np.abs(b).max() for _, b in pairs.values()))
    wrong = {name: pair for name, pair in pairs.items() if not is_near(*pair, room)}
    if not wrong:
        return None
    limit = max(np.abs(got).max() for got, _ in wrong.values())
    clipped = all(is_near(got, np.clip(own, -limit, limit), room) for got, own in wrong.values())
    if not limit or not clipped or sum((np.abs(got) == limit).sum() for got, _ in wrong.values()) < FEW:
        return None
    names = "every gradient" if len(wrong) == len(pairs) else f"the gradient of {', '.join(wrong)}"
    return Finding(f"{names} is clipped to [−{round_number(limit):g}, {round_number(limit):g}]", True)


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
