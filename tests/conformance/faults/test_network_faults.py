"""Known mistakes of lengths, directions, layers and variants: each is refuted, and what is not replaced is right."""

from dataclasses import replace

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.diagnosis.diagnosis import diagnose
from conformance.faults.catalogue import FAULTS
from conformance.faults.lstm import build_backend
from conformance.outcome import Outcome
from conformance.problems.form import BOTH, Form
from conformance.property import PROPERTIES, Property
from conformance.run.cause import diagnose_refutation
from conformance.run.check import check
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.verdict import Verdict
from lstm_spec import REFERENCE, Backend

OF_NETWORKS = [prop for prop in PROPERTIES if prop.beyond_core]
NETWORK_FAULTS = {name: fault for name, fault in FAULTS.items() if fault.networks and not fault.module}
HOW = PROFILES["standard"]


def refuted(backend: Backend, clause: str) -> Verdict | None:
    """By the first property that does, those of the clause first, and then the ones that ask little."""

    def rank(prop: Property) -> tuple[bool, bool, bool]:
        return clause not in prop.clauses, prop.exhaustive, prop.family in ("contract", "numbers")

    for prop in sorted(OF_NETWORKS, key=rank):
        verdict = judge_property(prop, backend, "float32", HOW, shrink=False)
        if verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED):
            return verdict
    return None


@pytest.mark.parametrize("name", NETWORK_FAULTS)
def test_every_mistake_is_refuted_and_it_alone_is_named(name: str) -> None:
    fault = NETWORK_FAULTS[name]
    verdict = refuted(fault.backend(), fault.clause)
    assert verdict, "no property refutes it"
    if fault.kind != "contract":  # there the refutation says it
        found = diagnose_refutation(verdict, fault.backend())
        assert found and [one.name for one in found.fitting] == [name]


@pytest.mark.parametrize("prop", OF_NETWORKS, ids=lambda prop: prop.name)
def test_what_is_not_replaced_is_right(prop: Property) -> None:
    dtype = prop.at[0] if prop.at else "float64"
    verdict = judge_property(prop, build_backend("right"), dtype, replace(HOW, beyond_core_examples=4))
    assert verdict.outcome is Outcome.HOLDS, verdict.detail


def test_the_catalogue_has_all_the_parts() -> None:
    families = {fault.family for fault in NETWORK_FAULTS.values()}
    wanted = {"lengths", "directions", "layers", "peepholes", "projection", "cell clip", "coupled gates", "1997"}
    wanted |= {"activations", "projection clip"}
    assert wanted | {"no forget gate", "packing", "memory", "storage"} == families


def test_a_right_network_is_not_accused() -> None:
    found = diagnose(REFERENCE, "float32", Form(2, BOTH, lengths="any"))
    assert found is not None and not found.fitting


def test_a_report_names_the_mistake_of_a_network() -> None:
    fault = NETWORK_FAULTS["ignores_the_reverse_direction"]
    report = check(fault.backend(), profile="quick", dtypes=("float32",), clauses=("DIR-1",))
    assert fault.name in report.cause.sentence and report.cause.is_known
