"""Which known mistake reproduces this output?

On dense problems different mistakes look different, so the equations are run under every fault of the catalogue and
compared with what the backend answers there. Its tolerance is a rough one: this names a cause, it decides nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from conformance.backpropagation import free_backpropagation
from conformance.bounds import assert_answer_shaped, assert_gradients_shaped
from conformance.faults import FAULTS, Fault
from conformance.faulty import Parts
from conformance.faulty import backend as made_of
from conformance.kinds import frozen
from conformance.problems import Question
from conformance.property import Errored, Refuted
from conformance.rounding import Bounded
from conformance.trajectories import free_trajectory
from lstm_spec import (
    Answer,
    Backend,
    Cotangents,
    ErrorModel,
    Gate,
    Gradients,
    Parameters,
    Problem,
    State,
    error_model,
    pack,
)
from lstm_spec.types import Array

DENSE = ((4, 3, 3, 4), (5, 2, 4, 3), (6, 2, 2, 5))  # T, B, I, H
CORNERS: tuple[tuple[tuple[int, int, int, int], dict[str, float]], ...] = (  # with factors of b and c_0
    ((3, 3, 4, 4), {}),  # square
    ((4, 2, 3, 4), {"b": 12}),  # saturated
    ((4, 2, 3, 4), {"c": 120}),  # large cells
    ((4, 2, 3, 4), {"c": 0}),  # no cell state
    ((4, 2, 3, 4), {"b": 150}),  # far out
    ((230, 2, 2, 2), {}),  # long
    ((530, 1, 2, 2), {}),  # longer
)
KNOWN = sum(fault.kind != "contract" for fault in FAULTS.values())
ROUGHLY = 2.0**6  # unit roundoffs that a fault's own rounding may come to
OWN_DTYPE = ("precision", "activation", "overflow")  # faults that depend on the dtype they run in
CLASSES = (  # relative error from 2^low to 2^high
    (-10.5, -5.0, "errors as large as those of bfloat16 (2^-8)"),
    (-16.0, -10.5, "errors as large as those of 16-bit floats or TF32 (2^-11)"),
    (-28.0, -19.0, "errors as large as those of float32 (2^-24)"),
)


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


def probe(number: int, sizes: tuple[int, int, int, int], dtype: str, b: float = 1, c: float = 4) -> Question:
    """A dense problem, different in every gate, unit, sample and step, with dense cotangents."""
    T, B, I, H = sizes
    rng = np.random.default_rng(1000 + number)

    def drawn(*shape: int, scale: float = 1) -> Array:
        return frozen((rng.standard_normal(shape) * scale).astype(dtype))

    i, f, g, o = (Gate(drawn(H, I), drawn(H, H, scale=0.5), drawn(H, scale=b)) for _ in "ifgo")
    state = State(drawn(1, B, H), drawn(1, B, H, scale=c))
    problem = Problem(((Parameters(i, f, g, o),),), drawn(T, B, I), state)
    return Question(problem, Cotangents(drawn(T, B, H), State(drawn(1, B, H), drawn(1, B, H))))


@dataclass(frozen=True, eq=False)
class Probes:
    """Problems that are asked together, at an error model."""

    where: str
    questions: tuple[Question, ...]
    model: ErrorModel


@cache
def probe_sets(dtype: str, model: ErrorModel) -> tuple[Probes, ...]:
    """Dense problems first, then one corner after the other; made once, so that what faults make of them is kept."""
    dense = tuple(probe(number, sizes, dtype) for number, sizes in enumerate(DENSE))
    corners = (
        Probes(f"a probe of T, B, I, H = {sizes}", (probe(10 + n, sizes, dtype, **how),), model)
        for n, (sizes, how) in enumerate(CORNERS)
    )
    return Probes(f"{len(dense)} dense probes", dense, model), *corners


def diagnose(backend: Backend, dtype: str) -> Diagnosis | None:
    """The faults whose outputs the backend's cannot be told from; None where it does not answer the probes at all.

    Dense probes first; where they show nothing, one corner after the other, and only faults that the dense ones hide.
    """
    grade = backend.description.grades.get(dtype, "relative")
    dense, *corners = probe_sets(dtype, error_model(grade, dtype))
    for asked in (dense, *corners):
        known = [fault for fault in FAULTS.values() if asked is dense or _hides(fault.name, dense)]
        found = _diagnose_forward(backend, asked, known) or _diagnose_gradients(backend, asked, known)
        if found:
            return found
    return Diagnosis((), KNOWN, "", "on the probes of the diagnosis its answers are those of the equations")


@cache
def _hides(name: str, dense: Probes) -> bool:
    """Whether the fault cannot be seen on the dense probes, where the backend was right."""
    fault = FAULTS[name]
    if fault.kind == "forward":
        return _all_within(_forward_of(name, dense), _forward_of("", dense), _forward_rooms(dense))
    if fault.kind == "gradient":
        return _all_parts_within(_gradients_of(name, dense), _gradients_of("", dense), _backward_rooms(dense))
    return False


def _diagnose_forward(backend: Backend, asked: Probes, faults: list[Fault]) -> Diagnosis | None:
    """None where the backend is right, or gives no answer."""
    answers = _asked(lambda: [_answered(backend, problem) for problem, _ in asked.questions])
    rooms, right = _forward_rooms(asked), _forward_of("", asked)
    if answers is None or _all_within(answers, right, rooms):
        return None
    known = [fault for fault in faults if fault.kind == "forward"]
    fitting = tuple(fault for fault in known if _all_within(answers, _forward_of(fault.name, asked), rooms))
    return Diagnosis(fitting, KNOWN, asked.where, "" if fitting else _class_of(answers, right))


def _diagnose_gradients(backend: Backend, asked: Probes, faults: list[Fault]) -> Diagnosis | None:
    """None where the backend is right, or has no gradients to show."""
    differentiate = backend.gradients
    if differentiate is None:
        return None
    found = _asked(lambda: [_differentiated(differentiate(*q)[1], q.problem) for q in asked.questions])
    rooms = _backward_rooms(asked)
    if found is None or _all_parts_within(found, _gradients_of("", asked), rooms):
        return None
    known = [fault for fault in faults if fault.kind == "gradient"]
    fitting = tuple(fault for fault in known if _all_parts_within(found, _gradients_of(fault.name, asked), rooms))
    return Diagnosis(fitting, KNOWN, asked.where)


def _asked(question: Callable[[], Any]) -> Any:
    """What it answers, or None: a backend that fails here fails in its verdicts."""
    try:
        return question()
    except (Errored, Refuted):
        return None


def _answered(backend: Backend, problem: Problem) -> Answer:
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    return answer


def _differentiated(gradients: Gradients, problem: Problem) -> list[Array]:
    assert_gradients_shaped(gradients, problem)
    return _gradient_parts(gradients)


def _wide(problem: Problem) -> Problem:
    """The problem in float64, so that the fault's own rounding does not matter."""
    gates = (Gate(*(a.astype(np.float64) for a in gate[:3])) for gate in problem.layer[:4] if isinstance(gate, Gate))
    i, f, g, o = gates
    state = State(*(a.astype(np.float64) for a in problem.state))
    return Problem(((Parameters(i, f, g, o),),), problem.x.astype(np.float64), state)


