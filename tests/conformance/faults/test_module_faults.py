"""Known mistakes of modules: each is refuted and named, alike in another process; what is not replaced is right."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.load import load_case
from conformance.cases.replay import replay_case
from conformance.cases.save import save_case
from conformance.cases.standalone import show
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Outcome
from conformance.property import PROPERTIES, Property
from conformance.report.report import Report
from conformance.run.check import check
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.isolated import start_isolated
from conformance.targets.origin import Origin
from lstm_spec import (
    REFERENCE_MODULE,
    Answer,
    Description,
    Feature,
    Implementation,
    ReferenceModule,
    Shapes,
    at_most,
    make_backend,
    wide_inside,
)
from lstm_spec.types import Array
from tests.helpers.isolation import PLENTY
from tests.planted.modules import RIGHT, WRONG

OF_MODULES = [prop for prop in PROPERTIES if prop.family == "modules"]
MODULE_FAULTS = {name: fault for name, fault in FAULTS.items() if fault.module}
QUICK = PROFILES["quick"]


def judge(name: str, dtype: str = "float32", profile: str = "quick", **more: Any) -> Report:
    fault = FAULTS[name]
    clauses = (fault.clause,) if fault.clause.startswith("MOD") else ("MOD-1",)
    return check(fault.backend(), profile=profile, dtypes=(dtype,), clauses=clauses, maxfail=1, **more)


@pytest.mark.parametrize("name", MODULE_FAULTS)
def test_every_mistake_is_refuted_by_its_clause_and_it_alone_is_named(name: str) -> None:
    report = judge(name)
    assert [v.outcome for v in report.failures] == [Outcome.REFUTED], "no property refutes it"
    assert f"known faults fits: {name})" in report.cause.sentence


UNSEEN = {"saves_in_half_precision"}  # with 16 bits: float16 holds most of bfloat16


@pytest.mark.parametrize("name", sorted({*MODULE_FAULTS} - UNSEEN))
def test_mistakes_are_refuted_with_16_bits_too(name: str) -> None:
    report = judge(name, "bfloat16", "standard", diagnose=False, shrink=False)
    assert [v.outcome for v in report.failures] == [Outcome.REFUTED], "no property refutes it"


@pytest.mark.parametrize("prop", OF_MODULES, ids=lambda prop: prop.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_reference_module_is_right(prop: Property, dtype: str) -> None:
    verdict = judge_property(prop, make_backend(REFERENCE_MODULE), dtype, replace(QUICK, examples=3))
    assert (verdict.outcome, verdict.inconclusive) == (Outcome.HOLDS, 0), verdict.detail


@pytest.mark.parametrize("prop", OF_MODULES, ids=lambda prop: prop.name)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_module_that_is_wide_inside_is_right(prop: Property, dtype: str) -> None:
    backend = wide_inside(make_backend(REFERENCE_MODULE))
    verdict = judge_property(prop, backend, dtype, replace(QUICK, examples=2, narrow_share=1))
    wider = prop.name == "a_kept_state_continues_the_sequence"  # in both directions, parts are not a sequence
    assert verdict.outcome is Outcome.HOLDS and verdict.inconclusive <= wider, verdict.detail


def test_an_answer_to_a_kept_state_that_has_another_shape_is_refuted_at_16_bits_too() -> None:
    class Short(ReferenceModule):
        def forward(self, x: Array, state: Any = None, lengths: Array | None = None) -> Answer:
            goes_on = state == "kept" and self.kept is not None
            answer = super().forward(x, state, lengths)
            return replace(answer, y=answer.y[:, :0]) if goes_on else answer

    backend = wide_inside(make_backend(replace(REFERENCE_MODULE, build=Short)))
    (prop,) = (prop for prop in OF_MODULES if prop.name == "a_kept_state_continues_the_sequence")
    verdict = judge_property(prop, backend, "bfloat16", QUICK, shrink=False)
    assert verdict.outcome is Outcome.REFUTED and "y has shape" in verdict.detail


@pytest.mark.parametrize("features", [(), (Feature.GRADIENTS,), (Feature.LAYERS, Feature.STATEFUL)], ids=str)
def test_a_module_may_claim_less(features: tuple[Feature, ...]) -> None:
    shapes = Shapes(T=at_most(3), B=range(1, 2))
    about = Description(features=frozenset(features), shapes=shapes, dtypes=("float32",))
    report = check(
        Implementation("less", REFERENCE_MODULE.build, about), clauses=("MOD-*",), profile="quick", examples=3
    )
    outcomes = {v.property.name: v.outcome for v in report.verdicts}
    assert outcomes["a_module_may_be_asked_again_with_other_sizes"] is Outcome.HOLDS
    stateful = Outcome.HOLDS if Feature.STATEFUL in features else Outcome.NOT_CLAIMED
    assert outcomes["a_kept_state_continues_the_sequence"] is stateful
    assert set(outcomes.values()) <= {Outcome.HOLDS, Outcome.NOT_CLAIMED}


SOME = (
    "starts_from_the_state_of_the_last_call",
    "copies_the_weights_that_are_tied",
    "returns_its_outputs_in_one_buffer",
)


@pytest.mark.parametrize("name", SOME)
def test_a_module_in_another_process_is_judged_alike(name: str) -> None:
    here = judge(name, diagnose=False, shrink=False)
    with start_isolated(f"fault:{name}", None, PLENTY, None) as it:
        (verdict,) = here.failures
        there = judge_property(verdict.property, it.backend, "float32", QUICK, shrink=False)
    assert (there.outcome, there.detail) == (verdict.outcome, verdict.detail)


@pytest.mark.parametrize("name", SOME)
def test_a_session_is_a_case(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (verdict,) = judge(name, diagnose=False).failures
    backend = FAULTS[name].backend()
    path = save_case(tmp_path, backend, verdict, Origin(f"fault:{name}", 0))
    assert path is not None
    case = load_case(path)
    assert replay_case(case, backend).outcome is Outcome.REFUTED
    assert replay_case(case, make_backend(REFERENCE_MODULE)).outcome is Outcome.HOLDS
    show(path, f"fault:{name}")
    text = capsys.readouterr().out
    assert "each call of the session beside what lstm_spec answers itself:" in text and "call 1: build" in text


def build(name: str, module: Any) -> Implementation:
    return Implementation(name, module, Description(features=REFERENCE_MODULE.description.features))


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_that_is_in_no_catalogue_is_refuted(name: str) -> None:
    clause, module = WRONG[name]
    how: Any = {"profile": "quick", "dtypes": ("float32",), "maxfail": 1, "diagnose": False, "shrink": False}
    report = check(build(name, module), clauses=(clause,), **how)
    assert [v.outcome for v in report.failures] == [Outcome.REFUTED]


class AnswersNothing(REFERENCE_MODULE.build):  # type: ignore[name-defined, misc]
    def forward(self, *asked: Any, **how: Any) -> Any:
        return None


class CopiesNothing(REFERENCE_MODULE.build):  # type: ignore[name-defined, misc]
    def copy(self) -> Any:
        return None


class Exits(REFERENCE_MODULE.build):  # type: ignore[name-defined, misc]
    def load(self, parameters: Any) -> None:
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("module", "clause", "said"),
    [
        (AnswersNothing, "MOD-1", "forward returned nothing, expected an Answer (forward with T, B = "),
        (CopiesNothing, "MOD-7", "it raised AttributeError: 'NoneType' object has no attribute "),
        (Exits, "MOD-2", "it raised SystemExit: 3"),
    ],
)
def test_what_is_no_reply_is_a_verdict_and_nothing_else_is_said(module: Any, clause: str, said: str) -> None:
    how: Any = {"profile": "quick", "dtypes": ("float32",), "maxfail": 1, "diagnose": False, "shrink": False}
    (verdict,) = check(build("odd", module), clauses=(clause,), **how).failures
    assert verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED) and verdict.detail.startswith(said)
    assert "built anew answers right" not in verdict.detail


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_in_an_unusual_way_is_accepted(name: str) -> None:
    how: Any = {"profile": "quick", "dtypes": ("float32",), "examples": 6, "diagnose": False}
    report = check(build(name, RIGHT[name]), clauses=("MOD-*",), **how)
    assert {v.outcome for v in report.verdicts} == {Outcome.HOLDS}, [v.detail for v in report.failures]
