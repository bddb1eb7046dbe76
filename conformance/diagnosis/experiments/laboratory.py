"""Where a backend is asked again and again: questions of one form, each judged by a free run, while there is time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from conformance.assertions.comparison import STEP, Comparison
from conformance.assertions.forward import FINAL, Seen, find_final_state, narrow_final, run_layers_freely
from conformance.assertions.network import list_free_parts
from conformance.assertions.order import name_place
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import Form
from conformance.problems.question import Question
from conformance.problems.sizes import limit_sizes, nearest_sizes
from conformance.targets.resolve import TargetError
from conformance.tolerance.reading import Trajectory
from lstm_spec import Answer, Backend, ErrorModel, Gradients, Problem, error_model

Sizes = tuple[int, int, int, int]  # T, B, I, H
Said = Literal["right", "wrong", "open", "no answer"]  # open: rounding may have grown too much

TAME = ("dense", "contracting", "small", "dense", "within-1", "dense")  # a free run is conclusive at any size
DENSE, KEPT = ("dense",) * 3, 8  # KEPT: questions with wrong answers
TINY: Sizes = (2, 2, 3, 4)
FEW: tuple[Sizes, ...] = ((4, 3, 3, 5), (11, 10, 10, 17))

PARTS = {"x": "x", "W": "W", "U": "U", "b": "b", "p": "p", "R": "R", "h": "h_0", "c": "c_0"}  # of a problem, in words
ARRAYS = PARTS | {"dy": "dy", "dh": "dh_T", "dc": "dc_T"}  # of a question


def name_sizes(sizes: tuple[int, ...]) -> str:
    """Sizes as they stand in a table."""
    return f"T·B·I·H = {'·'.join(map(str, sizes))}"


class OutOfTime(Exception):
    """The time for experiments is spent."""


class Judged(NamedTuple):
    """What a free run says of an answer, or of gradients."""

    said: Said
    compared: tuple[Comparison, ...] = ()  # each part, right or wrong
    wrong: tuple[Comparison, ...] = ()
    refuted: Refuted | None = None  # if the shapes are wrong

    @property
    def is_wrong(self) -> bool:
        return self.said == "wrong"

    @property
    def excess(self) -> float:
        """The largest error in units of what is allowed; infinite if there is no number, or nothing is allowed."""
        with np.errstate(all="ignore"):
            ratios = [np.abs(c.got.astype(np.float64) - c.expected) / c.allowed for c in self.wrong]
        return max((float(np.nan_to_num(ratio, nan=np.inf).max(initial=0)) for ratio in ratios), default=0.0)


class Wrong(NamedTuple):
    """A question with a wrong answer, and roughly how large it is."""

    work: int
    question: Question
    judged: Judged
    backward: bool


class Finding(NamedTuple):
    """What an experiment found: a sentence without a full stop, and what was tried to find it."""

    sentence: str
    is_certain: bool  # whether all that was tried agrees with the sentence
    tried: tuple[tuple[str, Said], ...] = ()  # what was asked, and what came of it
    is_condition: bool = True  # under which answers are wrong; or what the backend does
    is_limited: bool = True  # whether that condition leaves anything out
    is_whole: bool = False  # whether it explains by itself all that any experiment may see
    smallest: Sizes | None = None  # sizes at which an answer is wrong, if they were looked for
    computed: Backend | None = None  # the formula that was found as a backend, if it can be computed
    clause: str = ""  # the one that it breaks, if it is one
    formula: Any = None  # that of the answers, a Formula
    gradients: Any = None  # what explains the gradients of a plain layer, an Explanation


@dataclass
class Laboratory:
    """A guarded backend, asked at one dtype questions of one form, for its answers or for its gradients.

    `judge` raises OutOfTime once the seconds are spent.
    """

    backend: Backend
    dtype: str
    form: Form = field(default_factory=Form)
    backward: bool = False
    seconds: float = 5.0
    clock: Callable[[], float] = time.perf_counter

    suits: Callable[[Problem], bool] = lambda problem: True  # of what is asked; the rest is left open
    counts: Counter[str] = field(default_factory=Counter)  # of calls that were made; copies of a laboratory share it
    judged: dict[bool, tuple[Question, Said]] = field(default_factory=dict)  # the first one, backward or not; shared
    wrong: list[Wrong] = field(default_factory=list)  # the smallest questions with wrong answers; shared as well

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def model(self) -> ErrorModel:
        """The error model of the grade that the backend names."""
        return error_model(self.backend.description.grade(self.dtype), self.dtype)

    def make_question(self, sizes: Sizes, seed: int = 0, fillings: tuple[str, ...] = TAME) -> Question:
        """A question of the form with sizes that its shapes allow, or nearly these; the same each time.

        A projection has half of the units, whatever the seed.
        """
        shapes = self.backend.description.shapes
        nearest = (nearest_sizes(k, (n,), getattr(shapes, k))[0] for k, n in zip("TBIH", sizes, strict=True))
        allowed = limit_sizes(tuple(nearest), shapes)
        projected = max(1, allowed[3] // 2)
        problem = build_problem(np.dtype(self.dtype), self.form, (*allowed, projected), fillings, seed)
        return Question(problem, build_loss(problem, DENSE, seed))

    def answer(self, problem: Problem, backend: Backend | None = None) -> Answer:
        """What the backend, or another one, answers, of the right shapes. Raises Refuted or Errored if it does not."""
        self.counts["calls"] += backend is None
        with np.errstate(all="ignore"):
            answer = (backend or self.backend).forward(problem)
        assert_answer_shaped(answer, problem)
        return answer

    def differentiate(self, question: Question, backend: Backend | None = None) -> tuple[Answer, Gradients]:
        """The same with gradients."""
        self.counts["calls"] += backend is None
        with np.errstate(all="ignore"):
            answer, gradients = (backend or self.backend).differentiate(*question)
        assert_answer_shaped(answer, question.problem)
        assert_gradients_shaped(gradients, question.problem)
        return answer, gradients

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self.seconds - (self.clock() - self.started)

    @property
    def first(self) -> tuple[Question, Said] | None:
        """The first question that was judged, and what came of it; None before that."""
        return self.judged.get(self.backward)

    def judge(self, question: Question, backend: Backend | None = None) -> Judged:
        """What the backend, or another one, answers to the question, beside a free run. Raises OutOfTime."""
        self.check_time()
        judged = self._judge(question, backend)
        self.judged.setdefault(self.backward, (question, judged.said))
        if judged.wrong and backend is None:
            work = question.problem.x.size + sum(np.count_nonzero(a) for a in question.problem.state)
            found = [*self.wrong, Wrong(int(work) * question.problem.sizes[3], question, judged, self.backward)]
            self.wrong[:] = sorted(found, key=lambda one: one.work)[:KEPT]
        return judged

    def _judge(self, question: Question, backend: Backend | None) -> Judged:
        if not self.suits(question.problem):
            return Judged("open")
        with np.errstate(all="ignore"):
            try:
                compared = (self._compare_gradients if self.backward else self._compare)(question, backend)
            except Refuted as refuted:
                return Judged("wrong", refuted=refuted)
            except Errored:
                return Judged("no answer")
        if compared is None:
            return Judged("open")
        wrong = tuple(c for c in compared if not (np.abs(c.got.astype(np.float64) - c.expected) <= c.allowed).all())
        return Judged("wrong" if wrong else "right", tuple(compared), wrong)

    def check_time(self) -> None:
        """Raise OutOfTime if there is none left."""
        if self.left < 0:
            raise OutOfTime

    def _compare(self, question: Question, backend: Backend | None) -> list[Comparison] | None:
        """y, then the final h and c of each layer and direction."""
        answer = self.answer(question.problem, backend)
        return compare_answer(*run_layers_freely(question.problem, answer, self.model), self.model)

    def _compare_gradients(self, question: Question, backend: Backend | None) -> list[Comparison] | None:
        answer, gradients = self.differentiate(question, backend)
        seen, passes = run_layers_freely(question.problem, answer, self.model)
        parts = list_free_parts(seen, passes, question.d, gradients, self.model) if passes else None
        return None if parts is None else [part.compare() for part in parts]

    def ask_at(self, sizes: Sizes, seed: int = 0) -> Judged:
        """`judge` of the question with these sizes."""
        return self.judge(self.make_question(sizes, seed))

    def has_wrong_gradients_alone(self) -> bool:
        """Whether gradients are wrong at one of a few sizes, and the answers at none; False if that is not known."""
        with suppress(OutOfTime, NotClaimed, TargetError):
            if not any(self.ask_at(sizes).is_wrong for sizes in FEW):
                return any(self.turn_backward().ask_at(sizes).is_wrong for sizes in FEW)
        return False

    def find_error(self, sizes: Sizes) -> tuple[Problem, str]:
        """A question of these sizes, and what is raised in place of an answer; empty if nothing is."""
        self.check_time()
        question = self.make_question(sizes)
        try:
            _ = self.differentiate(question) if self.backward else self.answer(question.problem)
        except Errored as error:
            return question.problem, str(error)
        except Refuted:
            pass  # which is another matter
        return question.problem, ""

    def take_form(self, form: Form, suits: Callable[[Problem], bool] = lambda problem: True) -> Laboratory:
        """The same for questions of another form that suit, with the time that is left."""
        return replace(self, form=form, suits=suits, seconds=self.left)

    def turn_backward(self, backward: bool = True) -> Laboratory:
        """The same for gradients, or for answers, with the time that is left."""
        return replace(self, backward=backward, seconds=self.left)


def name_part(name: str) -> str:
    """The last word of an array's name, after d if it is a cotangent."""
    return ("d" if name.startswith("d.") else "") + name.rpartition(".")[2]


def compare_answer(seen: Seen, passes: list[list[Trajectory]], m: ErrorModel) -> list[Comparison] | None:
    """y, then the final h and c of each layer and direction; None where the passes say nothing."""
    if not passes:
        return None
    problem, answer = seen.problem, seen.answer
    found = [Comparison("y", STEP, answer.y, *seen.outputs[-1])]
    for layer, d in np.ndindex(len(passes), len(problem.directions)):
        place, k = name_place(problem, layer, d), layer * len(problem.directions) + d
        h, c = find_final_state(seen, layer, d, passes[layer][d])
        found.append(Comparison(f"h_T{place}", FINAL, answer.state.h[k], *narrow_final(h, m)))
        found.append(Comparison(f"c_T{place}", FINAL, answer.state.c[k], *c))
    return found
