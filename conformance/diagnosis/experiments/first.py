"""Whether first calls are wrong and later ones are not: of all, with new shapes or numbers, or in a fresh process."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from conformance.diagnosis.experiments.laboratory import TINY, Finding, Laboratory, Sizes
from conformance.diagnosis.experiments.log import Log
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from conformance.targets.border import guard_backend
from lstm_spec import Backend

NEW_SHAPES: tuple[Sizes, ...] = ((5, 2, 3, 9), (2, 5, 4, 7))  # no other experiment asks these
ONLY_FIRST = "only in the first call"
AT_FIRST, LATER = ["wrong", "right", "right"], ["right", "wrong", "wrong"]
Renew = Callable[[], AbstractContextManager[Backend]]  # the target made once more, in a process of its own


def find_first(log: Log) -> str:
    """Whether only first calls are wrong, or only later ones with the same question; empty if neither is so."""
    laboratory = log.laboratory
    one, same, other = (laboratory.make_question(NEW_SHAPES[k], seed) for k, seed in ((0, 0), (0, 1), (1, 0)))
    said = _judge_again(log, "a new question", one)
    if said == LATER:
        return "only from the second call with the same question on"
    if said == AT_FIRST:
        is_new = log.judge("other numbers in the same shapes", same).is_wrong
        return f"only in the first call with {'a new question' if is_new else 'new shapes'}"
    asked, first = laboratory.first or (one, "right")
    if first != "wrong" or said != ["right"] * 3 or log.judge("the very first question again", asked).is_wrong:
        return ""
    log.tried.append(("the very first call", first))
    return "" if log.judge("a new question in new shapes", other).is_wrong else ONLY_FIRST


def _judge_again(log: Log, name: str, question: Question, backend: Backend | None = None) -> list[str]:
    """What comes of three calls with one question."""
    return [log.judge(f"{name}, call {k + 1}", question, backend).said for k in range(3)]


def find_after_gradients(log: Log) -> str:
    """Whether answers are wrong after gradients were asked for; empty if not, or if they are wrong before."""
    laboratory, question = log.laboratory, log.laboratory.make_question(TINY)
    if laboratory.backward or laboratory.backend.gradients is None:
        return ""
    before = log.judge("before gradients", question).said
    try:
        laboratory.differentiate(question)
    except (Errored, Refuted):
        return ""
    if before != "right" or not log.judge("an answer after gradients", question).is_wrong:
        return ""
    is_next = not log.judge("the answer after that", question).is_wrong
    return f"only after gradients were asked for: {'the next answer' if is_next else 'every later answer'}"


def find_process(laboratory: Laboratory, renew: Renew) -> Finding | None:
    """How a fresh process answers one question otherwise than this one does; None if it does not."""
    log, question = Log(laboratory), laboratory.make_question(TINY)
    here = log.judge("in this process", question).said
    laboratory.check_time()
    with renew() as backend:
        if laboratory.backward and backend.gradients is None:
            return None
        fresh = _judge_again(log, "in a fresh process", question, guard_backend(backend))
    found = {
        ("right", "wrong right right"): "only in the first call of a process",
        ("right", "wrong wrong wrong"): "only in a fresh process: this one, which has answered before, is right",
        ("wrong", "right right right"): "only in this process: a fresh one answers the same question rightly",
    }.get((here, " ".join(fresh)))
    return Finding(found, True, tuple(log.tried), is_whole=True) if found else None
