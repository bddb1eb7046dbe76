"""Examples of networks as arrays and text, and back: whatever their layers, lengths and variant."""

import json
import re
from contextlib import suppress
from typing import Any

import numpy as np

from conformance.assertions.comparison import recorded_comparisons
from conformance.cases.expectations import COMPARED, Asked, Tensors
from conformance.outcome import Errored, Inconclusive, NotClaimed, Refuted
from conformance.problems.question import Question
from conformance.problems.switches import Switched
from conformance.property import Property
from conformance.targets.nouns import put_together, taken_apart
from lstm_spec import Backend, Cotangents, Feature, Problem
from lstm_spec.validation import check_cotangents, checked


def form_of(example: Any, name: str) -> tuple[Tensors, str]:
    """The arrays of what was drawn, by names that begin with `name`, and how it is put together again, as JSON."""
    arrays: Tensors = {}
    seed = int(example[1]) if type(example) is tuple else None
    drawn = example if seed is None else example[0]
    parts = [
        str(part) if isinstance(part, Feature) else part for part in (drawn if isinstance(drawn, tuple) else (drawn,))
    ]
    form = [taken_apart(part, f"{name}.{k}", arrays) for k, part in enumerate(parts)]
    return arrays, json.dumps({"noun": type(drawn).__name__, "parts": form, "seed": seed})


def _plain(part: Any) -> Any:
    return str(part) if isinstance(part, Feature) else part


def example_of(arrays: Tensors, said: str) -> Any:
    """What was drawn. Raises KeyError, TypeError or ValueError for what `form_of` never writes."""
    form = json.loads(said)
    try:
        parts = [put_together(part, arrays) for part in form["parts"]]
        drawn = _drawn(form["noun"], parts)
    except (AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"its form cannot be read: {error}") from error
    return drawn if form["seed"] is None else (drawn, int(form["seed"]))


def _drawn(noun: str, parts: list[Any]) -> Any:
    if noun == "Problem":
        (problem,) = parts
        return _checked(problem)
    if noun == "Question":
        problem, d = parts
        return Question(_checked(problem), _checked_loss(problem, d))
    if noun == "Switched":
        problem, without, feature, first = parts
        return Switched(_checked(problem), _checked(without), Feature(feature), int(first))
    raise ValueError(f"its form is of {noun!r}")


def _checked(problem: Any) -> Problem:
    if not isinstance(problem, Problem):
        raise TypeError(f"a {type(problem).__name__} stands where a problem is expected")
    return checked(problem)


def _checked_loss(problem: Problem, d: Any) -> Cotangents:
    if not isinstance(d, Cotangents):
        raise TypeError(f"a {type(d).__name__} stands where cotangents are expected")
    check_cotangents(problem, d)
    return d


def asked_of(arrays: Tensors, said: str) -> Asked:
    """The question that was asked last."""
    example = example_of(arrays, said)
    return Asked(*example) if isinstance(example, Question) else Asked(example)


def expectations(backend: Backend, prop: Property, example: Any) -> Tensors:
    """What was compared when the property was tried: got, expected, allowed, up to the first that is further off."""
    refusals = (Errored, Refuted, Inconclusive, NotClaimed)
    with recorded_comparisons() as compared, np.errstate(all="ignore"), suppress(*refusals):
        prop.refute(backend, example)
    found: Tensors = {}
    for comparison in compared:
        name, shape = re.sub(r"\W+", "_", comparison.quantity), comparison.got.shape
        arrays = zip(COMPARED, (comparison.got, comparison.expected, comparison.allowed), strict=True)
        found |= {f"{what}.{name}": np.broadcast_to(a, shape) for what, a in arrays}
    return found
