"""All experiments on one backend within a number of seconds, and what they found in plain English."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from conformance.diagnosis.experiments.before import find_history
from conformance.diagnosis.experiments.example import describe_smallest
from conformance.diagnosis.experiments.first import ONLY_FIRST, Renew, find_process
from conformance.diagnosis.experiments.forms import PLAIN, Networks, find_malformed, find_networks, find_unanswered
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime, Sizes
from conformance.diagnosis.experiments.on_what import find_dependence, find_numbers
from conformance.diagnosis.experiments.sentences import describe_findings, describe_seen, join_findings, says_less
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.term.asking import WIDTH
from conformance.diagnosis.experiments.when import SMALL, find_condition
from conformance.diagnosis.experiments.where import find_place
from conformance.diagnosis.experiments.wiring import find_wiring
from conformance.outcome import NotClaimed
from conformance.problems.form import Form
from conformance.problems.question import Question
from conformance.targets.resolve import TargetError
from lstm_spec import Answer, Backend

SECONDS, SECONDS_TO_COMPILE = 5.0, 30.0
NO_TIME = "no time was left"
WIDEST = 256  # units that one step is asked of
FOR_PROCESSES = 0.2  # of the time is kept for a fresh process
GRADIENTS = "in its gradients"


class Row(NamedTuple):
    """An experiment and what it found; `note` says why it found nothing."""

    experiment: str  # before, network, when, where, term, wiring, on what, process
    about: str  # answers or gradients
    finding: Finding | None
    note: str = ""


class Inquiry(NamedTuple):
    """All experiments, and what they found in one or two lines; empty if nothing was wrong in any of them."""

    rows: tuple[Row, ...]
    sentence: str
    example: str = ""  # the smallest question that shows it, if what came before makes no difference

    @property
    def computed(self) -> Backend | None:
        """The formula that explains the answers or the gradients, as a backend; None if there is none."""
        return next((row.finding.computed for row in self.rows if row.finding and row.finding.computed), None)

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
    renew: Renew | None = None,
    opening: tuple[Question, Answer] | None = None,
    gradients_first: bool | None = None,
) -> Inquiry:
    """What experiments find on a guarded backend: on its answers; if these are right, on its gradients.

    `gradients_first`: whether it is known that the gradients are wrong and no answer is; None if that is not known.
    `form`: that at which an answer was wrong, if that is known; a plain one is asked alone. `start`: its sizes.
    `renew` makes the target in a fresh process, which is asked if nothing explains what is wrong, or nothing is.
    `opening`: the first question that this process was asked, and its answer.
    """
    whole = Laboratory(backend, dtype, form or Form(), seconds=seconds or choose_seconds(backend), clock=clock)
    laboratory = replace(whole, seconds=whole.seconds * (1 - FOR_PROCESSES if renew else 1))
    if opening:
        laboratory.judge(opening[0], replace(backend, forward=lambda _: opening[1]))
    looks_around = form is None or form != Form(kind=form.kind)
    rows, sentence = list[Row](), ""
    passes = (False, True) if backend.gradients else (False,)
    if backend.gradients and (laboratory.has_wrong_gradients_alone() if gradients_first is None else gradients_first):
        passes = (True, False)
    for backward in passes:
        examination = Examination(laboratory.turn_backward(backward))
        if sentence and backward:
            sentence += examination.find_second(rows)
        sentence = sentence or examination.examine(start, looks_around)
        if not sentence and (unanswered := examination.run("network", 0.3, find_unanswered)):
            sentence = f"it {unanswered.sentence}"
        rows += examination.rows
    if renew and asks_processes(rows):
        for backward in passes:
            examination = Examination(whole.turn_backward(backward))
            if found := examination.run("process", 1, partial(find_process, renew=renew)):
                sentence = describe_findings(examination.about, [found])
            rows += examination.rows
            if found:
                break
    inquiry = Inquiry(tuple(rows), sentence or describe_seen(whole))
    if any(row.experiment in ("before", "process") and row.finding for row in rows):
        return inquiry
    return inquiry._replace(example=describe_smallest(replace(whole, seconds=math.inf), inquiry.computed))


def inquire_history(backend: Backend, dtype: str, seconds: float | None = None) -> Inquiry:
    """What answers of a guarded backend, or else its gradients, owe to earlier calls; no other experiment is made."""
    laboratory, rows = Laboratory(backend, dtype, seconds=seconds or choose_seconds(backend)), list[Row]()
    for backward in (False, True) if backend.gradients else (False,):
        examination = Examination(laboratory.turn_backward(backward))
        before = examination.run("before", 0.5, find_history)
        rows += examination.rows
        if before:
            return Inquiry(tuple(rows), describe_findings(examination.about, [before]))
    return Inquiry(tuple(rows), "")


def asks_processes(rows: Sequence[Row]) -> bool:
    """Whether a fresh process may say more: nothing was explained, and only the first call was different, if any."""
    before = [row.finding.sentence for row in rows if row.experiment == "before" and row.finding]
    return not Inquiry(tuple(rows), "").has_formula and set(before) <= {ONLY_FIRST}


class Examination:
    """All experiments on the answers of a laboratory's backend, or on its gradients."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory, self.rows = laboratory, list[Row]()
        self.about = "gradients" if laboratory.backward else "answers"

    def run(self, name: str, share: float, experiment: Callable[[Laboratory], Finding | None]) -> Finding | None:
        """What an experiment finds in at most this share of all the time; it is noted as a row."""
        whole = self.laboratory
        limited = replace(whole, seconds=min(whole.left, share * whole.seconds))
        found, note = None, "nothing"
        try:
            found = experiment(limited)
        except OutOfTime:
            note = NO_TIME
        except (NotClaimed, TargetError) as error:
            note = str(error)
        self.rows.append(Row(name, self.about, found, "" if found else note))
        return found

    def examine(self, start: Sizes | None = None, looks_around: bool = True) -> str:
        """The experiments in turn, and the sentence; what came before is first, for it would mislead the others.

        The formula follows, for it says the most: what is asked last may find no time.
        `looks_around`: whether other forms of network are asked. If they show more, the simplest of them is examined.
        """
        malformed, before = find_malformed(self.laboratory, SMALL), self.run("before", 0.3, find_history)
        if malformed and not before:
            self.rows.append(Row("where", self.about, malformed))
            return malformed.sentence
        if before and before.is_whole:
            return describe_findings(self.about, [before])
        term = None if before else self.find_formula()
        is_plain = any(row.experiment == "term" and row.finding and row.finding.is_certain for row in self.rows)
        if looks_around and not (before or is_plain) and (networks := self.look_around()):
            self.laboratory = self.laboratory.take_form(networks.simplest or PLAIN, networks.suits)
            if malformed := find_malformed(self.laboratory, SMALL):
                self.rows.append(Row("where", self.about, malformed))
                return describe_findings(self.about, [networks.finding], malformed)
            return self.examine_numbers(None, None, networks.finding, term)
        return self.examine_numbers(start, before, None, term)

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

    def find_formula(self) -> Finding | None:
        """The formula of a plain layer, of the cell at any form; or what layers and directions of networks take."""
        term = self.run("term", 0.5, find_term)
        is_certain = term is not None and term.is_certain
        cell = term and term.formula
        if is_certain and not self.joins_cells() or cell and not cell.is_of_one_step:
            return term
        own = term and term.gradients
        wiring = self.run("wiring", 0.3, partial(find_wiring, cell=cell, besides=is_certain, own=own))
        if wiring and wiring.is_certain:
            return join_findings(term, wiring) if term and is_certain else wiring
        return term

    def find_second(self, rows: Sequence[Row]) -> str:
        """What is wrong in the gradients besides what was found of the answers; empty if that is nothing, or unknown.

        A formula of the answers has the gradients of the cell, and is followed by what joins cells. If only what joins
        them is wrong in the answers, the gradients of one plain layer are looked at.
        """
        named = {row.experiment: row.finding for row in rows if row.finding and row.finding.is_certain}
        term, found = named.get("term"), None
        if term and term.gradients and "wiring" not in named and self.joins_cells():
            find = partial(find_wiring, cell=term.formula, besides=True, own=term.gradients)
            found = self.run("wiring", 0.3, find) if term.formula.is_of_one_step else None
        elif not term and not named.keys().isdisjoint(("wiring", "network")):
            found = self.run("term", 0.3, find_term)
        where = "and" if term and GRADIENTS in term.sentence else f"{GRADIENTS},"
        return f"; {where} {found.sentence}" if found and found.is_certain else ""

    def joins_cells(self) -> bool:
        """Whether the backend claims networks, which may have mistakes besides those of their cells."""
        return any(
            form.features <= self.laboratory.backend.description.features for form in (Form(2), Form(lengths="any"))
        )

    def examine_numbers(
        self, start: Sizes | None, before: Finding | None, network: Finding | None, term: Finding | None
    ) -> str:
        """For which numbers, at which sizes and in which places answers are wrong, given the formula that was found."""
        numbers = None if before else self.run("on what", 0.4, find_numbers)
        if numbers:
            network = None  # which was wrong where such numbers happened to be
        when = None if numbers else self.run("when", 0.5, lambda limited: find_condition(limited, start))
        when = None if before and when and not when.is_certain else when
        sizes = (when and when.smallest) or SMALL
        where = self.run("where", 0.5, lambda limited: find_place(limited, sizes)) if when else None
        if before and when:
            term = self.run("term", 0.5, find_term)
        term = None if term and numbers and says_less(term, numbers) else term
        is_unknown = when and when.is_certain and not (before or network or (term and term.is_certain))
        if is_unknown and WIDTH < (width := max(sizes[2:])) <= WIDEST:
            wide = self.run("term", 0.3, partial(find_term, width=width))
            term = wide if wide and wide.is_certain else term
        is_named = bool(term and term.is_certain)
        numbers = None if is_named and numbers and not numbers.is_certain else numbers
        if when and not before and not (is_named and when.is_certain):
            numbers = self.run("on what", 0.3, lambda limited: find_dependence(limited, sizes, is_named))
            when = None if numbers and not when.is_certain else when
        return describe_findings(self.about, [before, network, when, numbers], where, term)
