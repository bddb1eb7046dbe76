"""Whether answers differ from call to call by chance, and which numbers dropout makes zero, and how many."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen, limits
from conformance.diagnosis.experiments.log import Log
from conformance.problems.form import Form
from conformance.problems.question import Question, with_gates
from lstm_spec import REFERENCE, Answer, Gate, Problem, State
from lstm_spec.types import Array

CALLS, SIZES = 16, (1, 12, 8, 8)  # of one question; T, B, I, H
FILLINGS = ("dense", "contracting", "contracting", "dense", "within-1", "dense")
OPEN = 40.0  # a bias that makes a gate 1
ROUGHLY, ALIKE, SMALL = 2.0**10, 1e-3, 0.02  # roundoffs; relative to the scale; of the largest number
SIGMAS = 5.0  # how far the share of zeros may be from that which the scale says
DIFFERS = "answers differently from call to call"
OLD = "numbers of the forget gate or of the cell state before:any"  # which is all that is there if i = 0
NEW = "numbers of the candidate or of the input gate:any"  # if f = 0; where both are dropped, c is
Read = Callable[[Answer], Array]


class Dropped(NamedTuple):
    """Which share of numbers is zero by chance, by how much the others are too large, and whether units share it."""

    share: float
    scale: float
    is_shared: bool  # whether all units of a sample are zero together

    @property
    def p(self) -> float:
        """The share of zeros: what the scale says if there is one, else what was counted."""
        return round(1 - 1 / self.scale, 3) if self.scale > 1 + ALIKE else round(self.share, 2)


def differs(log: Log) -> bool:
    """Whether one question gets answers that differ by more than rounding."""
    given = [log.ask(log.laboratory.make_question(SIZES, 0, FILLINGS)) for _ in range(3)]
    return all(given) and _differ([one[0] for one in given if one])


def find_dropout(log: Log) -> str:
    """Which numbers are zero by chance, at which rate; empty if none are, or answers do not differ."""
    laboratory = log.laboratory
    if laboratory.form != Form() or not differs(log):
        return ""
    suiting = list[tuple[str, Dropped]]()
    for name, question, read in list_places(laboratory.make_question(SIZES, 1, FILLINGS)):
        found = None if suiting and (suiting[0][0] not in OLD or name != NEW) else measure_dropped(log, question, read)
        suiting += [(name.partition(":")[0], found)] if found and _suits(name, found) else []
    if not suiting:
        return ""
    name, found = suiting[0]
    numbers = "numbers of the cell state" if len(suiting) > 1 else name
    by = f" or {found.scale:.4g} times what they should be" if found.scale > 1 + ALIKE else ""
    return f"{DIFFERS}: by chance, {numbers} are zero{by}, as dropout of p = {found.p:g} leaves them"


def _differ(answers: list[Answer]) -> bool:
    pairs = [(a, b) for other in answers[1:] for a, b in zip(_list_parts(answers[0]), _list_parts(other), strict=True)]
    return any(float(np.abs(a - b).max(initial=0)) > ROUGHLY * limits(a.dtype).eps for a, b in pairs)


def _list_parts(answer: Answer) -> tuple[Array, Array, Array]:
    return answer.y, answer.state.h, answer.state.c


def _suits(name: str, found: Dropped) -> bool:
    """Numbers of x and h are those of a sample, which all units read; weights are those of a unit."""
    return found.is_shared == name.endswith(":shared") or name.endswith(":any")


def list_places(question: Question) -> Iterator[tuple[str, Question, Read]]:
    """What may be dropped, a question that shows it alone, and where it is seen; what is seen last comes first."""
    problem = question.problem

    def put(x: Array | None, h: Array | None, **biases: float) -> Question:
        """Only these inputs and states, and gates opened or shut; the candidate has no bias if x or h is there."""
        state = State(*(0 * a for a in problem.state)) if h is None else State(h, 0 * problem.state.c)
        shown = replace(problem, x=frozen(0 * problem.x if x is None else x), state=State(*map(frozen, state)))
        return question._replace(problem=with_gates(shown, lambda k, gate: _set_bias(k, gate, biases)))

    open_f = with_gates(problem, lambda k, gate: _set_bias(k, gate, {"i": -OPEN, "f": OPEN}))
    open_g = with_gates(problem, lambda k, gate: _set_bias(k, gate, {"i": OPEN, "f": -OPEN}))
    one_x, one_h = (_make_one_hot(a) for a in (problem.x, problem.state.h))
    shut = {"i": OPEN, "f": -OPEN, "g": 0.0}
    yield "numbers of the hidden state:any", question, lambda answer: answer.state.h[0]
    yield "numbers of the output y:any", question, lambda answer: answer.y[0]
    yield OLD, question._replace(problem=open_f), lambda answer: answer.state.c[0]
    yield NEW, question._replace(problem=open_g), _take_c
    only_b = put(None, None, i=OPEN, f=-OPEN)
    yield "the sums z:any", only_b, _invert_c
    yield "numbers of x:shared", put(one_x, None, **shut), _invert_c
    yield "numbers of W", put(one_x, None, **shut), _invert_c
    yield "numbers of h:shared", put(None, one_h, **shut), _invert_c
    yield "numbers of U", put(None, one_h, **shut), _invert_c


def _take_c(answer: Answer) -> Array:
    return answer.state.c[0]


def _invert_c(answer: Answer) -> Array:
    """The sum z of the candidate, which is all that c shows."""
    with np.errstate(all="ignore"):
        return np.asarray(np.arctanh(answer.state.c[0].astype(np.float64)))


def _set_bias(k: str, gate: Gate, biases: dict[str, float]) -> Gate:
    return gate._replace(b=frozen(np.full_like(gate.b, biases[k]))) if k in biases else gate


def _make_one_hot(a: Array) -> Array:
    """In each sample one number, not the same one in all."""
    found = np.zeros_like(a)
    rows = found.reshape(-1, a.shape[-1])
    rows[np.arange(len(rows)), np.arange(len(rows)) % a.shape[-1]] = 1
    return found


def measure_dropped(log: Log, question: Question, read: Read) -> Dropped | None:
    """Where what is read is zero by chance, if it is else the right number times one scale; None if it is not so."""
    given = [log.ask(question) for _ in range(CALLS)]
    if any(one is None for one in given):
        return None
    got = np.stack([read(one[0]).astype(np.float64) for one in given if one])
    right = read(_answer_rightly(question.problem))
    used = np.abs(right) > SMALL * np.abs(right).max(initial=0)
    with np.errstate(all="ignore"):
        ratio = np.where(used, got / right, 0.0)
    zero = np.abs(ratio) < ALIKE
    share, others = float(zero[:, used].mean()), ratio[~zero]
    if not 0 < share < 1 or not others.size:
        return None
    scale = float(np.median(others))
    error = SIGMAS * np.sqrt(share * (1 - share) / zero[..., 0].size)
    if (np.abs(others - scale) > ALIKE * scale).any() or not scale > 1 - ALIKE:
        return None
    if scale > 1 + ALIKE and abs(1 - 1 / scale - share) > error:
        return None
    is_shared = ((zero & used).any(-1) == (zero | ~used).all(-1)) | ~used.any(-1)
    return Dropped(share, scale, bool(is_shared.all()))


def _answer_rightly(problem: Problem) -> Answer:
    with np.errstate(all="ignore"):
        return REFERENCE.forward(problem)
