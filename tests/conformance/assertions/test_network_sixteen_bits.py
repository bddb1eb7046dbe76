"""Networks in 16 bits: right ones are accepted, faults are refuted, and what says nothing is inconclusive."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.arrays import Limits
from conformance.assertions import overflow, widening
from conformance.assertions.backward import assert_seen_gradients_conform
from conformance.assertions.forward import Seen, assert_seen_conforms
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Inconclusive, Outcome, Refuted
from conformance.problems.form import Form
from conformance.property import PROPERTIES, Property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.tolerance.conclusive import is_conclusive
from conformance.tolerance.rounding import exact
from lstm_spec import REFERENCE, Answer, Backend, Feature, State, error_model
from lstm_spec.storage import NARROW
from tests.helpers import network_adversary
from tests.helpers.network_questions import LOUD, asked, question

OF_NETWORKS = [prop for prop in PROPERTIES if prop.beyond_core]
HOW = replace(PROFILES["standard"], beyond_core_examples=6, narrow_share=1)
in_either_dtype = pytest.mark.parametrize("dtype", NARROW)

FAULTY = (
    "reads_one_step_too_many",
    "squashes_between_the_layers",
    "sets_reverse_before_forward",
    "shows_the_old_cell_state_to_the_output_gate",
    "swaps_the_peepholes_of_input_and_forget_gate",
    "takes_the_input_gate_for_what_the_forget_gate_leaves",
    "squashes_the_projection",
    "carries_the_unbounded_cell_state",
    "passes_the_gradient_through_the_bound",
    "forgets_half_without_a_forget_gate",
    "squashes_as_today",
    "cuts_the_gradient_off_between_the_layers",
    "leaves_the_peepholes_out_of_the_cell_gradient",
    "does_not_turn_the_cotangents",
)


def name_of(prop: Property) -> str:
    return prop.name


STACKED = [prop for prop in OF_NETWORKS if prop.family in ("layers", "combinations")]  # slow; torch.nn has them, too
SLOW = [pytest.param(prop, marks=pytest.mark.soak) for prop in STACKED]
FLAT: list[Any] = [prop for prop in OF_NETWORKS if prop not in STACKED and Feature.GRADIENTS in prop.features]


@pytest.mark.skipif(os.environ.get("LSTM_SPEC_TORCH") == "none", reason="TORCH=none")
@in_either_dtype
@pytest.mark.parametrize("prop", FLAT + SLOW, ids=name_of)
def test_a_network_that_rounds_every_operation_is_accepted(prop: Property, dtype: str) -> None:
    from tests.helpers.torch_operations import BACKEND

    verdict = judge_property(prop, BACKEND, dtype, replace(HOW, reach="quick", beyond_core_examples=2))
    assert verdict.outcome is Outcome.HOLDS, verdict.detail


@in_either_dtype
@pytest.mark.parametrize("name", FAULTY)
def test_faults_of_networks_are_refuted(name: str, dtype: str) -> None:
    fault = FAULTS[name]
    of_clause = [prop for prop in OF_NETWORKS if fault.clause in prop.clauses]
    verdicts = (judge_property(prop, fault.backend(), dtype, HOW, shrink=False) for prop in of_clause)
    assert any(verdict.outcome is Outcome.REFUTED for verdict in verdicts)


# ---------------------------------------------------------------- inconclusive


def test_with_sixteen_bits_a_quarter_may_stay_open_and_else_nothing() -> None:
    for grade, dtype, few in (("wide", "bfloat16", 25), ("op-by-op", "float16", 25), ("relative", "float32", 0)):
        model = error_model(grade, dtype)
        assert is_conclusive(np.arange(100) < few, model)
        assert not is_conclusive(np.arange(100) < few + 1, model)


@pytest.mark.parametrize("what", ["y", "dz", "dW", "dx"])
@pytest.mark.parametrize("projection", ["", "narrow"])
@pytest.mark.parametrize(("largest", "outcome"), [(2.0**40, Refuted), (2.0**4, Inconclusive)])
def test_what_overflows_is_inconclusive_only_near_the_largest_number(
    largest: float, outcome: type[Exception], projection: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adversary, problem, d = asked(LOUD["op-by-op, float16"], 3, lengths="", layers=2, projection=projection)
    shown = network_adversary.answer(adversary, problem, d)
    seen = Seen(problem, shown.answer, [exact(y) for y in shown.outputs])
    passes = assert_seen_conforms(seen, adversary.model)
    dW = shown.gradients.parameters[0][0].g.W
    {"y": shown.answer.y, "dz": shown.dz[0][0], "dW": dW, "dx": shown.gradients.x}[what].flat[0] = np.nan
    monkeypatch.setattr(overflow, "limits", lambda dtype: Limits(largest, 1.0, 1.0))
    with pytest.raises(outcome):
        assert_seen_conforms(seen, adversary.model)
        assert_seen_gradients_conform(seen, d, passes, shown.gradients, shown.dz_exactly(), adversary.model)


# ---------------------------------------------------------------- copies that underflow


def flush(answer: Answer) -> Answer:
    tiny = np.finfo(np.float16).tiny
    y, h, c = (np.where(np.abs(a) < tiny, 0, a).astype(a.dtype) for a in (answer.y, *answer.state))
    return Answer(y, State(h, c))


@pytest.mark.parametrize("flushes", [False, True])
def test_what_a_copy_loses_depends_on_whether_subnormal_numbers_are_kept(flushes: bool) -> None:
    flushing = Backend("flushing", lambda p: flush(REFERENCE.forward(p)), None, REFERENCE.description)
    (problem, _), model = question(Form(layers=2), 3, "float16"), error_model("op-by-op", "float16")
    passing = widening.watch_passing(flushing if flushes else REFERENCE, problem, model)
    assert passing == widening.Passing(True, 2.0**-14 if flushes else 2.0**-24)
