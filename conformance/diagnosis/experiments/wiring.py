"""What a layer or a direction takes from another one: judged as if the question had been changed in that way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, Sizes
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.question import Question
from lstm_spec import Answer, Problem, State
from lstm_spec.types import Array

SEEDS = (0, 1)
One = TypeVar("One")
Place = tuple[int, int]  # layer and direction
RULES: dict[str, Callable[[int, int, int], Place]] = {  # which place stands for that of a layer and a direction, of D
    "that of layer 0, in each direction": lambda layer, d, D: (0, d),
    "that of the first direction": lambda layer, d, D: (layer, 0),
    "that of the other direction": lambda layer, d, D: (layer, D - 1 - d),
    "that of layer 0 in the first direction": lambda layer, d, D: (0, 0),
    "that of row layer, not of row layer · directions + direction": lambda layer, d, D: divmod(layer, D),
    "that of row layer + direction": lambda layer, d, D: divmod(layer + d, D),
    "that of row layer · directions − direction": lambda layer, d, D: divmod((layer * D - d), D),
    "that of direction layer": lambda layer, d, D: (layer, layer % D),
}
STATES = {"h": "hidden", "c": "cell"}


def find_wiring(laboratory: Laboratory, sizes: Sizes) -> Finding | None:
    """Which change of the question, or of the answer, makes the answers of a network right; None if none is known."""
    questions = [laboratory.make_question(sizes, seed) for seed in SEEDS]
    if laboratory.backward or len(questions[0].problem.state.h) == 1:
        return None
    try:
        answers = [laboratory.answer(question.problem) for question in questions]
    except (Errored, Refuted, NotClaimed):
        return None
    for words, change, read in list_changes(questions[0].problem):
        if all(_is_right(laboratory, q, change, read(a)) for q, a in zip(questions, answers, strict=True)):
            return Finding(words, True)
    return None


def _is_right(laboratory: Laboratory, question: Question, change: Callable[[Problem], Problem], got: Answer) -> bool:
    """Whether what was got is right for the changed question."""
    replaying = replace(laboratory.backend, forward=lambda _: got)
    return laboratory.judge(Question(change(question.problem), question.d), replaying).said == "right"


Change = tuple[str, Callable[[Problem], Problem], Callable[[Answer], Answer]]


def list_changes(problem: Problem) -> Iterator[Change]:
    """What may be wrong in words, the question as it was understood, and the answer as it was meant."""
    layers, D = len(problem.parameters), len(problem.directions)
    places = [(layer, d) for layer in range(layers) for d in range(D)]
    for rule, find in RULES.items():
        found = [divmod((layer * D + d) % len(places), D) for layer, d in (find(*place, D) for place in places)]
        if found != places:
            yield from _list_replaced(problem, places, found, rule)
    if D == 1:
        return
    yield "the outputs of both directions are exchanged in the output y, not in what a layer reads", keep, _swap_outputs
    yield "the final hidden state and the final cell state are those of the other direction", keep, _swap_states


def _list_replaced(problem: Problem, places: list[Place], found: list[Place], rule: str) -> Iterator[Change]:
    rows = [layer * len(problem.directions) + d for layer, d in found]
    for names in ("h", "c", "hc"):
        states = " and ".join(f"the initial {STATES[k]} state" for k in names)
        yield f"{states} is {rule}", partial(_take_rows, names, rows), keep
    shapes = [[problem.parameters[layer][d].g.W.shape for layer, d in each] for each in (places, found)]
    if shapes[0] == shapes[1]:
        yield f"the parameters are {rule}".replace("that", "those"), partial(_take_parameters, found), keep


def keep(one: One) -> One:
    """What is given, unchanged."""
    return one


def _take_rows(names: str, rows: list[int], problem: Problem) -> Problem:
    taken = {k: frozen(getattr(problem.state, k)[rows]) for k in names}
    return replace(problem, state=problem.state._replace(**taken))


def _take_parameters(found: list[Place], problem: Problem) -> Problem:
    D, given = len(problem.directions), problem.parameters
    flat = [given[layer][d] for layer, d in found]
    return replace(problem, parameters=tuple(tuple(flat[k : k + D]) for k in range(0, len(flat), D)))


def _swap_outputs(answer: Answer) -> Answer:
    one, other = np.split(answer.y, 2, axis=2)
    return replace(answer, y=np.concatenate([other, one], axis=2))


def _swap_states(answer: Answer) -> Answer:
    def swap(a: Array) -> Array:
        return a.reshape(-1, 2, *a.shape[1:])[:, ::-1].reshape(a.shape)

    return replace(answer, state=State(*map(swap, answer.state)))
