"""What was asked in an experiment, and what came of it."""

from dataclasses import replace
from typing import Any

from conformance.diagnosis.experiments.laboratory import Judged, Laboratory, Said
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from lstm_spec import Backend


class Log:
    """A laboratory that notes what it was asked."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory, self.tried = laboratory, list[tuple[str, Said]]()

    def judge(self, when: str, question: Question, backend: Backend | None = None) -> Judged:
        """`Laboratory.judge`, noted under these words."""
        judged = self.laboratory.judge(question, backend)
        self.tried.append((when, judged.said))
        return judged

    def ask(self, question: Question) -> tuple[Any, ...] | None:
        """What the backend returns, as it is: an answer, and gradients if they are asked for; None if nothing."""
        asked = self.laboratory
        try:
            return asked.differentiate(question) if asked.backward else (asked.answer(question.problem),)
        except (Errored, Refuted):
            return None

    def replay(self, found: tuple[Any, ...]) -> Backend:
        """A backend that returns this whatever it is asked."""
        return replace(self.laboratory.backend, forward=lambda _: found[0], gradients=lambda *_: found)
