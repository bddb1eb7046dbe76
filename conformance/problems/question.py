"""Examples, problems with what a property needs besides, and how they are changed and described."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from conformance.nouns import change_all_arrays
from lstm_spec import Activations, Cotangents, Description, ErrorModel, Gate, Parameters, Problem, State, error_model
from lstm_spec.types import Array, each_array

Pool = tuple[tuple[int, ...], ...]
Recipe = Callable[["Context"], st.SearchStrategy[Any]]
Listing = Callable[["Context"], "Rows"]
Examples = TypeVar("Examples", st.SearchStrategy[Any], "Rows")
Noun = TypeVar("Noun", Problem, Cotangents)


@dataclass(frozen=True)
class Context:
    """What an example has to suit: a dtype, the description of the backend, the reach of the profile, and what for."""

    dtype: np.dtype[Any]
    description: Description
    reach: str = "standard"  # quick, standard, full or soak
    with_loss: bool = False  # whether there will be gradients of it
    pool: Pool = ()  # the sizes that are asked of what compiles for each, if not the usual ones

    @property
    def model(self) -> ErrorModel:
        return error_model(self.description.grade(self.dtype.name), self.dtype.name)


class Rows(NamedTuple):
    """Examples that are known beforehand, the simplest first: each is tried once, and nothing is drawn."""

    many: int
    build: Callable[[int], Any]

    def map(self, change: Callable[[Any], Any]) -> "Rows":
        """The same examples, each changed."""
        return Rows(self.many, lambda k: change(self.build(k)))


class Question(NamedTuple):
    """A problem, and the cotangents of a loss on its answer."""

    problem: Problem
    d: Cotangents


class Split(NamedTuple):
    """A sequence, and the step before which it is cut."""

    whole: Problem
    at: int
    d: Cotangents

    @property
    def head(self) -> Problem:
        return replace(self.whole, x=self.whole.x[: self.at])

    def tail(self, state: State) -> Problem:
        return replace(self.whole, x=self.whole.x[self.at :], state=state)


def collect_gates(gates: Mapping[str, Gate], R: Array | None = None) -> Parameters:
    """Parameters of these gates, by letter; those that are not there are None."""
    return Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"), R)


def with_gates(problem: Problem, change: Callable[[str, Gate], Gate]) -> Problem:
    """The problem with every gate of every layer changed; `change` gets the letter and the gate."""

    def change_all(p: Parameters) -> Parameters:
        return collect_gates({letter: change(letter, gate) for letter, gate in p.gates.items()}, p.R)

    return replace(problem, parameters=tuple(tuple(map(change_all, row)) for row in problem.parameters))


def change_arrays(problem: Problem, change: Callable[[Array], Array]) -> Problem:
    """The problem with every array of numbers changed: the parameters, then x, h_0 and c_0."""
    rows = tuple(tuple(each_array(change, p) for p in row) for row in problem.parameters)
    return replace(problem, parameters=rows, x=change(problem.x), state=State(*map(change, problem.state)))


def change_stored(problem: Problem, change: Callable[[Array], Array]) -> Problem:
    """The problem with x and the parameters changed; the states stay."""
    return replace(change_arrays(problem, change), state=problem.state)


def widen_question(question: Question) -> Question:
    """The question with every number in float64."""

    def widen(a: Array) -> Array:
        return a.astype(np.float64)

    problem, d = question
    return Question(change_arrays(problem, widen), Cotangents(widen(d.y), State(*map(widen, d.state))))


EVERY_PART = ("W", "U", "b", "p", "R", "x", "h", "c", "lengths", "y")


def redraw_numbers(noun: Noun, seed: int, parts: Container[str] = EVERY_PART) -> Noun:
    """A problem or cotangents of the same shapes with new, dense numbers in these parts; the other parts stay.

    Lengths change places.
    """
    rng = np.random.default_rng(seed)

    def redraw(name: str, a: Array) -> Array:
        part = name.rpartition(".")[2]
        if part not in parts:
            return a
        return frozen(a[rng.permutation(len(a))] if part == "lengths" else rng.standard_normal(a.shape).astype(a.dtype))

    (changed,) = change_all_arrays(lambda arrays: {name: redraw(name, a) for name, a in arrays.items()}, noun=noun)
    return cast(Noun, changed)


def change_one_number(question: Question, parts: Container[str] = EVERY_PART) -> Question:
    """The question with 1 added to a number inside each array of these parts, neither its first nor its last.

    What has no inside is changed at its end; lengths stay.
    """

    def change(name: str, a: Array) -> Array:
        part, changed = name.rpartition(".")[2], a.copy()
        if part in parts and part != "lengths" and a.size:
            changed.flat[a.size // 2] += 1
        return frozen(changed)

    def change_all(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: change(name, a) for name, a in arrays.items()}

    return Question(*change_all_arrays(change_all, **question._asdict()))


def redraw_question(question: Question, seed: int, parts: Container[str] = EVERY_PART) -> Question:
    """The question with new numbers in these parts of the problem and of the cotangents."""
    return Question(redraw_numbers(question.problem, seed, parts), redraw_numbers(question.d, seed, parts))


def problem_of(example: Any) -> Problem:
    """The problem that is part of an example."""
    while not isinstance(example, Problem):
        example = example[0]
    return example


def describe_example(example: Any) -> str:
    """The sizes and the form of an example, and how many of its numbers are not zero."""
    problem = problem_of(example)
    T, B, I, H = problem.sizes
    arrays = [problem.x, *problem.state]
    for p in (p for row in problem.parameters for p in row):
        arrays += [a for gate in p.gates.values() for a in gate if a is not None]
        arrays += [] if p.R is None else [p.R]
    numbers = sum(int(np.count_nonzero(a)) for a in arrays)
    return f"T = {T}, B = {B}, I = {I}, H = {H}{_describe_form(problem)}, non-zero numbers: {numbers}"


def _describe_form(problem: Problem) -> str:
    """How the problem differs from one layer of the standard cell that reads whole sequences forward."""
    parts = [f"{len(problem.parameters)} layers"] if len(problem.parameters) > 1 else []
    parts += [" and ".join(problem.directions)] if problem.directions != ("forward",) else []
    variant = problem.variant
    parts += [variant.kind] if variant.kind != "standard" else []
    parts += [_describe_activations(variant.activations)] if variant.activations else []
    parts += [f"P = {problem.P}"] if problem.layer.R is not None else []
    parts += [f"clip = {variant.clip:g}"] if variant.clip is not None else []
    parts += [f"clip of the projection = {variant.projection_clip:g}"] if variant.projection_clip is not None else []
    parts += [f"lengths {' '.join(map(str, problem.lengths[:8]))}"] if problem.lengths is not None else []
    return "".join(f", {part}" for part in parts)


def _describe_activations(a: Activations) -> str:
    gate = f"hard sigmoid {a.alpha:g} z + {a.beta:g}" if a.gate == "hard sigmoid" else a.gate
    return f"{gate}, {a.candidate} and {a.output}"
