"""What is asked: problems, questions and splits, and how they are changed and described."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from lstm_spec import Cotangents, Description, ErrorModel, Gate, Parameters, Problem, State, error_model
from lstm_spec.types import Array

Recipe = Callable[["Context"], st.SearchStrategy[Any]]


@dataclass(frozen=True)
class Context:
    """For whom problems are made: a dtype, what the backend says of itself, and how far the profile goes."""

    dtype: np.dtype[Any]
    description: Description
    reach: str = "standard"  # quick, standard, full or soak

    @property
    def model(self) -> ErrorModel:
        return error_model(self.description.grade(self.dtype.name), self.dtype.name)


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


def with_gates(problem: Problem, change: Callable[[str, Gate], Gate]) -> Problem:
    """The problem with each gate changed; `change` gets its letter too."""
    layer = problem.layer
    i, f, g, o = (change(letter, getattr(layer, letter)) for letter in "ifgo")
    return replace(problem, parameters=((Parameters(i, f, g, o),),))


def redrawn(problem: Problem, seed: int, parts: str = "WUbxhc") -> Problem:
    """Another problem of the same shapes, dense in these parts and the same in the others."""
    rng = np.random.default_rng(seed)

    def drawn(letter: str, a: Array) -> Array:
        return frozen(rng.standard_normal(a.shape).astype(a.dtype)) if letter in parts else a

    other = with_gates(problem, lambda _, gate: Gate(*(drawn(k, getattr(gate, k)) for k in "WUb")))
    return replace(other, x=drawn("x", problem.x), state=State(*(drawn(k, getattr(problem.state, k)) for k in "hc")))


def problem_of(example: Any) -> Problem:
    """The problem in what a recipe drew."""
    while not isinstance(example, Problem):
        example = example[0]
    return example


def described(example: Any) -> str:
    """The sizes of what was drawn, and how many of its numbers are not zero."""
    problem = problem_of(example)
    T, B, I, H = problem.sizes
    arrays = [problem.x, *problem.state]
    for p in (p for row in problem.parameters for p in row):
        arrays += [a for gate in p[:4] if isinstance(gate, Gate) for a in gate if a is not None]
        arrays += [] if p.R is None else [p.R]
    numbers = sum(int(np.count_nonzero(a)) for a in arrays)
    return f"T = {T}, B = {B}, I = {I}, H = {H}{_more(problem)}, non-zero numbers: {numbers}"


def _more(problem: Problem) -> str:
    """What it is beyond one layer of the standard cell that reads whole sequences forward."""
    said = [f"{len(problem.parameters)} layers"] if len(problem.parameters) > 1 else []
    said += [" and ".join(problem.directions)] if problem.directions != ("forward",) else []
    said += [problem.variant.kind] if problem.variant.kind != "standard" else []
    said += [f"P = {problem.P}"] if problem.layer.R is not None else []
    said += [f"clip = {problem.variant.clip:g}"] if problem.variant.clip is not None else []
    said += [f"lengths {' '.join(map(str, problem.lengths[:8]))}"] if problem.lengths is not None else []
    return "".join(f", {part}" for part in said)
