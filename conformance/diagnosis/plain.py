"""Which known mistake reproduces this output?

On dense problems different mistakes look different, so the equations are run under every fault of the catalogue and
compared with what the backend answers there. Its tolerance is a rough one: this names a cause, it decides nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from conformance.arrays import limits
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.diagnosis.dense_probes import Probes, probe_sets, summands
from conformance.diagnosis.error_class import class_of
from conformance.faults.catalogue import FAULTS
from conformance.faults.cell_parts import Parts
from conformance.faults.cell_parts import backend as made_of
from conformance.faults.fault import Fault
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from conformance.tolerance.backpropagation import free_backpropagation
from conformance.tolerance.trajectories import free_trajectory
from lstm_spec import Backend, ErrorModel, Gate, Parameters, Problem, State, error_model, pack
from lstm_spec.types import Array

KNOWN = sum(fault.kind != "contract" for fault in FAULTS.values())
ROUGHLY = 2.0**6  # unit roundoffs that a fault's own rounding may come to
AT_MOST = 2.0**-5  # and all that they may come to, however coarse the dtype
OWN_DTYPE = ("precision", "activation", "overflow")  # faults that depend on the dtype they run in


@dataclass(frozen=True)
class Diagnosis:
    """The known faults that fit, of how many; or in their place a class of error."""

    fitting: tuple[Fault, ...]
    known: int
    where: str = ""
    remark: str = ""

    @property
    def sentence(self) -> str:
        """What is likely, and of how many known faults it is one."""
        if not self.fitting:
            return self.remark or f"none of {self.known} known faults fits"
        first, rest = self.fitting[0], len(self.fitting) - 1
        others = f", or {rest} others that look the same there" if rest else ""
        fits = f"{len(self.fitting)} of {self.known} known faults fit{'' if rest else 's'}"
        return f"{first.sentence.rstrip('.')}{others} ({self.where}; {fits}: {first.name})"


Parted = Callable[[Backend, Question], list[Array]]


class Pass(NamedTuple):
    """What a backend is asked for, in parts; how far each may be off; and the kind of fault that only this shows."""

    kind: str
    parts: Parted
    rooms: Callable[[Question, ErrorModel], list[Array]]
    prefix: str


def diagnose(backend: Backend, dtype: str) -> Diagnosis | None:
    """The faults whose outputs the backend's cannot be told from; None where it cannot be asked.

    Dense probes first; where they show nothing, one corner after the other, and only faults that the dense ones hide.
    """
    about = backend.description
    sets = probe_sets(dtype, error_model(about.grade(dtype), dtype), about.shapes)
    passes = (FORWARD, GRADIENT) if backend.gradients else (FORWARD,)
    for asked, of in ((asked, of) for asked in sets for of in passes):
        known = [fault for fault in FAULTS.values() if fault.kind == of.kind]
        known = known if asked is sets[0] else [fault for fault in known if _hides(fault.name, of, sets[0])]
        found = _diagnosed(backend, of, asked, known)
        if found:
            return found
    right = "on the probes of the diagnosis its answers are those of the equations"
    return Diagnosis((), KNOWN, "", right) if sets else None


def _diagnosed(backend: Backend, of: Pass, asked: Probes, known: list[Fault]) -> Diagnosis | None:
    """None where the backend is right, or gives no answer."""
    found = answers(of.parts, backend, asked.questions)
    if found is None or _fits("", found, of, asked):
        return None
    fitting = tuple(fault for fault in known if _fits(fault.name, found, of, asked))
    return Diagnosis(fitting, KNOWN, asked.where, "" if fitting else _unknown(backend, of, asked))


@cache
def _hides(name: str, of: Pass, dense: Probes) -> bool:
    """Whether the fault cannot be seen on the dense probes, where the backend was right."""
    return _fits("", _made(name, of, dense), of, dense)


# ---------------------------------------------------------------- what is asked


def _answer_parts(backend: Backend, question: Question) -> list[Array]:
    answer = backend.forward(question.problem)
    assert_answer_shaped(answer, question.problem)
    return [answer.y, answer.state.h[0], answer.state.c[0]]


def _answer_rooms(question: Question, model: ErrorModel) -> list[Array]:
    run = free_trajectory(question.problem, model)
    return [2 * run.h.error, 2 * run.h.error[-1], 2 * run.last.error]


def _gradient_parts(backend: Backend, question: Question) -> list[Array]:
    assert backend.gradients is not None
    _, g = backend.gradients(*question)
    assert_gradients_shaped(g, question.problem)
    return [*pack(g.parameters[0][0]), g.x, g.state.h[0], g.state.c[0]]


def _gradient_rooms(question: Question, model: ErrorModel) -> list[Array]:
    problem, d = question
    expected = free_backpropagation(problem, free_trajectory(problem, model), d, model)
    return [2 * getattr(expected, name).error for name in ("dW", "dU", "db", "dx", "dh", "dc")]


FORWARD = Pass("forward", _answer_parts, _answer_rooms, "")
GRADIENT = Pass("gradient", _gradient_parts, _gradient_rooms, "in its gradients, ")


def answers(parts: Parted, backend: Backend, questions: Iterable[Question]) -> list[list[Array]] | None:
    """What it answers, in parts, or None: a backend that fails here fails in its verdicts."""
    try:
        return [parts(backend, question) for question in questions]
    except (Errored, Refuted):
        return None


@cache
def _made(name: str, of: Pass, asked: Probes) -> list[list[Array]]:
    """What the fault of that name makes of the probes, or what is right."""
    faulty = FAULTS[name].backend() if name else made_of("right", Parts())
    wide = not name or FAULTS[name].family not in OWN_DTYPE
    return [of.parts(faulty, _widened(question) if wide else question) for question in asked.questions]


def _widened(question: Question) -> Question:
    """The problem in float64, so that the fault's own rounding does not matter."""
    problem = question.problem
    gates = (Gate(*(a.astype(np.float64) for a in gate[:3])) for gate in problem.layer[:4] if isinstance(gate, Gate))
    i, f, g, o = gates
    state = State(*(a.astype(np.float64) for a in problem.state))
    return question._replace(problem=Problem(((Parameters(i, f, g, o),),), problem.x.astype(np.float64), state))


