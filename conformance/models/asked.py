"""What was asked of a runtime with the weights of a file, and what it answered."""

from typing import NamedTuple

from conformance.run.answers import Judgement, judge
from conformance.run.given import Sizes
from lstm_spec import Problem
from lstm_spec.types import Array


class ModelError(Exception):
    """A file, or a runtime, that cannot be used: a sentence."""


class Asked(NamedTuple):
    """One LSTM of a file, one question to it, and the answer."""

    name: str
    runtime: str
    problem: Problem
    answer: tuple[Array, Array | None, Array | None]  # y, h and c
    bias_sizes: Sizes = ()
    inner: tuple[Array, ...] = ()  # what the layers below the last one returned, if that is known

    @property
    def short_name(self) -> str:
        """The name without what describes it."""
        return shorten_name(self.name)

    def judge(self, grade: str) -> Judgement:
        """Whether the answer is right. Raises ModelError if it has another form than the question asks for."""
        try:
            return judge(self.problem, self.answer, grade=grade, inner=self.inner, bias_sizes=self.bias_sizes)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{self.name}: {error}") from error


def shorten_name(name: str) -> str:
    """The name of an LSTM without what describes it."""
    return name.partition(": ")[0]
