"""Which failures follow from which: each root stands for those that its cause explains, or may explain."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from conformance.outcome import Outcome
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.report.stages import STAGES, find_stage, names_a_clause
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import Feature

if TYPE_CHECKING:
    from conformance.diagnosis.experiments.diagnose import Row

Key = tuple[str, str]  # the property and the dtype of a verdict
Reproduced = Mapping[Key, bool]  # whether the fault that is named as the cause fails there, too; absent: unknown


class Cause(NamedTuple):
    """The likely cause of a failure; empty if there is none."""

    sentence: str = ""
    is_known: bool = False  # whether it is a fault of the catalogue
    clause: str = ""  # the clause that it breaks, if it is one
    reproduced: Reproduced = MappingProxyType({})
    rows: tuple["Row", ...] = ()  # the experiments that were made
    example: str = ""  # the smallest question that shows what they found


class Root(NamedTuple):
    """A failure, those that follow from it for certain, and those that may."""

    verdict: Verdict
    following: list[Verdict]
    perhaps: list[Verdict] = []  # never written to


def find_roots(failures: list[Verdict], cause: Cause) -> list[Root]:
    """The failures, one of each property; those that follow from another one are listed under it."""
    left, roots, diagnosed = keep_one_per_property(failures), list[Root](), find_diagnosed(failures, cause)
    while left:
        first, *rest = left
        following = [v for v in rest if _follows_from(v, first, cause, first is diagnosed)]
        perhaps = [v for v in rest if v not in following and _may_follow_from(v, first, cause, first is diagnosed)]
        roots.append(Root(first, following, perhaps))
        left = [v for v in rest if v not in following and v not in perhaps]
    return roots


def is_explained(verdict: Verdict, cause: Cause) -> bool:
    """Whether the cause reproduces a failure of its property, at whatever dtype that was tried."""
    return any(known and name == verdict.property.name for (name, _), known in cause.reproduced.items())


def put_cause_first(failures: list[Verdict], cause: Cause) -> list[Verdict]:
    """The failures, in their order; of those that the cause reproduces one that is about its clause is the first."""
    explained = [v for v in failures if cause.reproduced.get(key_of(v)) and v.dtype == failures[0].dtype]
    about = [v for v in explained if cause.clause in find_broken_clauses(v)]
    if not about:
        return failures
    place = failures.index(explained[0])
    rest = [v for v in failures if v is not about[0]]
    return [*rest[:place], about[0], *rest[place:]]


def find_diagnosed(failures: list[Verdict], cause: Cause) -> Verdict | None:
    """The failure that the cause is about: the first one, unless the named fault is known to be right there."""
    kept = keep_one_per_property(failures)
    return next((v for v in kept if cause.reproduced.get(key_of(v)) is not False), kept[0] if kept else None)


def key_of(verdict: Verdict) -> Key:
    """The property and the dtype."""
    return verdict.property.name, verdict.dtype


def _follows_from(verdict: Verdict, root: Verdict, cause: Cause, is_diagnosed: bool) -> bool:
    """Whether the named cause of the root reproduces it, or both refutations name the same clause.

    Nothing follows from an exception but the same exception, which is listed once.
    """
    if root.outcome is Outcome.ERRORED:
        return False
    both_name = names_a_clause(verdict) and names_a_clause(root)
    is_same = both_name and find_broken_clauses(verdict) == find_broken_clauses(root)
    return is_same or (is_diagnosed and cause.reproduced.get(key_of(verdict), False))


def _may_follow_from(verdict: Verdict, root: Verdict, cause: Cause, is_diagnosed: bool) -> bool:
    """Whether it is of a later stage and was seen with all features with which the root was.

    What the named fault reproduces follows from that fault alone, and what it does not from something else.
    """
    known = cause.reproduced.get(key_of(verdict))
    if root.outcome is Outcome.ERRORED or known or (is_diagnosed and known is False):
        return False
    is_later = STAGES[find_stage(verdict)].name in STAGES[find_stage(root)].shows_in
    return is_later and _list_features(root) <= _list_features(verdict)


def _list_features(verdict: Verdict) -> set[Feature]:
    """The features that its smallest example has."""
    raised = verdict.refutation or verdict.error
    return set() if raised is None or raised.problem is None else form_of(problem_of(raised.problem)).features


def keep_one_per_property(verdicts: list[Verdict]) -> list[Verdict]:
    """The first verdict of each property; if several raise the same exception, the first of them."""
    first = {verdict.property.name: verdict for verdict in reversed(verdicts)}
    raised = {v.detail if v.outcome is Outcome.ERRORED else name: v for name, v in first.items()}
    return list(raised.values())[::-1]
