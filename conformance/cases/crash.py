"""A question that killed its target, or got no answer: its file is read, described, and asked again."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conformance.cases.case import LARGEST_FILE, CaseError
from conformance.cases.expectations import is_well_formed
from conformance.cases.replay import Replayed, find_reason_to_skip, sort_outcome
from conformance.files import read_format, read_whole
from conformance.outcome import Errored, Outcome
from conformance.problems.question import describe_example, problem_of
from conformance.targets.border import guard_backend
from conformance.targets.link import FORMAT, unpack_question
from conformance.targets.wire import unpack_tensors
from conformance.text import is_printable, quote_value
from lstm_spec import Backend, Cotangents, Feature, Problem
from lstm_spec.modules.sessions import Session, check_session

CALLS: dict[str, tuple[type, ...]] = {"forward": (Problem,), "gradients": (Problem, Cotangents), "converse": (Session,)}
FEATURES = {"gradients": Feature.GRADIENTS, "converse": Feature.MODULE}


class Crash(NamedTuple):
    """The function of a backend that was called, its arguments, and the target whose process ended or hung."""

    call: str
    arguments: list[Any]  # a Problem, and Cotangents; they may be malformed on purpose
    target: str
    device: str | None

    @property
    def is_well_formed(self) -> bool:
        """Whether an implementation may not refuse the question."""
        return self.call == "converse" or is_well_formed(*self.arguments, *(None,) * (2 - len(self.arguments)))

    @property
    def problem(self) -> Any:
        """The problem that was asked, or the first one of a session."""
        return problem_of(self.arguments[0]) if self.call == "converse" else self.arguments[0]


def is_crash(path: Path) -> bool:
    """Whether the file says that it is a question, and not a case."""
    return read_format(path) == FORMAT


def load_crash(path: Path) -> Crash:
    """The question in a file that `run` wrote when a target crashed or hung. Raises CaseError."""
    try:
        raw = read_whole(path, LARGEST_FILE)
        question, about = unpack_question(raw), unpack_tensors(raw)[1]
        crash = Crash(question.call, question.arguments, about["target"], about["device"] or None)
        _check_crash(crash)
    except OSError as error:
        raise CaseError(f"{path} cannot be read ({error.strerror}); name a case that `run` wrote") from error
    except (ValueError, LookupError, TypeError) as error:
        raise CaseError(f"{path} is no question of this suite ({error}); name a case that `run` wrote") from error
    return crash


def _check_crash(crash: Crash) -> None:
    """Raise ValueError for what no `run` writes."""
    kinds = tuple(map(type, crash.arguments))
    if not isinstance(crash.call, str) or CALLS.get(crash.call) != kinds:
        raise ValueError(
            f"it calls {quote_value(crash.call)}, expected one of {', '.join(CALLS)}, with their arguments"
        )
    if crash.call == "converse":
        check_session(crash.arguments[0])
    for name, text in (("target", crash.target), ("device", crash.device)):
        if text is not None and not is_printable(text):
            raise ValueError(f"its {name} is {quote_value(text)}, expected some characters that can be printed")


def describe_crash(crash: Crash) -> str:
    """Which question it is, in a line."""
    problem = crash.problem
    if not crash.is_well_formed:
        return f"{crash.call} of a malformed problem, which an LSTM may refuse"
    if crash.call == "converse":
        return f"a session of {len(crash.arguments[0].calls)} calls, of which the first builds a module for {problem}"
    return f"{crash.call} of {describe_example(problem)} ({problem.dtype})"


def ask_crash(crash: Crash, backend: Backend) -> Replayed:
    """Whether the backend answers the question now. The answer itself is not judged."""
    if crash.is_well_formed and (reason := find_reason_to_skip(crash.problem, backend)):
        return Replayed(Outcome.NOT_CLAIMED, reason)
    if crash.call in FEATURES and not backend.offers(FEATURES[crash.call]):
        return Replayed(Outcome.NOT_CLAIMED, f"it does not claim {FEATURES[crash.call]}")
    try:
        with np.errstate(all="ignore"):
            getattr(guard_backend(backend), crash.call)(*crash.arguments)
    except Exception as error:
        if isinstance(error, Errored) and error.is_exception and not crash.is_well_formed:
            return Replayed(Outcome.HOLDS, "it refuses the malformed problem")
        return Replayed(sort_outcome(error), str(error))
    return Replayed(Outcome.HOLDS, "it answers this question")