@cache
def _rooms(of: Pass, asked: Probes) -> list[list[Array]]:
    return [of.rooms(question, asked.model) for question in asked.questions]


# ---------------------------------------------------------------- what fits


def _fits(name: str, found: list[list[Array]], of: Pass, asked: Probes) -> bool:
    """Whether the fault of that name, or what is right, cannot be told from what was found."""
    made, rooms = _made(name, of, asked), _rooms(of, asked)
    return all(
        _near(a, b, room)
        for mine, yours, allowed in zip(found, made, rooms, strict=True)
        for a, b, room in zip(mine, yours, allowed, strict=True)
    )


def _near(a: Array, b: Array, room: Array) -> bool:
    """NaN is near NaN: a fault may be one of overflow."""
    with np.errstate(invalid="ignore"):
        room = room + min(ROUGHLY * limits(a.dtype).eps, AT_MOST) * np.abs(b)
        return bool(((np.abs(a.astype(np.float64) - b) <= room) | (np.isnan(a) & np.isnan(b))).all())


def _unknown(backend: Backend, of: Pass, asked: Probes) -> str:
    """What may be said of errors that no known fault makes; nothing if they are of no class."""
    dtype, shapes = asked.questions[0].problem.dtype, backend.description.shapes
    said = class_of(partial(_errors, backend, of), summands(dtype.name, asked.model, shapes), dtype)
    return f"none known by name fits; {of.prefix}{said}" if said else ""


def _errors(backend: Backend, of: Pass, asked: Probes) -> list[Array] | None:
    """Part by part, all problems together, relative to the size of the part; None where it does not answer."""
    found, right = answers(of.parts, backend, asked.questions), _made("", of, asked)
    if found is None:
        return None
    pairs = zip(zip(*found, strict=True), zip(*right, strict=True), strict=True)
    return [_relative(np.array(mine, np.float64), np.array(yours)) for mine, yours in pairs]


def _relative(a: Array, b: Array) -> Array:
    return (a - b) / np.sqrt(np.mean(b**2))
