"""The commands list, explain and doctor."""

from pathlib import Path

import numpy as np
import pytest

from conformance.cli.explanation import explain_name
from conformance.faults.catalogue import FAULTS
from conformance.property import PROPERTIES
from conformance.report.status import PASSED
from lstm_spec import (
    CLAUSES,
)
from tests.helpers.messages import WRONG_OPTION
from tests.helpers.reports import write_report
from tests.helpers.specimens import said

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_clauses_are_listed_one_per_line() -> None:
    status, text = said("list", "clauses")
    assert status == PASSED
    assert [line.split()[0] for line in text.splitlines()] == list(CLAUSES)


def test_properties_are_listed_one_per_line() -> None:
    text = said("list", "properties").text
    assert [line.split()[1] for line in text.splitlines()] == [prop.name for prop in PROPERTIES]


def test_faults_are_listed_one_per_line() -> None:
    from conformance.faults.catalogue import FAULTS

    text = said("list", "faults").text
    assert [line.split()[0] for line in text.splitlines()] == list(FAULTS)


def test_backends_are_listed_one_per_line() -> None:
    assert said("list", "backends").text.split("\n") == ["cupy", "numpy", "torch", ""]


@pytest.mark.parametrize("id", CLAUSES)
def test_every_clause_is_explained(id: str) -> None:
    status, text = said("explain", id.lower())
    assert status == PASSED
    assert text.startswith(f"{id} ({CLAUSES[id].level}) {CLAUSES[id].sentence}\n")


def test_an_explanation_names_code_properties_and_faults() -> None:
    text = said("explain", "CELL-5").text
    assert "c = f * c + i * g" in text and "lstm_spec/equations.py:" in text
    assert "verified by\n" in text and "  the answer is that of the equations\n" in text
    assert "broken by\n" in text and "  fault:never_forgets  " in text


def test_an_unknown_clause_is_refused() -> None:
    status, text = said("explain", "CELL-99")
    assert status == WRONG_OPTION
    assert "'CELL-99' is not a clause, a property or a fault" in text
    assert "; see lstm-conform list clauses, properties or faults" in text


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("cell-7", ", did you mean 'CELL-6'?; see"),
        ("never forget", ", did you mean 'never_forgets'?; see"),
        ("Forget  gate", "; CELL-2, CELL-5, "),
        ("projection", "; VAR-"),
        ("qqq", " a property or a fault; see"),
        ("", " a property or a fault; see"),
    ],
)
def test_what_was_probably_meant_is_said(what: str, hint: str) -> None:
    status, text = said("explain", what)
    assert status == WRONG_OPTION and hint in " ".join(text.split())


def test_the_doctor_names_versions_and_every_backend() -> None:
    status, text = said("doctor")
    assert status == PASSED
    for start in (
        "lstm-spec ",
        "Python ",
        "numpy ",
        "hypothesis ",
        "subnormal numbers are kept",
        "grades: relative at",
    ):
        assert any(line.startswith(start) for line in text.splitlines()), start
    assert f"backend numpy: {np.__version__} on cpu, " in text
    assert "backend cupy: cupy is unavailable: " in text


def test_every_property_and_every_fault_can_be_explained() -> None:
    for prop in PROPERTIES:
        assert explain_name(prop.name) == explain_name(prop.sentence) != ""
        assert f"conformance/properties/{prop.family}.py" in explain_name(prop.name)
        assert all(f"\n  {id}  " in explain_name(prop.name) for id in prop.clauses)
    for fault in FAULTS.values():
        text = explain_name(f"fault:{fault.name}")
        assert text == explain_name(fault.name) and fault.sentence in text and f"\n  {fault.clause}  " in text


def test_an_option_that_may_be_repeated_takes_lists(tmp_path: Path) -> None:
    repeated = ("--clause", "CELL-1", "--clause", "CELL-2", "--dtype", "float32", "--dtype", "float64")
    listed = ("--clause", "CELL-1, CELL-2", "--dtype", "float64,float32,float64")
    one, other = (list_verdicts(tmp_path, *asked) for asked in (repeated, listed))
    assert one == other and {dtype for _, dtype in one} == {"float32", "float64"} and len(one) >= 4


def list_verdicts(folder: Path, *asked: str) -> list[tuple[str, str]]:
    written = write_report(folder, "numpy", "-k", "read_alone", *asked)
    return [(verdict["property"], verdict["dtype"]) for verdict in written["targets"][0]["verdicts"]]


def test_a_wrong_name_in_a_list_is_named() -> None:
    status, text = said("run", "numpy", "--dtype", "float32,float63")
    assert status == WRONG_OPTION and "'float63' is not one of 'float32'" in text
