"""The search for what is wrong in gradients: of the equations, or of another formula that the answers have."""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import Finding
from conformance.diagnosis.experiments.term.asking import STEPS, WIDTH, Asking, is_near, measure_room
from conformance.diagnosis.experiments.term.backward import explain_gates, explain_sums, measure_batch
from conformance.diagnosis.experiments.term.computing import make_backend_of
from conformance.diagnosis.experiments.term.fitting import FEW, round_number
from conformance.diagnosis.experiments.term.formula import answer
from conformance.diagnosis.experiments.term.gradient import Explanation, describe_gradients, differentiate
from conformance.diagnosis.experiments.term.shared import turn_forget_gate
from conformance.diagnosis.experiments.term.steps import explain_steps
from conformance.diagnosis.experiments.term.words import describe_rounding
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question, change_arrays
from lstm_spec import Cotangents, Problem, State, pack
from lstm_spec.types import Array

LARGE = 8.0
LENGTHS = (110, 127)
VANISHING = 1e-30  # that may be zero in float32
EPSILON, NEAR = 1e-5, 2e-3  # of a difference, and how near a slope is to it, relative to the largest that it could be
RIGHT = Explanation({}, {}, {})
Pairs = dict[str, tuple[Array, Array]]  # got and explained, by name


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
    if known := find_limit(asking) or find_exchanged(asking):
        return known
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
    for each in (found, replace(found, only_ends=True)):
        if gives_gradients(asking, each):
            return find_end(asking) if found.is_right else name_gradients(asking, each)
    for each in (RIGHT, found):
        if whole := explain_steps(asking, each):
            return name_gradients(asking, whole)
    if found.is_right:
        return find_end(asking)
    return Finding(
        f"in one step {said}; over several steps the gradients differ from that as well", False, is_condition=False
    )


def name_gradients(asking: Asking, found: Explanation) -> Finding:
    """The explanation of the gradients in words, and what computes it if that is known."""
    computed = make_backend_of(asking.formula, asking.laboratory.backend, found) if found.is_computed else None
    return Finding(describe_gradients(found), True, computed=computed)


def gives_gradients(asking: Asking, found: Explanation) -> bool:
    """Whether the explanation gives the backend's gradients of a few steps of a few samples."""
    asking.laboratory.check_time()
    question = asking.make_question(STEPS, asking.few, 1, far=1.0)
    pairs = pair_gradients(asking, question, found)
    room = 2 * measure_room(asking.laboratory.dtype, *(np.abs(b).max() for _, b in pairs.values()))
    return all(is_near(a, b, room) for a, b in pairs.values())


def _explain_size(asking: Asking) -> Explanation | None:
    """What several steps and samples of one size show: alone, or besides what is wrong with one sample."""
    with suppress(Errored, Refuted):
        if found := explain_steps(asking, RIGHT):
            return found
        gates = explain_gates(asking)
        return explain_steps(asking, Explanation(gates, {}, {})) if gates else None
    return None


def find_second(asking: Asking) -> tuple[Explanation | None, str]:
    """What explains the gradients of a backend with another formula; and what is wrong with them, if that is known.

    Those that follow from the formula are right, too, but nothing here computes them.
    """
    with suppress(Errored, Refuted):
        if gives_gradients(asking, RIGHT):
            return RIGHT, ""
        if has_own_gradients(asking):
            return None, ""
    with suppress(Errored, Refuted, np.linalg.LinAlgError):
        found, other = find_in_gradients(asking), turn_forget_gate(asking.formula)
        if found and found.is_certain and not (other and find_in_gradients(replace(asking, cell=other)) is None):
            return None, found.sentence
    return None, ""


# ---------------------------------------------------------------- several steps


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


def find_exchanged(asking: Asking) -> Finding | None:
    """That two gradients are what they should be, each in the place of the other."""
    pairs = pair_gradients(asking, asking.make_question(STEPS, asking.few, 1, far=1.0))
    room = 2 * measure_room(asking.laboratory.dtype, *(np.abs(b).max() for _, b in pairs.values()))
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
