"""What a mistake changes, measured without the judge; and which property refutes it."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from conformance.problems.build import build_loss, build_problem, poison_padding
from conformance.problems.fillings import USUAL
from conformance.problems.question import Question, change_arrays
from conformance.run.check import check
from lstm_spec import Answer, Array, Backend, Cotangents, Gradients, State
from tools.mutants.making import Mutant, Textbook, build_backend, find_textbook

PROBES = 30  # of each textbook
SMALL, LARGE = (1, 7), (9, 40)  # sizes: at least the first number, below the second
FILLED = ("x", "W", "U", "b", "h", "c")
VISIBLE = float(np.finfo(np.float32).eps)  # measured at float64: what float32 could not hold is rounding


class Judged(NamedTuple):
    """What came of one mutant."""

    effect: float | None  # None if it answers no probe
    by: str  # the property that refuted it, or an empty string

    @property
    def is_visible(self) -> bool:
        """Whether it answers, and not as the textbook does."""
        return self.effect is not None and self.effect > VISIBLE


def judge_mutant(mutant: Mutant) -> Judged:
    """The effect of a mutant, and the property of `standard` that refutes it first."""
    return Judged(measure_effect(mutant), find_refuting(mutant.build(), mutant.textbook.first))


def find_refuting(backend: Backend, first: tuple[str, ...], profile: str = "standard") -> str:
    """The name of the first property that refutes the backend; empty if it conforms."""
    report = check(backend, profile=profile, maxfail=1, diagnose=False, shrink=False, first=first)
    return report.failures[0].property.name if report.failures else ""


# ---------------------------------------------------------------- the effect


def measure_effect(mutant: Mutant, than: Mutant | None = None) -> float | None:
    """The relative difference from the textbook, or from another mutant of it.

    That at the first probe that makes it visible, or else the largest one. Infinite if it is no number, or without an
    answer. None if no probe has one.
    """
    backend, largest, answers = mutant.build(), 0.0, False
    other = than and than.build()
    for probe, right in _expect(mutant.textbook.name):
        found = ask(backend, probe)
        difference = _compare(found, ask(other, probe) or right if other else right)
        largest, answers = max(largest, difference), answers or found is not None
        if answers and largest > VISIBLE:
            return largest
    return largest if answers else None


@cache
def _expect(name: str) -> list[tuple[Question, list[Array]]]:
    """The probes of a textbook, and its own answers."""
    textbook = find_textbook(name)
    backend = build_backend(textbook)
    right = [(probe, ask(backend, probe)) for probe in draw_probes(textbook)]
    return [(probe, answer) for probe, answer in right if answer is not None]


def draw_probes(textbook: Textbook) -> Iterator[Question]:
    """Float64 problems of every form that the textbook claims.

    A tenth of them is large, half of them is dense, some have NaN in the padding.
    """
    for number in range(PROBES):
        rng = np.random.default_rng([number, *map(ord, textbook.name)])
        sizes = tuple(map(int, rng.integers(*LARGE if number % 10 == 2 else SMALL, 4)))
        fillings = tuple("dense" if number % 2 else str(rng.choice(USUAL[k].split())) for k in FILLED)
        form = textbook.forms[number % len(textbook.forms)]
        problem = build_problem(np.dtype("float64"), form, sizes, fillings, number)
        problem = poison_padding(problem, number) if number % 4 == 1 and form.lengths else problem
        yield Question(problem, build_loss(problem, ("dense",) * 3, number))


def ask(backend: Backend, probe: Question) -> list[Array] | None:
    """Everything that can be seen of two calls, forward and backward: the answers, and what was asked, afterwards."""
    problem, d = change_arrays(probe.problem, np.copy), probe.d
    d = Cotangents(d.y.copy(), State(d.state.h.copy(), d.state.c.copy()))
    try:
        answer = backend.forward(problem)
        seen, gradients = backend.differentiate(problem, d)
        return [np.array(a) for a in _list_arrays((answer, seen, gradients, problem, d))]
    except Exception:  # whatever a mistake leads to
        return None


def _list_arrays(what: Any) -> Iterator[Array]:
    """Every array inside answers, gradients, problems and tuples."""
    if isinstance(what, np.ndarray | np.generic | float | int):
        yield np.asarray(what)
    elif isinstance(what, tuple | list):
        for part in what:
            yield from _list_arrays(part)
    elif isinstance(what, Answer | Gradients | Cotangents) or hasattr(what, "parameters"):
        yield from _list_arrays([*vars(what).values()])


def _compare(found: list[Array] | None, right: list[Array]) -> float:
    """The largest relative difference; infinite if there is no answer, or one of other shapes."""
    if found is None or [a.shape for a in found] != [a.shape for a in right]:
        return np.inf
    return max(_relative(a, b) for a, b in zip(found, right, strict=True))


def _relative(found: Array, right: Array) -> float:
    if not right.size or np.array_equal(found, right, equal_nan=True):
        return 0.0
    with np.errstate(all="ignore"):
        difference = np.abs(found - right).max() / np.abs(right).max()
    return float(difference) if np.isfinite(difference) else np.inf
