"""Which known fault gives the answers of a backend?

Every fault that comes into question answers the same dense problems as the backend, and the answers are compared.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.answers import (
    FORWARD,
    GRADIENT,
    Parts,
    Pass,
    answer_probes,
    ask_probes,
    describe_malformed,
    is_answered_by,
    is_hidden,
)
from conformance.diagnosis.error_class import classify_errors
from conformance.diagnosis.probes import OTHER_FORMS, Probes, make_form_probes, make_plain_probes, make_summands
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.problems.form import Form
from lstm_spec import Backend, Description, error_model
from lstm_spec.types import Array

TIGHT = 0.3  # a bound that many numbers of a problem exceed


@dataclass(frozen=True)
class Diagnosis:
    """The known faults that fit; or, if none does, the class of the errors, or that there are none."""

    fitting: tuple[Fault, ...]
    known: int  # faults that came into question
    where: str = ""  # the probes that show it
    error_class: str = ""
    right: int = 0  # problems, if all the answers are right
    malformed: str = ""  # what is wrong with the shapes of the answers

    @property
    def sentence(self) -> str:
        """The likely cause, and how many of the known faults fit."""
        if self.malformed:
            return self.malformed
        if self.right:
            return f"the cause was not found: none of the {self.right} problems tried for it shows this failure"
        if not self.fitting:
            return "; ".join(filter(None, (f"none of {self.known} known faults fits", self.error_class)))
        first, rest = self.fitting[0], len(self.fitting) - 1
        several = "one other that looks" if rest == 1 else f"{rest} others that look"
        others = f", or {several} the same there" if rest else ""
        fits = f"{len(self.fitting)} of {self.known} known faults fit{'' if rest else 's'}"
        return f"{first.sentence.rstrip('.')}{others} ({self.where}; {fits}: {first.name})"


class Search(NamedTuple):
    """The faults that come into question, and the problems on which they look different."""

    faults: tuple[Fault, ...]
    probes: tuple[Probes, ...]  # asked in turn, until an answer is wrong
    elsewhere: tuple[Probes, ...] = ()  # asked if several faults fit


def diagnose(backend: Backend, dtype: str, form: Form | None = None) -> Diagnosis | None:
    """The diagnosis of the plain LSTM, or of a network of that form; None if the backend answers no probe."""
    about = backend.description
    return find_cause(backend, plan_search(about, dtype) if form is None else plan_network_search(about, dtype, form))


def plan_search(about: Description, dtype: str) -> Search:
    """The search for a fault of the plain LSTM."""
    probes = make_plain_probes(dtype, error_model(about.grade(dtype), dtype), about.shapes)
    return Search(_list_faults(networks=False), probes)


def plan_network_search(about: Description, dtype: str, form: Form) -> Search:
    """The search for a fault of networks of that form."""
    claimed = [other for other in OTHER_FORMS if other.features <= about.features]
    elsewhere = tuple(probes for other in claimed for probes in make_form_probes(other, dtype, about.shapes))
    tight = replace(form, clip=form.clip and TIGHT, projection_clip=form.projection_clip and 2 * TIGHT)
    probes = (make_form_probes(each, dtype, about.shapes) for each in dict.fromkeys((form, tight)))
    return Search(_list_faults(networks=True), tuple(chain(*probes)), elsewhere)


def _list_faults(networks: bool) -> tuple[Fault, ...]:
    """Faults of a contract give right answers to a single question."""
    kinds = (FORWARD.kind, GRADIENT.kind)
    return tuple(fault for fault in FAULTS.values() if fault.networks == networks and fault.kind in kinds)


def find_cause(backend: Backend, search: Search) -> Diagnosis | None:
    """The faults whose answers cannot be told from the backend's; None if it answers no probe.

    Where the first probes show nothing, the next ones are asked, and only faults that the first ones hide can fit.
    """
    right, passes = 0, (FORWARD, GRADIENT) if backend.gradients else (FORWARD,)
    for probes, which in ((probes, which) for probes in search.probes for which in passes):
        answers = ask_probes(backend, which, probes)
        if answers is None:
            if malformed := describe_malformed(backend, which, probes):
                return Diagnosis((), len(search.faults), malformed=malformed)
            continue
        if not is_answered_by("", answers, which, probes):
            return _name_faults(backend, search, which, probes, answers)
        right += len(probes.questions) if which is FORWARD else 0
    return Diagnosis((), len(search.faults), right=right) if right else None


def _name_faults(backend: Backend, search: Search, which: Pass, probes: Probes, answers: list[Parts]) -> Diagnosis:
    """The diagnosis of a backend whose answers to these probes are wrong."""
    first, possible = search.probes[0], [fault for fault in search.faults if fault.kind == which.kind]
    if probes is not first:
        possible = [fault for fault in possible if is_hidden(fault.name, which, first)]
    fitting = [fault for fault in possible if is_answered_by(fault.name, answers, which, probes)]
    for other in search.elsewhere:
        if len(fitting) > 1:
            fitting = _tell_apart(fitting, backend, which, other)
    error_class = "" if fitting else _classify(backend, which, probes)
    return Diagnosis(tuple(fitting), len(search.faults), probes.where, error_class)


def _tell_apart(fitting: list[Fault], backend: Backend, which: Pass, probes: Probes) -> list[Fault]:
    """The faults that fit on these probes as well; all of them if none does."""
    answers = ask_probes(backend, which, probes)
    if answers is None:
        return fitting
    return [fault for fault in fitting if is_answered_by(fault.name, answers, which, probes)] or fitting


def _classify(backend: Backend, which: Pass, probes: Probes) -> str:
    """The class of errors that no known fault makes; empty if they are of none, or if no error model is known."""
    if probes.model is None:
        return ""
    dtype = probes.questions[0].problem.dtype
    summands = make_summands(dtype.name, probes.model, backend.description.shapes)
    found = classify_errors(partial(_measure_errors, backend, which), summands, dtype)
    return f"in its gradients, {found}" if found and which is GRADIENT else found


def _measure_errors(backend: Backend, which: Pass, probes: Probes) -> list[Array] | None:
    """The errors of each part in all problems, relative to the size of the part; None if there is no answer."""
    answers, right = ask_probes(backend, which, probes), answer_probes("", which, probes)
    if answers is None:
        return None
    pairs = zip(zip(*answers, strict=True), zip(*right, strict=True), strict=True)
    return [_relative_error(np.array(mine, np.float64), np.array(theirs)) for mine, theirs in pairs]


def _relative_error(a: Array, b: Array) -> Array:
    return (a - b) / np.sqrt(np.mean(b**2))
