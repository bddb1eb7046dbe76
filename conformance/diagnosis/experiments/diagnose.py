"""All experiments on one backend within a number of seconds, and what they found in plain English."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from conformance.diagnosis.experiments.before import find_history
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime, Sizes
from conformance.diagnosis.experiments.on_what import find_dependence
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.when import SMALL, find_condition
from conformance.diagnosis.experiments.where import ANYWHERE, find_place
from conformance.outcome import NotClaimed
from conformance.problems.form import Form
from lstm_spec import Backend

SECONDS, SECONDS_TO_COMPILE = 5.0, 30.0
NO_TIME = "no time was left"


class Row(NamedTuple):
    """An experiment and what it found; `note` says why it found nothing."""

    experiment: str  # before, when, where, term, on what
    about: str  # answers or gradients
    finding: Finding | None
    note: str = ""


class Inquiry(NamedTuple):
    """All experiments, and what they found in one or two lines; empty if nothing was wrong in any of them."""

    rows: tuple[Row, ...]
    sentence: str

    @property
    def has_formula(self) -> bool:
        """Whether a formula was found that explains the answers."""
        return any(row.experiment == "term" and row.finding and row.finding.is_certain for row in self.rows)


def choose_seconds(backend: Backend) -> float:
    """How long the experiments may take: longer for what compiles for each size."""
    return SECONDS_TO_COMPILE if backend.description.compiles else SECONDS


def inquire(
    backend: Backend, dtype: str, form: Form | None = None, start: Sizes | None = None, seconds: float | None = None
) -> Inquiry:
    """What experiments find on a guarded backend: on its answers; if these are right, on its gradients.

    `start`: the sizes at which an answer was wrong.
    """
    laboratory = Laboratory(backend, dtype, form or Form(), seconds=seconds or choose_seconds(backend))
    rows, sentence = examine(laboratory, start)
    if not sentence and backend.gradients is not None:
        more, sentence = examine(laboratory.turn_backward(), start)
        rows += more
    return Inquiry(tuple(rows), sentence)


def examine(laboratory: Laboratory, start: Sizes | None = None) -> tuple[list[Row], str]:
    """The experiments in turn, and the sentence; what came before is asked first, for it would mislead the others."""
    rows, whole = list[Row](), laboratory.seconds
    about = "gradients" if laboratory.backward else "answers"

    def run(name: str, share: float, experiment: Callable[[Laboratory], Finding | None]) -> Finding | None:
        left = laboratory.seconds - (laboratory.clock() - laboratory.started)
        limited = replace(laboratory, seconds=min(left, share * whole))
        found, note = None, "nothing"
        try:
            found = experiment(limited)
        except OutOfTime:
            note = NO_TIME
        except NotClaimed as error:
            note = str(error)
        rows.append(Row(name, about, found, "" if found else note))
        return found

    if malformed := run("where", 0.2, find_malformed):
        return rows, malformed.sentence
    rows.clear()
    before = run("before", 0.4, find_history)
    when = run("when", 0.5, lambda limited: find_condition(limited, start))
    if before and when and not (when.is_certain and when.is_limited):
        when = None  # sizes do not decide it
    sizes = (when and when.smallest) or SMALL
    where = run("where", 0.5, lambda limited: find_place(limited, sizes)) if when else None
    is_plain = laboratory.form == Form(kind=laboratory.form.kind)
    term = run("term", 0.5, find_term) if when and is_plain else None
    on_what = None if term and term.is_certain else run("on what", 0.3, lambda limited: find_dependence(limited, sizes))
    return rows, describe_findings(about, before, when, where, term, on_what)


def find_malformed(laboratory: Laboratory) -> Finding | None:
    """What is wrong with the shape or the dtype of an answer; None if nothing is."""
    refuted = laboratory.ask_at(SMALL).refuted
    return Finding(refuted.reason, True) if refuted else None


def describe_findings(
    about: str,
    before: Finding | None,
    when: Finding | None,
    where: Finding | None,
    term: Finding | None,
    on_what: Finding | None,
) -> str:
    """What is wrong, under which condition, and how sure that is; empty if nothing was wrong.

    A formula comes first, if it is one that explains the answers.
    """
    term = term if term and term.is_certain else None
    found = [one for one in (before, when, where, term, on_what) if one]
    if not found:
        return ""
    known = [before.sentence] if before and not before.is_condition else []
    where_wrong = f": {where.sentence}" if where and where.sentence != ANYWHERE else ""
    conditions = [one.sentence for one in (before, when, on_what) if one and one.sentence not in known]
    wrong = [f"its {about} are wrong {' and '.join(conditions)}{where_wrong}"] if conditions else []
    sure = [] if all(one.is_certain for one in found) else ["this is not certain"]
    formula, rest = ([term.sentence], []) if term else ([], ["cause unknown"] if wrong else [])
    return "; ".join([*(f"it {words}" for words in known), *formula, *wrong, *sure, *rest])
