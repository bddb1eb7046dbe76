"""Exit statuses, what they are about, and the families of clauses that nobody may leave out."""

from typing import NamedTuple

CORE = ("CELL", "SEQ", "SHAPE", "CONTRACT", "ACT", "NET")

PASSED, FAILED, WRONG_OPTION, UNUSABLE, SUITE_ERROR, NOTHING, UNWRITTEN, CRASHED = range(8)
BY_SIGNAL = 128  # and the number of the signal that ended the command, as shells count
INTERRUPTED, TERMINATED = BY_SIGNAL + 2, BY_SIGNAL + 15

MEANINGS = {
    PASSED: "conforms",
    FAILED: "does not conform",
    WRONG_OPTION: "wrong option or value",
    UNUSABLE: "a target cannot be used",
    SUITE_ERROR: "the suite itself failed",
    NOTHING: "the options left nothing to test",
    UNWRITTEN: "the report cannot be written",
    CRASHED: "a file crashed the process that read it, or kept it too long",
    INTERRUPTED: "interrupted (Ctrl-C)",
    TERMINATED: "terminated (SIGTERM)",
}
SERIOUS = (FAILED, SUITE_ERROR, UNUSABLE, NOTHING)  # the first of these counts


def worst_status(statuses: list[int]) -> int:
    """The exit status of several targets: that of an end by a signal, or else the most serious one."""
    ended = next((status for status in statuses if status > BY_SIGNAL), PASSED)
    return ended or next((status for status in SERIOUS if status in statuses), PASSED)


class Unjudged(NamedTuple):
    """Why there is no report on a target, in a sentence, and the exit status that this has."""

    reason: str
    status: int = UNUSABLE


class Cut(NamedTuple):
    """Why a run ended before all verdicts were judged, the exit status that this has, and how many there would be."""

    reason: str
    status: int
    planned: int
