"""The published schema of the JSON report describes every field of every report, and nothing else."""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.measurements.activations import probe_activations
from conformance.measurements.end_to_end import Row
from conformance.outcome import Outcome
from conformance.property import Property
from conformance.report.findings import Findings, Request
from conformance.report.json import JSON_VERSION, as_json
from conformance.report.report import Report
from conformance.report.status import INTERRUPTED
from conformance.run import check
from conformance.run.judge import judge_pair
from conformance.verdict import Verdict
from lstm_spec import Backend, Description, ErrorModel
from tests.helpers.deviations import ENTRY, named, toml
from tests.helpers.reports import SCHEMA, write_report
from tests.helpers.specimens import target

Data = dict[str, Any]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
WRONG = target("swaps_input_and_forget_gates")
RUNS = {
    "a right and a wrong one": ("numpy", WRONG),
    "a wrong one without an example": (target("raises"),),
    "an isolated one": (target("returns_nan"), "--isolate"),
    "an unusable one": ("zzz", "no_such.py:X"),
    "an error model of its own": (target("measures_itself_generously"),),
    "nothing to test": ("numpy", "-k", "no property has this"),
    "another grade": (target("swaps_input_and_forget_gates"), "--grade", "absolute"),
}


def list_misfits(written: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(written)]


def test_the_schema_is_one_and_of_the_version_of_the_report() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"] == {"const": JSON_VERSION}
    assert SCHEMA["$id"].endswith(f":{JSON_VERSION}")


@pytest.mark.parametrize("asked", RUNS.values(), ids=RUNS)
def test_a_report_is_of_that_form(asked: tuple[str, ...], tmp_path: Path) -> None:
    assert list_misfits(write_report(tmp_path, *asked)) == []


def test_a_report_with_deviations_is_of_that_form(witness: Path, tmp_path: Path) -> None:
    entry = {**ENTRY, "witness": str(witness)}
    written = write_report(tmp_path, WRONG, "--deviations", str(toml(tmp_path, entry)))
    assert list_misfits(written) == [] and written["targets"][0]["deviations"]


def test_a_report_of_a_run_that_was_interrupted_is_of_that_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(pair: tuple[Property, str], backend: Backend, *more: Any) -> Verdict:
        if pair[1] == "float64":
            raise KeyboardInterrupt
        return judge_pair(pair, backend, *more)

    monkeypatch.setattr(check, "judge_pair", interrupt)
    written = write_report(tmp_path, WRONG, "--dtype", "float32", "--dtype", "float64")
    assert list_misfits(written) == []
    (only,) = written["targets"]
    assert only["statement"].startswith("interrupted after 1 of 2") or only["exit_status"] == INTERRUPTED


def report_everything() -> Data:
    """A report that has every field which a run can leave."""
    model = ErrorModel(u=2.0**-20, u_acc=math.inf, eta=0.0)
    about = Description(grades={"float64": model}, compiles=True)
    kept = [Verdict(named("the_answer_is_that_of_the_equations"), "float32", outcome) for outcome in Outcome]
    kept[0] = replace(kept[0], compiled=frozenset({(1, 2, 3, 4)}))
    findings = Findings("mine", about, True, Request("full", 1, ("float32",)), kept, complaints=("gone",))
    rows = {"float32": [Row(1.0, 5, math.nan, math.inf, 3, 0.5), Row(1.0, 40, 1e-7, 1e-6, None, 0.5)]}
    probed = (probe_activations(NUMPY, "float32"),)
    report = Report(findings, activations=probed, end_to_end=rows, mishaps=["the cause"])
    written: Data = json.loads(json.dumps(as_json([report], {}), allow_nan=False))
    return written


def test_a_report_with_all_that_is_measured_is_of_that_form() -> None:
    assert list_misfits(report_everything()) == []


def list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a report."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in below for place in list_places(part, (*path, key)))]


def change(written: Data, path: tuple[Any, ...], edit: Callable[[Any, Any], None]) -> Data:
    changed = copy.deepcopy(written)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    edit(parent, path[-1])
    return changed


def drop(parent: Any, key: Any) -> None:
    del parent[key]


def put(value: Any) -> Callable[[Any, Any], None]:
    return lambda parent, key: parent.__setitem__(key, value)


OPEN = {"libraries", "grades", "passes_at", "conforms_at", "largest", "end_to_end", "where", "used"}  # any key
OPTIONAL = {"clause", "sizes", "difference"}  # of a verdict


def test_every_planted_change_is_found(tmp_path: Path) -> None:
    written = write_report(tmp_path, WRONG, target("returns_nan"), "zzz")
    assert list_misfits(written) == []
    places = [path for path in list_places(written) if path]
    other = {path: put([[0]]) for path in places}
    fields = [path for path in places if isinstance(path[-1], str) and not OPEN & {*path[-2:-1]}]
    fields = [path for path in fields if path[-3:-2] != ("used",)]  # of each dtype any output
    missing = {path: drop for path in fields if path[-1] not in OPTIONAL}
    more = {(*path[:-1], "of nobody"): put(0) for path in fields}
    assert len(missing) > 100
    found = [(path, edit) for edits in (other, missing, more) for path, edit in edits.items()]
    assert [path for path, edit in found if not list_misfits(change(written, path, edit))] == []
