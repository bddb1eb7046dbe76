"""A failure on disk: what a case is, and how its example becomes arrays and text, and an example again."""

import json
from typing import Any, NamedTuple

import numpy as np

from conformance.problems.question import Question, Split
from conformance.problems.switches import Switched
from conformance.property import Property
from conformance.targets.nouns import Tensors, put_together, take_apart
from lstm_spec import Cotangents, Feature, Problem, checked
from lstm_spec.validation import check_cotangents

FORMAT = "lstm-spec case 1"
EXAMPLES: dict[str, Any] = {kind.__name__: kind for kind in (Question, Split, Switched)}


class CaseError(Exception):
    """The file is not a case, or not whole; the message is one sentence with the remedy."""


class Asked(NamedTuple):
    """What a backend was asked last."""

    problem: Problem
    d: Cotangents | None = None  # for gradients
    probes: tuple[int, int, int] | None = None  # the gate rows, from and to, and the number of inputs with the probes


class Case(NamedTuple):
    """A failing example, the property that it refutes, and what the backend was asked last."""

    example: Any
    prop: Property
    asked: Asked
    about: dict[str, str]  # target, clause, dtype, seed, reason, versions


def disassemble(example: Any, name: str) -> tuple[Tensors, str]:
    """The arrays of an example, by names that begin with `name`, and how it is put together from them, as JSON."""
    arrays: Tensors = {}
    drawn, seed = (example[0], int(example[1])) if type(example) is tuple else (example, None)
    parts = {name: drawn}
    if not isinstance(drawn, Problem):
        parts = {f"{name}.{field}" if k else name: part for k, (field, part) in enumerate(drawn._asdict().items())}
    form = [take_apart(str(a) if isinstance(a, Feature) else a, label, arrays) for label, a in parts.items()]
    return arrays, json.dumps({"noun": type(drawn).__name__, "parts": form, "seed": seed})


def assemble(arrays: Tensors, text: str) -> Any:
    """The example. Raises KeyError, TypeError or ValueError for what `disassemble` never writes."""
    form = json.loads(text)
    try:
        parts = [put_together(part, arrays) for part in form["parts"]]
    except (AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"its form cannot be read: {error}") from error
    noun, seed = form["noun"], form["seed"]
    if noun != "Problem" and noun not in EXAMPLES:
        raise ValueError(f"its form is {noun!r}")
    problem = _check_problem(parts[0])
    drawn: Any = (
        problem if noun == "Problem" else EXAMPLES[noun](problem, *(_check_part(problem, a) for a in parts[1:]))
    )
    if isinstance(drawn, Split) and drawn.at not in range(1, len(problem.x)):
        raise ValueError(f"it is cut before step {drawn.at} of {len(problem.x)}")
    if isinstance(drawn, Switched):
        drawn = drawn._replace(feature=Feature(drawn.feature))
    return drawn if seed is None else (drawn, int(seed))


def _check_problem(problem: Any) -> Problem:
    if not isinstance(problem, Problem):
        raise TypeError(f"a {type(problem).__name__} stands where a problem is expected")
    return checked(problem)


def _check_part(problem: Problem, part: Any) -> Any:
    """Another part of an example: a second problem, cotangents of the first, a number or a word."""
    if isinstance(part, Problem):
        return checked(part)
    if isinstance(part, Cotangents):
        check_cotangents(problem, part)
    elif not isinstance(part, str | int):
        raise TypeError(f"a {type(part).__name__} stands where a number, cotangents or a problem are expected")
    return part


def is_finite(arrays: Tensors) -> bool:
    """Whether all numbers are finite, as they are in what is drawn."""
    return all(np.isfinite(a.astype(np.float64)).all() for a in arrays.values())