def _made(name: str) -> tuple[Backend, Callable[[Problem], Problem]]:
    """The fault of that name, or what is right; and how it is asked: in float64 where its dtype does not matter."""
    if not name:
        return made_of("right", Parts()), _wide
    return FAULTS[name].backend(), (lambda problem: problem) if FAULTS[name].family in OWN_DTYPE else _wide


@cache
def _forward_of(name: str, asked: Probes) -> list[Answer]:
    """What the fault makes of the probes."""
    faulty, form = _made(name)
    return [faulty.forward(form(problem)) for problem, _ in asked.questions]


@cache
def _gradients_of(name: str, asked: Probes) -> list[list[Array]]:
    """What the fault makes of their gradients."""
    faulty, form = _made(name)
    assert faulty.gradients is not None
    return [_gradient_parts(faulty.gradients(form(problem), d)[1]) for problem, d in asked.questions]


def _gradient_parts(g: Gradients) -> list[Array]:
    return [*pack(g.parameters[0][0]), g.x, g.state.h[0], g.state.c[0]]


@cache
def _forward_rooms(asked: Probes) -> list[tuple[Array, Array]]:
    runs = (free_trajectory(problem, asked.model) for problem, _ in asked.questions)
    return [(2 * run.h.error, 2 * run.c.error[-1]) for run in runs]


@cache
def _backward_rooms(asked: Probes) -> list[list[Array]]:
    return [_backward_room(problem, d, asked.model) for problem, d in asked.questions]


def _backward_room(problem: Problem, d: Cotangents, model: ErrorModel) -> list[Array]:
    expected = free_backpropagation(problem, free_trajectory(problem, model), d, model)
    found: list[Bounded] = [getattr(expected, name) for name in ("dW", "dU", "db", "dx", "dh", "dc")]
    return [2 * q.error for q in found]


def _all_within(answers: list[Answer], others: list[Answer], rooms: list[tuple[Array, Array]]) -> bool:
    return all(_within(a, b, room) for a, b, room in zip(answers, others, rooms, strict=True))


def _within(a: Answer, b: Answer, room: tuple[Array, Array]) -> bool:
    pairs = ((a.y, b.y, room[0]), (a.state.c[0], b.state.c[0], room[1]), (a.state.h[0], b.state.h[0], room[0][-1]))
    return all(_near(*pair) for pair in pairs)


def _all_parts_within(found: list[list[Array]], others: list[list[Array]], rooms: list[list[Array]]) -> bool:
    return all(
        _near(a, b, room)
        for mine, yours, allowed in zip(found, others, rooms, strict=True)
        for a, b, room in zip(mine, yours, allowed, strict=True)
    )


def _near(a: Array, b: Array, room: Array) -> bool:
    """NaN is near NaN: a fault may be one of overflow."""
    if a.shape != b.shape:
        return False
    with np.errstate(invalid="ignore"):
        room = room + ROUGHLY * np.finfo(a.dtype).eps * np.abs(b)
        return bool(((np.abs(a.astype(np.float64) - b) <= room) | (np.isnan(a) & np.isnan(b))).all())


def _class_of(answers: list[Answer], right: list[Answer]) -> str:
    """The class of rounding that the largest error belongs to, if it is one at all."""
    if any(a.y.shape != b.y.shape for a, b in zip(answers, right, strict=True)):
        return ""
    worst = max(float(np.abs(a.y.astype(np.float64) - b.y).max()) for a, b in zip(answers, right, strict=True))
    power = np.log2(worst) if 0 < worst < np.inf else np.inf
    return next((f"none known by name fits; {text}" for low, high, text in CLASSES if low <= power < high), "")
