"""A failure as text: the sentence, where it was first seen, the likely cause, and how to see it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from conformance.cases.expectations import is_well_formed, recall_own_problem
from conformance.outcome import Difference, Errored, Refuted
from conformance.problems.question import describe_example, problem_of
from conformance.report.reported import Reported
from conformance.report.roots import Root, is_explained
from conformance.verdict import Verdict, find_broken_clauses, join_clauses
from lstm_spec import CLAUSES, error_model
from lstm_spec.accuracy import DEFAULT_GRADES
from lstm_spec.modules.sessions import Session

if TYPE_CHECKING:
    from lstm_spec import Problem
from conformance.numbers import format_times, shorten

FULL = 3  # failures shown in full, besides the first of each stage; the others are only listed
LABEL = "  {:<18}"
NUMBERS, ALSO, MORE = "numbers", "also refuted", "more"  # labels that are not printed
INDENT = {NUMBERS: "    ", ALSO: "  ", MORE: LABEL.format("")}
Fact = tuple[str, str]  # a label and what it says


def failure_lines(report: Reported, root: Root, title: str = "") -> list[str]:
    """One failure: the sentence that is not true, where and by how much, why, what follows, and how to reproduce it."""
    named, sentence = name_failure(report, root.verdict)
    first = f"{title or str(root.verdict.outcome).upper()}  {named}  {sentence}"
    lines = [f"{first}      {_describe_subject(report, root.verdict.dtype)}"]
    return lines + [INDENT.get(label, LABEL.format(label)) + text for label, text in list_facts(report, root)]


def name_failure(report: Reported, verdict: Verdict) -> tuple[str, str]:
    """The clauses that are broken, and what is not so: the clause if it is one, else the property."""
    ids, sentence = find_shown_clauses(report, verdict), verdict.property.sentence
    if len(ids) == 1:
        clause = CLAUSES[ids[0]]
        sentence = f"{clause.sentence.rstrip('.')}{': ' if clause.equation else ''}{clause.equation}"
    return join_clauses(ids), sentence


def list_facts(report: Reported, root: Root) -> list[Fact]:
    """What is known of a failure: where and by how much, why, what follows, and how to reproduce it."""
    verdict, ids = root.verdict, find_shown_clauses(report, root.verdict)
    facts = [("by", verdict.property.sentence)] if len(ids) == 1 else []
    facts += _list_evidence(verdict)
    if report.cause.sentence and verdict is report.diagnosed:
        facts.append(("likely cause", report.cause.sentence))
        facts += [("shown by", report.cause.example)] if report.cause.example else []
    facts += _list_following(root, ids)
    return facts + _list_reproduction(report, verdict, verdict in report.failures[:1])


def find_shown_clauses(report: Reported, verdict: Verdict) -> tuple[str, ...]:
    """The clause that is broken, also if only the cause says so; if none is known, all that the property verifies."""
    ids, named = find_broken_clauses(verdict), report.cause.clause
    is_known = named in ids and (is_explained(verdict, report.cause) or verdict is report.diagnosed)
    return (named,) if is_known else ids


def _list_following(root: Root, ids: tuple[str, ...]) -> list[Fact]:
    """The other clauses that are refuted because of this, for certain or perhaps.

    What may be refuted for these very clauses names no other one.
    """
    certain, perhaps = (  # the first clause is what a property is about
        dict.fromkeys(
            first
            for first, *others in map(find_broken_clauses, verdicts)
            if first not in ids and not {*ids} <= {first, *others}
        )
        for verdicts in (root.following, root.perhaps)
    )
    named = (("", certain), ("perhaps ", [id for id in perhaps if id not in certain]))
    return [(ALSO, f"also refuted, {word}because of this: {', '.join(also)}") for word, also in named if also]


def _describe_subject(report: Reported, dtype: str) -> str:
    about, name = report.findings.description, report.findings.name
    grade = about.grade(dtype)
    level = grade if isinstance(grade, str) else "an error model of its own"
    return f"{f'{name} {about.version}'.strip()} ({about.device}, {dtype}, {level})"


def _list_evidence(verdict: Verdict) -> list[Fact]:
    """Where it is first seen, in units of what is allowed; why, if that does not say it; the smallest example found."""
    refutation, facts = verdict.refutation, [("because", verdict.detail)]
    raised = refutation or verdict.error
    if raised is None or raised.problem is None:
        return facts
    if refutation and refutation.difference:
        says_more = verdict.detail != refutation.reason or isinstance(refutation.problem, Session)
        facts = facts if says_more else []
        asked, own = refutation.asked or problem_of(refutation.problem), recall_own_problem(refutation)
        facts += _list_difference(refutation.difference, asked, own, verdict.dtype)
    return facts + _list_examples(raised)


def _list_examples(raised: Refuted | Errored) -> list[Fact]:
    """The example; if another one is smaller but looks like rounding, that one as well."""
    smallest = raised.smallest if isinstance(raised, Refuted) else None
    if smallest is None:
        return [("smallest found", _describe_raised(raised))]
    faint = f"{_describe_raised(smallest)}, where it is {format_times(smallest.ratio)} × allowed"
    return [("clear example", _describe_raised(raised)), ("smallest found", faint)]


def _describe_raised(raised: Refuted | Errored) -> str:
    """The sizes of the user's problem, and those of ours if more was asked to look inside."""
    own = recall_own_problem(raised)
    if isinstance(raised.problem, Session):
        return f"a session of {len(raised.problem.calls)} calls; module 0 is built for {describe_example(own)}"
    asked = raised.asked if is_well_formed(raised.asked, None) else own
    named = zip("TBIH", own.sizes, asked.sizes, strict=True)
    ours = [f"{letter} = {now}" for letter, before, now in named if now != before]
    return describe_example(own) + (f" (asked as {', '.join(ours)}, to look inside)" if ours else "")


