"""A failure on disk: what a case is, and how its example becomes arrays and text, and an example again."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from conformance.nouns import Tensors, put_together, take_apart
from conformance.problems.question import Question, Split
from conformance.problems.switches import Switched
from conformance.property import Property
from lstm_spec import Cotangents, Feature, Problem, checked
from lstm_spec.validation import check_cotangents

FORMAT = "lstm-spec case 1"
EXAMPLES: dict[str, tuple[Callable[..., Any], tuple[type, ...]]] = {  # by noun: how it is made, and from what
    "Problem": (checked, (Problem,)),
    "Question": (Question, (Problem, Cotangents)),
    "Split": (Split, (Problem, int, Cotangents)),
    "Switched": (Switched, (Problem, Problem, str, int)),
}


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
    try:
        form = json.loads(text)
        drawn = _make_example(form["noun"], [put_together(part, arrays) for part in form["parts"]])
        return drawn if form["seed"] is None else (drawn, int(form["seed"]))
    except (AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"its form cannot be read: {error}") from error


def _make_example(noun: str, parts: list[Any]) -> Any:
    if noun not in EXAMPLES:
        raise ValueError(f"its form is {noun!r}")
    make, kinds = EXAMPLES[noun]
    for part, kind in zip(parts, kinds, strict=True):
        if not isinstance(part, kind):
            raise TypeError(f"a {type(part).__name__} stands where {kind.__name__} is expected")
        if isinstance(part, Problem):
            checked(part)
        elif isinstance(part, Cotangents):
            check_cotangents(parts[0], part)
    drawn = make(*parts)
    if isinstance(drawn, Split) and drawn.at not in range(1, len(drawn.whole.x)):
        raise ValueError(f"it is cut before step {drawn.at} of {len(drawn.whole.x)}")
    return drawn._replace(feature=Feature(drawn.feature)) if isinstance(drawn, Switched) else drawn


def is_finite(example: Any) -> bool:
    """Whether all numbers of an example are finite, as they are in every example that is drawn."""
    arrays, _ = disassemble(example, "drawn")
    return all(np.isfinite(a.astype(np.float64)).all() for a in arrays.values())
