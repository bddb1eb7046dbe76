"""Verdicts on one property, and properties that are made for a test."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.arrays import fingerprint
from conformance.outcome import Outcome
from conformance.problems.recipes import problems
from conformance.property import PROPERTIES, Property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.verdict import Verdict
from lstm_spec import Backend

NAMED = {prop.name: prop for prop in PROPERTIES}

EQUATIONS = NAMED["the_answer_is_that_of_the_equations"]

SELECTED = ("-k", "the_", "--clause", "CELL-5", "--clause", "SEQ-4")


def judged(backend: Backend, prop: Property = EQUATIONS, seed: int = 0, profile: str = "quick") -> Verdict:
    return judge_property(prop, backend, "float32", PROFILES[profile], seed)


def told(verdict: Verdict) -> tuple[Outcome, str, int, int, bytes]:
    """All of a verdict but its time."""
    problem = verdict.refutation.problem if verdict.refutation else None
    return verdict.outcome, verdict.detail, verdict.examples, verdict.inconclusive, fingerprint(problem)


def injected(refute: Callable[[Any, Any], None], on: Any = None) -> Property:
    return Property("a_property_of_this_test", "tests", ("CELL-1",), (), on or problems(), refute)


def judge_again(backend: Backend, verdicts: list[Verdict], examples: int, few: int) -> list[Verdict]:
    """What was refuted within that number of examples is asked until it is again, what held for a few of them."""
    quick = PROFILES["quick"]
    every = replace(quick, examples=examples, exhaustive_examples=examples)
    brief = replace(quick, examples=few, long_examples=1, beyond_core_examples=1, exhaustive_examples=few)

    def ask(v: Verdict) -> Verdict:
        profile = brief if v.outcome is Outcome.HOLDS and few < examples else every
        return judge_property(v.property, backend, v.dtype, profile, shrink=False)

    return list(map(ask, verdicts))
