"""Whether nonsense is refused: by an exception of the backend's own, and by nothing else."""

from conformance.outcome import Errored
from lstm_spec import Answer, Backend, Problem


def ask_for_refusal(backend: Backend, problem: Problem) -> Answer | None:
    """The answer to a problem that should be refused, or None if the backend raises an exception.

    A crash, a hang and an exit are no refusals: they stay Errored. What is no answer stays Refuted.
    """
    try:
        return backend.forward(problem)
    except Errored as error:
        if error.is_exception:
            return None
        raise
