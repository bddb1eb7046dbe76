"""Whether an answer depends on how its question lies in memory."""

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import ARRAYS, TINY, name_part
from conformance.diagnosis.experiments.log import Log
from conformance.nouns import change_all_arrays, name_all_arrays
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
SHARED = (("h", "c"), ("W", "U"), ("dh", "dc"))
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
    parts = [name for name in ARRAYS if _is_wrong_laid_out(log, question, ways[-1], name, is_wrong)]
    which = " or ".join(ARRAYS[name] for name in parts) or "every array"
    if is_wrong:
        return f"only where {which} is read-only"
    pieces = [k for k in range(len(LAID_OUT)) if k not in LIES_IN_ONE_PIECE]
    if len(ways) > 2 and set(ways) <= set(pieces):
        return f"only where {which} does not lie in one piece in C order"
    return f"only where {which} {' or '.join(LAID_OUT[k] for k in ways)}"


def _is_wrong_laid_out(log: Log, question: Question, k: int, name: str, others: bool) -> bool:
    """Whether this part alone, or all the others alone, laid out so make an answer wrong; of a part that there is."""
    if name not in {name_part(each) for each in name_all_arrays(**question._asdict())}:
        return False
    which = f"all but {ARRAYS[name]}" if others else ARRAYS[name]
    return log.judge(f"{which} {LAID_OUT[k]}", lay_out(question, k, name, others)).is_wrong


def find_shared(log: Log) -> str:
    """Which two equal arrays make an answer wrong if they are one array, and right if they are two; empty if none."""
    question = log.laboratory.make_question((2, 2, 4, 4))
    for first, second in SHARED:
        two, one = (make_equal(question, first, second, copies) for copies in (True, False))
        words = f"{ARRAYS[first]} and {ARRAYS[second]}"
        if log.judge(f"{words} equal", two).said == "right" and log.judge(f"{words} one array", one).is_wrong:
            return f"only where {words} are one array"
    return ""


def make_equal(question: Question, first: str, second: str, copies: bool) -> Question:
    """The question with the second part equal to the first one: a copy of it, or the same array."""

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        found = dict(arrays)
        for name, a in arrays.items():
            same = arrays.get(name[: -len(second)] + first) if name_part(name) == second else None
            if same is not None and same.shape == a.shape:
                found[name] = frozen(same.copy()) if copies else same
        return found

    return Question(*change_all_arrays(change, **question._asdict()))


def lay_out(question: Question, k: int, part: str = "", others: bool = False) -> Question:
    """The question with every array, with those of one part, or with all others, laid out in memory in one of the ways.

    All are read-only as usual, except in the way that makes them writable.
    """

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: place(a) if not part or (part == name_part(name)) != others else a for name, a in arrays.items()}

    def place(a: Array) -> Array:
        placed = WAYS[k](a)
        placed.flags.writeable = k == WRITABLE
        return placed

    return Question(*change_all_arrays(change, **question._asdict()))
