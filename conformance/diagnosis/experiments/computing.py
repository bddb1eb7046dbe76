"""A backend that computes the formula that was found, so that other failures can be explained by it, or not."""

from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.laboratory import Laboratory, OutOfTime
from conformance.diagnosis.experiments.term.asking import Asking
from conformance.diagnosis.experiments.term.formula import Formula, answer
from conformance.diagnosis.experiments.term.forward import Unknown, explain_step
from conformance.diagnosis.experiments.term.search import gives_answers
from conformance.outcome import Errored, NotClaimed, Refuted
from conformance.problems.form import Form, form_of
from lstm_spec import Answer, Backend, Problem, State


def compute_formula(laboratory: Laboratory) -> Backend | None:
    """A backend of one plain layer that answers with the formula that gives the answers of this laboratory's backend.

    None if none is found in time. It raises NotClaimed for other forms, and has no gradients.
    """
    asking = Asking(laboratory)
    try:
        formulas = explain_step(asking, asking.formula, asking.see())
        formula = next((found for found in formulas if gives_answers(asking, found)), None)
    except (Errored, Refuted, Unknown, OutOfTime):
        return None
    return None if formula is None else make_backend_of(formula, laboratory.backend)


def make_backend_of(formula: Formula, about: Backend) -> Backend:
    """A backend with this formula in place of what another one computes; numbers are rounded at the end only."""

    def forward(problem: Problem) -> Answer:
        if form_of(problem) != Form(kind=problem.variant.kind):
            raise NotClaimed("a formula of one layer that reads forward")
        with np.errstate(all="ignore"):
            found = answer(formula, problem)
        return Answer(found.y.astype(problem.dtype), State(*(a.astype(problem.dtype) for a in found.state)))

    return replace(about, name="the formula", forward=forward, gradients=None, converse=None)
