"""Which failures follow from which: each root stands for those that an earlier fault explains."""

from typing import NamedTuple

from conformance.outcome import Outcome
from conformance.report.stages import STAGES, find_stage, names_a_clause
from conformance.verdict import Verdict, find_broken_clauses


class Root(NamedTuple):
    """A failure, and those that follow from it."""

    verdict: Verdict
    following: list[Verdict]


def find_roots(failures: list[Verdict], is_diagnosed: bool) -> list[Root]:
    """The failures, one of each property; those that follow from an earlier one are listed under it.

    `is_diagnosed`: whether the cause of the first failure is known.
    """
    left, roots = keep_one_per_property(failures), list[Root]()
    while left:
        first, *rest = left
        following = [v for v in rest if _follows_from(v, first, is_diagnosed and not roots)]
        roots.append(Root(first, following))
        left = [v for v in rest if v not in following]
    return roots


def _follows_from(verdict: Verdict, root: Verdict, is_diagnosed: bool) -> bool:
    """Whether it is of a later stage, of the same clause, or of the same stage while the cause of the root is known.

    Nothing follows from an exception but the same exception, which is listed once.
    """
    if root.outcome is Outcome.ERRORED:
        return False
    here, there = STAGES[find_stage(root)], STAGES[find_stage(verdict)]
    both_name = names_a_clause(verdict) and names_a_clause(root)
    is_same = both_name and find_broken_clauses(verdict) == find_broken_clauses(root)
    return there.name in here.shows_in or is_same or (there == here and is_diagnosed)


def keep_one_per_property(verdicts: list[Verdict]) -> list[Verdict]:
    """The first verdict of each property; if several raise the same exception, the first of them."""
    first = {verdict.property.name: verdict for verdict in reversed(verdicts)}
    raised = {v.detail if v.outcome is Outcome.ERRORED else name: v for name, v in first.items()}
    return list(raised.values())[::-1]
