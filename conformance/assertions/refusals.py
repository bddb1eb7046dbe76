"""Whether nonsense is refused: by an exception of the backend's own, and by nothing else."""

from collections.abc import Iterator

from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from lstm_spec import Answer, Backend, Cotangents, Problem


def ask_for_refusal(backend: Backend, problem: Problem, d: Cotangents | None = None) -> Answer | None:
    """The answer to a problem, or to one with cotangents, that should be refused; None if an exception is raised.

    A crash, a hang and an exit are no refusals: they stay Errored. What is no answer stays Refuted.
    """
    try:
        return backend.forward(problem) if d is None else backend.differentiate(problem, d)[0]
    except Errored as error:
        if error.is_exception:
            return None
        raise


def assert_all_refused(backend: Backend, malformed: Iterator[tuple[str, Question]], differentiate: bool) -> None:
    """Refuted if any of these questions, each after what is wrong with it, is answered or differentiated."""
    for what, (problem, d) in malformed:
        if ask_for_refusal(backend, problem, d if differentiate else None):
            raise Refuted(f"{what} was answered, expected an exception; check the shapes first")
