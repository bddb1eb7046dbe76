"""Whether an answer depends on how its question lies in memory."""

from conformance.diagnosis.experiments.laboratory import PARTS, TINY, Log, name_part
from conformance.nouns import change_all_arrays
from conformance.problems.memory import WAYS
from conformance.problems.question import Question
from lstm_spec.types import Array

LAID_OUT = (  # in the order of WAYS
    "has gaps between its numbers",
    "lies inside of a longer row",
    "is part of a wider array",
    "has its first two axes exchanged in memory",
    "runs backwards along its last axis",
    "runs backwards along its first axis",
    "lies at an odd address",
    "lies in Fortran order",
    "is writable",
)
LIES_IN_ONE_PIECE = (1, 6, 8)
WRITABLE = LAID_OUT.index("is writable")


def find_layout(log: Log) -> str:
    """Which array in which layout makes an answer wrong that is right otherwise; empty if none does.

    If it is wrong as usual, whether that is because it may not be written to.
    """
    question = log.laboratory.make_question(TINY, 0)
    is_wrong = log.judge("laid out as usual", question).is_wrong
    tried = [WRITABLE] if is_wrong else range(len(LAID_OUT))
    ways = [k for k in tried if log.judge(f"each array {LAID_OUT[k]}", lay_out(question, k)).is_wrong != is_wrong]
    if not ways:
        return ""
    parts = [name for name in PARTS if _changes_laid_out(log, question, ways[-1], name, is_wrong)]
    which = " or ".join(PARTS[name] for name in parts) or "every array"
    if is_wrong:
        return f"only where {which} is read-only"
    pieces = [k for k in range(len(LAID_OUT)) if k not in LIES_IN_ONE_PIECE]
    if len(ways) > 2 and set(ways) <= set(pieces):
        return f"only where {which} does not lie in one piece in C order"
    return f"only where {which} {' or '.join(LAID_OUT[k] for k in ways)}"


def _changes_laid_out(log: Log, question: Question, k: int, name: str, is_wrong: bool) -> bool:
    judged = log.judge(f"{PARTS[name]} {LAID_OUT[k]}", lay_out(question, k, name))
    return judged.is_wrong != is_wrong


def lay_out(question: Question, k: int, part: str = "") -> Question:
    """The question with every array, or with those of one part of the problem, laid out in memory in one of the ways.

    All are read-only as usual, except in the way that makes them writable.
    """

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: place(a) if part in ("", name_part(name)) else a for name, a in arrays.items()}

    def place(a: Array) -> Array:
        placed = WAYS[k](a)
        placed.flags.writeable = k == WRITABLE
        return placed

    return Question(*change_all_arrays(change, **question._asdict()))
