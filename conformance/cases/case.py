"""A failure on disk: what a case is, and how its example becomes arrays and text, and an example again."""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from conformance.nouns import Tensors, put_together, take_apart
from conformance.outcome import Outcome
from conformance.problems.question import Question, Split
from conformance.problems.switches import Switched
from conformance.property import Property
from conformance.text import LONGEST_NAME, clean_line, is_printable, quote_value
from lstm_spec import CLAUSES, GRADES, Cotangents, Feature, Problem, checked
from lstm_spec.contract import DTYPES, LARGEST
from lstm_spec.modules.sessions import Session, check_session
from lstm_spec.validation import check_cotangents

FORMAT = "lstm-spec case 1"
OWN_MODEL = "an error model of its own"
LARGEST_FILE = 2**27  # bytes
LONGEST_REASON = 2_000  # characters
LARGEST_SEED = 2**64
EXAMPLES: dict[str, tuple[Callable[..., Any], tuple[type, ...]]] = {  # by noun: how it is made, and from what
    "Problem": (checked, (Problem,)),
    "Question": (Question, (Problem, Cotangents)),
    "Split": (Split, (Problem, int, Cotangents)),
    "Switched": (Switched, (Problem, Problem, str, int)),
    "Session": (Session, (tuple,)),
}


FIELDS: dict[str, tuple[Callable[[Any], Any], str]] = {  # what a case says of itself, and what was expected there
    "clause": (lambda ids: bool(ids.split()) and {*ids.split()} <= {*CLAUSES}, "ids of clauses"),
    "outcome": ((*Outcome,).__contains__, f"one of {', '.join(Outcome)}"),
    "dtype": (DTYPES.__contains__, f"one of {', '.join(DTYPES)}"),
    "grade": ((*(name for name, _ in GRADES), OWN_MODEL).__contains__, "the name of a grade"),
    "seed": (re.compile("[0-9]{1,40}").fullmatch, "a number that is not negative"),
    "target": (is_printable, f"up to {LONGEST_NAME} characters that can be printed"),
    "reason": (partial(is_printable, most=LONGEST_REASON), f"up to {LONGEST_REASON:,} characters that can be printed"),
}


class CaseError(Exception):
    """The file is not a case, or not whole; the message is one sentence with the remedy, fit for a terminal."""

    def __init__(self, sentence: str) -> None:
        super().__init__(clean_line(sentence))


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

    @property
    def target(self) -> str:
        """The target that it refuted."""
        return self.about["target"]


def check_fields(about: dict[str, str]) -> None:
    """Return if a case says of itself what it has to. Raises KeyError or ValueError otherwise."""
    for name, (is_right, expected) in FIELDS.items():
        if not is_right(about[name]):
            raise ValueError(f"its {name} is {quote_value(about[name])}, expected {expected}")


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
        drawn, seed = _make_example(form["noun"], [put_together(part, arrays) for part in form["parts"]]), form["seed"]
    except (AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"its form cannot be read: {error}") from error
    if seed is not None and (type(seed) is not int or not 0 <= seed < LARGEST_SEED):
        raise ValueError(f"its form cannot be read: its seed is {quote_value(seed)}, expected a natural number")
    return drawn if seed is None else (drawn, seed)


def _make_example(noun: str, parts: list[Any]) -> Any:
    if noun not in EXAMPLES:
        raise ValueError(f"its form is {noun!r}")
    make, kinds = EXAMPLES[noun]
    for part, kind in zip(parts, kinds, strict=True):
        if not isinstance(part, kind):
            raise TypeError(f"a {type(part).__name__} stands where {kind.__name__} is expected")
        if isinstance(part, Problem) and max(checked(part).sizes) > LARGEST:
            raise ValueError(f"a size of {part} is above {LARGEST:,}")
        if isinstance(part, Cotangents):
            check_cotangents(parts[0], part)
    drawn = make(*parts)
    if isinstance(drawn, Session):
        check_session(drawn, LARGEST)
    if isinstance(drawn, Split) and drawn.at not in range(1, len(drawn.whole.x)):
        raise ValueError(f"it is cut before step {drawn.at} of {len(drawn.whole.x)}")
    return drawn._replace(feature=Feature(drawn.feature)) if isinstance(drawn, Switched) else drawn


def is_finite(example: Any) -> bool:
    """Whether all numbers of an example are finite, as they are in every example that is drawn."""
    arrays, _ = disassemble(example, "drawn")
    once = {id(a): a for a in arrays.values()}
    return all(np.isfinite(a).all() for a in once.values())
