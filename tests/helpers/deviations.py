"""Declared deviations of a backend that swaps two gates, and files of them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from conformance.cases.save import save_case
from conformance.outcome import Outcome
from conformance.property import PROPERTIES, Property
from conformance.report.deviations import Deviation
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.origin import Origin
from lstm_spec import Backend
from tests.helpers import specimens

ISSUE = "https://example.org/issues/7"

WRONG = specimens.swaps_input_and_forget_gates

EQUATIONS = "the_answer_is_that_of_the_equations"

QUICK: dict[str, Any] = {"profile": "quick", "examples": 2, "name": EQUATIONS}


def named(name: str) -> Property:
    return next(prop for prop in PROPERTIES if prop.name == name)


def case_of(folder: Path, backend: Backend, name: str, target: str) -> Path:
    verdict = judge_property(named(name), backend, "float32", PROFILES["quick"])
    path = save_case(folder, backend, verdict, Origin(target, 0))
    assert path is not None
    return path


def declared(witness: Path, **about: Any) -> Deviation:
    return Deviation("CELL-1", "the gates are swapped", ISSUE, Outcome.REFUTED, witness, **about)


GRADIENTS = "the_gate_gradients_are_the_derivatives_of_the_equations"

ENTRY = {"clause": "CELL-1", "reason": "swapped", "issue": ISSUE, "kind": "refuted", "witness": "w.safetensors"}


def toml(folder: Path, *entries: dict[str, Any], head: str = "") -> Path:
    def line(name: str, value: Any) -> str:
        return f"{name} = {value if isinstance(value, date) else json.dumps(value)}\n"

    tables = ["[[deviation]]\n" + "".join(line(*item) for item in entry.items()) for entry in entries]
    path = folder / "lstm-deviations.toml"
    path.write_text(head + "".join(tables), encoding="utf-8")
    return path
