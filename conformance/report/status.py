"""Exit statuses, and the families of clauses that nobody may leave out."""

CORE = ("CELL", "SEQ", "SHAPE", "CONTRACT", "ACT", "NET")

PASSED, FAILED, UNUSABLE, SUITE_ERROR, NOTHING = 0, 1, 3, 4, 5


def worst_status(statuses: list[int]) -> int:
    """The exit status of several targets: the most serious one."""
    return next((status for status in (FAILED, SUITE_ERROR, UNUSABLE, NOTHING) if status in statuses), PASSED)
