"""A refusal is an exception. A crash, a hang, an exit and a broken answer to a malformed question are failures."""

import pytest

from conformance.outcome import Outcome
from conformance.property import Property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.isolated import start_isolated
from lstm_spec import Backend
from tests.helpers.judged import NAMED
from tests.planted import rude

REFUSALS = [NAMED["a_problem_whose_shapes_do_not_fit_is_refused"], NAMED["lengths_that_do_not_fit_are_refused"]]
RIGHT = ("refuses", "refuses_in_its_own_words")
WRONG = {
    "aborts": "it crashed (signal SIGABRT)",
    "crashes_later": "it crashed (signal SIGABRT)",
    "ends_the_process": "it crashed (exit status 0)",
    "hangs": "it did not answer within 1 s",
    "exits": "it raised SystemExit: 3",
    "answers_with_none": "forward returned a NoneType",
}
of_both = pytest.mark.parametrize("prop", REFUSALS, ids=lambda prop: prop.clauses[0])


def judge(prop: Property, backend: Backend) -> tuple[Outcome, str]:
    verdict = judge_property(prop, backend, "float32", PROFILES["quick"], shrink=False)
    return verdict.outcome, verdict.detail


@of_both
@pytest.mark.parametrize("name", RIGHT)
def test_an_exception_is_a_refusal_isolated_and_not(prop: Property, name: str) -> None:
    assert judge(prop, getattr(rude, name)) == (Outcome.HOLDS, "")
    with start_isolated(f"tests.planted.rude:{name}", None, 60, None) as it:
        assert judge(prop, it.backend) == (Outcome.HOLDS, "")


@of_both
@pytest.mark.parametrize("name", WRONG)
def test_whatever_else_is_none(prop: Property, name: str) -> None:
    with start_isolated(f"tests.planted.rude:{name}", None, 1.0, None) as it:
        outcome, detail = judge(prop, it.backend)
    assert outcome is (Outcome.REFUTED if name == "answers_with_none" else Outcome.ERRORED)
    assert detail.startswith(WRONG[name])


@of_both
def test_an_exit_is_no_refusal_in_the_same_process_either(prop: Property) -> None:
    assert judge(prop, rude.exits) == (Outcome.ERRORED, "it raised SystemExit: 3")
