"""All experiments on one backend within a number of seconds, and what they found in plain English."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from conformance.diagnosis.experiments.before import find_history
from conformance.diagnosis.experiments.forms import PLAIN, Networks, find_networks
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime, Sizes
from conformance.diagnosis.experiments.on_what import find_dependence, find_numbers
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.when import SMALL, find_condition
from conformance.diagnosis.experiments.where import ANYWHERE, find_place
from conformance.diagnosis.experiments.wiring import find_wiring
from conformance.outcome import NotClaimed
from conformance.problems.form import Form
from lstm_spec import Backend

SECONDS, SECONDS_TO_COMPILE = 5.0, 30.0
NO_TIME = "no time was left"
ENDS_EARLY = ("the gradient is truncated", "the gradient ends")  # how findings begin that a picture of the flow shows
FLOW = "lstm-conform flow TARGET draws how far it flows"
IN_PLACES = ("sample", "unit", "step", "places")  # what is wrong there only is no other formula
SMALL_IS_RIGHT = "one step is right if "  # how a finding about one step begins that names no formula


class Row(NamedTuple):
    """An experiment and what it found; `note` says why it found nothing."""

    experiment: str  # before, network, when, where, term, on what
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
        return any(row.experiment in ("term", "wiring") and row.finding and row.finding.is_certain for row in self.rows)


def choose_seconds(backend: Backend) -> float:
    """How long the experiments may take: longer for what compiles for each size."""
    return SECONDS_TO_COMPILE if backend.description.compiles else SECONDS


def inquire(
    backend: Backend,
    dtype: str,
    form: Form | None = None,
    start: Sizes | None = None,
    seconds: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Inquiry:
    """What experiments find on a guarded backend: on its answers; if these are right, on its gradients.

    `form`: that at which an answer was wrong, if that is known; a plain one is asked alone. `start`: its sizes.
    """
    laboratory = Laboratory(backend, dtype, form or Form(), seconds=seconds or choose_seconds(backend), clock=clock)
    looks_around = form is None or form != Form(kind=form.kind)
    rows, sentence = list[Row](), ""
    for backward in (False, True) if backend.gradients else (False,):
        examination = Examination(laboratory.turn_backward() if backward else laboratory)
        sentence = sentence or examination.examine(start, looks_around)
        rows += examination.rows
    return Inquiry(tuple(rows), sentence)


class Examination:
    """All experiments on the answers of a laboratory's backend, or on its gradients."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory, self.rows = laboratory, list[Row]()
        self.about = "gradients" if laboratory.backward else "answers"

    def run(self, name: str, share: float, experiment: Callable[[Laboratory], Finding | None]) -> Finding | None:
        """What an experiment finds in at most this share of all the time; it is noted as a row."""
        whole = self.laboratory
        left = whole.seconds - (whole.clock() - whole.started)
        limited = replace(whole, seconds=min(left, share * whole.seconds))
        found, note = None, "nothing"
        try:
            found = experiment(limited)
        except OutOfTime:
            note = NO_TIME
        except NotClaimed as error:
            note = str(error)
        self.rows.append(Row(name, self.about, found, "" if found else note))
        return found

    def examine(self, start: Sizes | None = None, looks_around: bool = True) -> str:
        """The experiments in turn, and the sentence; what came before is first, for it would mislead the others.

        `looks_around`: whether other forms of network are asked. If they show more, the simplest of them is examined.
        """
        if malformed := find_malformed(self.laboratory):
            self.rows.append(Row("where", self.about, malformed))
            return malformed.sentence
        before = self.run("before", 0.3, find_history)
        if before and before.is_whole:
            return describe_findings(self.about, [before])
        if looks_around and not before and (networks := self.look_around()):
            self.laboratory = self.laboratory.take_form(networks.simplest or PLAIN, networks.suits)
            return self.examine_numbers(None, None, networks.finding)
        return self.examine_numbers(start, before)

    def look_around(self) -> Networks | None:
        """In which networks answers are wrong, if there is a rule, or if that of this laboratory is plain and right."""
        found = list[Networks]()

        def find(limited: Laboratory) -> Finding | None:
            found.append(find_networks(limited))
            return found[0].finding

        rule = self.run("network", 0.3, find)
        if not found or found[0].simplest in (None, PLAIN):
            return None
        if rule and rule.is_certain:
            return found[0]
        return found[0]._replace(finding=None) if self.laboratory.form == PLAIN else None

    def examine_numbers(
        self, start: Sizes | None, before: Finding | None = None, network: Finding | None = None
    ) -> str:
        """For which numbers, at which sizes and in which places answers are wrong, and by which formula."""
        numbers = None if before else self.run("on what", 0.4, find_numbers)
        if numbers:
            network = None  # which was wrong where such numbers happened to be
        when = None if numbers else self.run("when", 0.5, lambda limited: find_condition(limited, start))
        sizes = (when and when.smallest) or SMALL
        where = self.run("where", 0.5, lambda limited: find_place(limited, sizes)) if when else None
        term = self.run("term", 0.5, find_term) if when or numbers or not before else None  # of the cell, at any form
        if when and not term:
            term = self.run("wiring", 0.3, lambda limited: find_wiring(limited, sizes))
        if term and term.is_certain and numbers and term.sentence.startswith(SMALL_IS_RIGHT):
            term = None  # the magnitude says more
        if term and term.is_certain:
            numbers = None
        elif when and not before:
            numbers = self.run("on what", 0.3, lambda limited: find_dependence(limited, sizes))
        return describe_findings(self.about, [before, network, when, numbers], where, term)


def find_malformed(laboratory: Laboratory) -> Finding | None:
    """What is wrong with the shape or the dtype of an answer; None if nothing is, or no answer is possible."""
    try:
        refuted = laboratory.ask_at(SMALL).refuted
    except (NotClaimed, OutOfTime):
        return None
    return Finding(refuted.reason, True) if refuted else None


def describe_findings(
    about: str, conditions: Sequence[Finding | None], where: Finding | None = None, term: Finding | None = None
) -> str:
    """What is wrong, under which conditions, and how sure that is; empty if nothing was wrong.

    A formula comes first, if it is one that explains the answers; that they are wrong at all sizes goes without saying.
    """
    part = term.sentence if term and not (term.is_certain or term.is_condition) else ""
    term = term if term and term.is_certain else None
    where = where if where and where.is_certain else None
    given = [one for one in conditions if one and not (term and not one.is_limited)]
    found = [one for one in (*given, where, term) if one]
    if not found:
        return ""
    known = [one.sentence for one in given if not one.is_condition]
    where_wrong = f": {where.sentence}" if where and where.sentence != ANYWHERE else ""
    wrong = [f"its {about} are wrong {_join_conditions(given)}{where_wrong}"] if len(known) < len(given) else []
    sure = [] if all(one.is_certain for one in found) else ["this is not certain"]
    part = "" if any(word in where_wrong for word in IN_PLACES) else part
    formula, rest = ([term.sentence], []) if term else ([], [part or "cause unknown"] if wrong else [])
    follow = [FLOW] if term and term.sentence.startswith(ENDS_EARLY) else []
    return "; ".join([*(f"it {words}" for words in known), *formula, *wrong, *sure, *rest, *follow])


def _join_conditions(given: Sequence[Finding]) -> str:
    """Those that leave something out, and then at which sizes, if that is at all."""
    limited = [one.sentence for one in given if one.is_condition and one.is_limited]
    return ", ".join(filter(None, [" and ".join(limited), *(one.sentence for one in given if not one.is_limited)]))
