"""The script beside a case shows the failure without the suite's libraries."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.save import save_case
from conformance.property import PROPERTIES
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.origin import Origin
from conformance.targets.resolve import resolve
from lstm_spec import Backend
from tests.helpers import specimens
from tests.helpers.cases import ANSWER, FREE_GRADIENTS, GATE_GRADIENTS, PARTS, judge_target

MINE = """
from dataclasses import replace

import numpy as np

from lstm_spec import REFERENCE, checked, wide_inside


def swapped(problem):
    layer = checked(problem).layer
    return replace(problem, parameters=((layer._replace(i=layer.f, f=layer.i),),))


def doubled(answer, gradients):
    return answer, replace(gradients, x=2 * gradients.x)


WRONG = replace(REFERENCE, name="mine", forward=lambda problem: REFERENCE.forward(swapped(problem)), gradients=None)
WIDE = wide_inside(WRONG)
GRADIENT = replace(REFERENCE, name="mine", gradients=lambda problem, d: doubled(*REFERENCE.gradients(problem, d)))


class Models:
    wrong = WRONG


def made(device="cpu"):
    return replace(WRONG, description=replace(WRONG.description, device=device))
"""

SCRIPTS: dict[str, tuple[str, str, str, str | None, str]] = {
    "float32": ("mine:WRONG", ANSWER, "float32", None, "y["),
    "float64": ("mine:WRONG", ANSWER, "float64", None, "y["),
    "bfloat16": ("mine:WIDE", ANSWER, "bfloat16", None, "y["),
    "float16": ("mine:WIDE", ANSWER, "float16", None, "y["),
    "a gradient": ("mine:GRADIENT", GATE_GRADIENTS, "float32", None, "dz["),
    "a gradient without probes": ("mine:GRADIENT", FREE_GRADIENTS, "float32", None, "dx["),
    "a dotted name": ("mine:Models.wrong", ANSWER, "float32", None, "y["),
    "a function": ("mine:made", ANSWER, "float32", None, "y["),
    "a file": ("mine.py:WRONG", ANSWER, "float64", None, "y["),
    "a function of the device": ("mine:made", ANSWER, "float32", "cuda", "y["),
}
ALONE = """
import runpy, sys
libraries = {"hypothesis", "pytest", "safetensors", "click", "rich", "autograd"}
sys.modules |= dict.fromkeys(libraries)  # importing one of them fails
runpy.run_path(sys.argv[1])
ours = {name for name in sys.modules if name.startswith("conformance.")}
expected = {f"conformance.{name}" for name in ("cases", "cases.standalone", "nouns", "targets", "targets.locate")}
assert ours == expected, ours - expected
"""


def run_alone(path: Path, folder: Path) -> str:
    command = [sys.executable, "-c", ALONE, str(path)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ratios(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if "error in units of what is allowed" in line]
    return {line.split("[")[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


@pytest.mark.parametrize("what", SCRIPTS)
def test_the_script_shows_it_without_the_suite(what: str, tmp_path: Path) -> None:
    target, name, dtype, device, seen = SCRIPTS[what]
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    module = runpy.run_path(str(tmp_path / "mine.py"))
    first, _, rest = target.partition(":")[2].partition(".")
    found = getattr(module[first], rest) if rest else module[first]
    backend = found if isinstance(found, Backend) else found(device or "cpu")
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    verdict = judge_property(prop, backend, dtype, PROFILES["quick"])
    path = save_case(tmp_path / "out", backend, verdict, Origin(target, 0, device))
    assert path is not None
    text = run_alone(path.with_suffix(".py"), tmp_path)
    assert text.startswith(verdict.detail)
    assert ratios(text)[seen[:-1]] > 1
    assert f"{target!r}, {device!r})" in path.with_suffix(".py").read_text()


def test_the_script_of_an_entry_point_runs_without_the_suite(tmp_path: Path) -> None:
    verdict = judge_target("tests.helpers.specimens:differentiates_another_lstm", GATE_GRADIENTS)
    path = save_case(tmp_path, specimens.differentiates_another_lstm, verdict, Origin("numpy", 0))
    assert path is not None
    found = ratios(run_alone(path.with_suffix(".py"), tmp_path))
    assert set(found) == PARTS | {"y", "c_T", "dz"} and found["y"] <= 1


def test_the_script_of_a_network_runs_without_the_suite(tmp_path: Path) -> None:
    verdict = judge_target("fault:ignores_the_lengths", "no_gradient_comes_from_beyond_a_length")
    path = save_case(tmp_path, resolve("fault:ignores_the_lengths"), verdict, Origin("numpy", 0))
    assert path is not None
    text = run_alone(path.with_suffix(".py"), tmp_path)
    assert text.startswith(verdict.detail) and {"y[", "dx["} <= {
        line[: line.find("[") + 1] for line in text.splitlines()
    }


def test_the_script_of_a_known_fault_asks_the_catalogue(case: Path) -> None:
    done = subprocess.run([sys.executable, str(case.with_suffix(".py"))], capture_output=True, text=True, check=True)
    assert max(ratios(done.stdout).values()) > 1