def _list_difference(found: Difference, asked: Problem, own: Problem, dtype: str) -> list[Fact]:
    where = "".join(f"{describe_place(axis, k, found.quantity, asked, own)}, " for axis, k in found.where.items())
    digits = 17 if dtype == "float64" else 9
    allowed = f"±{shorten(found.allowed)} (derived)" if found.allowed else "no difference"
    times = f"   {format_times(found.ratio)} × allowed" if found.allowed else ""
    facts = [
        ("first difference", f"{where}output {found.quantity}"),
        (NUMBERS, f"expected {found.expected:.{digits}g}   allowed {allowed}   got {found.got:.{digits}g}{times}"),
    ]
    return facts + _list_condition(found, error_model(DEFAULT_GRADES[dtype], dtype).u)


def _list_condition(found: Difference, u: float) -> list[Fact]:
    """A warning if rounding may cost more than half of the digits that the dtype has."""
    share = found.allowed / abs(found.expected) if found.expected else 0
    if not u**0.5 < share < float("inf"):
        return []
    size = f"{shorten(100 * share)} %" if share < 10 else f"{format_times(share)} times its size"
    return [("ill-conditioned", f"rounding alone may move it by {size}, more than half of its digits")]


def _list_reproduction(report: Reported, verdict: Verdict, first: bool) -> list[Fact]:
    """The command that asks the case again; under the first failure also how many other cases there are."""
    key = (verdict.property.name, verdict.dtype)
    path = report.cases.get(key)
    if path is None or report.origin is None:
        return [("no case", report.uncased[key])] if key in report.uncased else []
    given = {"--device": report.origin.device, "--grade": report.origin.grade}
    options = [word for name, value in given.items() if value for word in (name, value)]
    command = shlex.join(["lstm-conform", "reproduce", str(path), report.origin.target, *options])
    others = len(report.cases) - 1
    more = f"and {others} more case{'s' if others > 1 else ''} in {path.parent}/"
    return [("reproduce", command)] + ([(MORE, more)] if first and others else [])


def describe_place(axis: str, k: int, quantity: str, asked: Problem, own: Problem) -> str:
    """A place in the user's problem, or one in what was added to look inside."""
    (*_, H), (*_, own_H) = asked.sizes, own.sizes
    if axis == "gate row":
        gates = "igo" if asked.layer.f is None else "ifgo"
        return f"gate {gates[k // H]}, {_name_unit(k % H, k % H, own_H)}"
    if axis == "unit" and quantity.startswith("y"):  # both directions side by side
        d, unit = divmod(k, asked.P)
        return _name_unit(unit, d * own.P + unit, own.P)
    if axis == "unit":
        return _name_unit(k, k, own_H)
    return f"t={k}" if axis == "t" else f"{axis} {k}"


def _name_unit(unit: int, own: int, count: int) -> str:
    return f"unit {own}" if unit < count else f"unit {unit} (added to look inside)"
