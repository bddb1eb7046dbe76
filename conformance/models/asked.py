"""What was asked of a runtime with the weights of a file, and what it answered."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from conformance.report.status import CRASHED, UNUSABLE
from conformance.run.answers import Judgement, choose_worst, judge
from conformance.run.given import Sizes
from conformance.text import LONGEST_NAME, clean_line
from lstm_spec import Problem
from lstm_spec.types import Array


class ModelError(Exception):
    """A file, or a runtime, that cannot be used: a sentence, in one line that can be printed."""

    status = UNUSABLE

    def __init__(self, text: str) -> None:
        super().__init__(clean_line(text))


class CrashError(ModelError):
    """A file that ended the process that read it, or kept it too long."""

    status = CRASHED


class Asked(NamedTuple):
    """One LSTM of a file, one question to it, and the answer."""

    name: str
    runtime: str
    problem: Problem
    answer: tuple[Array, Array | None, Array | None]  # y, h and c
    bias_sizes: Sizes = ()
    inner: tuple[Array, ...] = ()  # what the layers below the last one returned, if that is known
    units: tuple["Asked", ...] = ()  # each layer by itself, asked with unit vectors

    @property
    def short_name(self) -> str:
        """The name without what describes it."""
        return shorten_name(self.name)

    def judge(self, grade: str) -> Judgement:
        """Whether the answer is right. Raises ModelError if it has another form than the question asks for."""
        said, units = self._judge_answer(grade), [one.judge(grade) for one in self.units]
        if not (units and said.parts):
            return said
        seen = max((part for one in units for part in one.parts), key=lambda part: part.ratio)
        worst = choose_worst([said, *units])
        parts = (*said.parts, seen._replace(name="unit vectors"))
        return replace(said, grade=worst.grade, at=worst.at, parts=parts)

    def _judge_answer(self, grade: str) -> Judgement:
        try:
            return judge(self.problem, self.answer, grade=grade, inner=self.inner, bias_sizes=self.bias_sizes)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{self.short_name}: {error}") from error


def require_file(path: Path, wanted: str, most: int | None = None) -> None:
    """Raise ModelError unless it is a regular file, of at most that many bytes; nothing else is waited for."""
    try:
        is_file = path.is_file()
    except OSError:  # no file can have this name
        is_file = False
    if not is_file:
        raise ModelError(f"{clean_line(str(path), LONGEST_NAME)} is no file, expected {wanted}; name one")
    size = path.stat().st_size
    if most is not None and size > most:
        raise ModelError(f"{path} has {size:,} bytes, expected at most {most:,}, as many as its format may have")


def describe_error(error: BaseException) -> str:
    """Its first line, or what kind of error it is; what only a programmer understands is left out."""
    if isinstance(error, AttributeError | TypeError | LookupError):
        return "it is damaged"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    for mark in ("Status Message: ", "::LSTMBase(const onnxruntime::OpKernelInfo&) ", " was false. "):
        first = first.rpartition(mark)[2]  # before it, onnxruntime says where in its own code
    return first[:200]


def shorten_name(name: str) -> str:
    """The name of an LSTM without what describes it."""
    return name.partition(": ")[0]
