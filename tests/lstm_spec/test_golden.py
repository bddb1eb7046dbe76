"""That the frameworks themselves mean what LAYOUTS says of them: vectors that they computed, judged by the bounds.

Each file of tests/golden holds a layer in a framework's own tensors, what it was given, and what it answered; the
scripts that made them are in tools/golden. The specification has no part in any of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from math import factorial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors import safe_open

from conformance.assertions.forward import assert_conforms
from conformance.assertions.network import assert_network_conforms
from conformance.assertions.shapes import name_arrays
from conformance.outcome import Refuted
from lstm_spec import Answer, Array, Backend, Description, Problem, State, Variant, checked
from lstm_spec.layouts.convert import convert, from_layout
from lstm_spec.layouts.fitting import names_and_axes
from lstm_spec.layouts.table import LAYOUTS, Layout
from tests.helpers.root import ROOT

FILES = sorted((ROOT / "tests" / "golden").glob("*.safetensors"))
GIVEN, FOUND = ("x", "h0", "c0"), ("y", "h_T", "c_T")


class Vector(NamedTuple):
    """What one file says."""

    about: dict[str, str]
    layer: dict[str, Array]  # in the framework's own names
    given: dict[str, Array]  # x (T, B, I), h0 (B, P), c0 (B, H)
    found: dict[str, Array]  # y (T, B, P), h_T, c_T

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.about["layout"]]

    def problem(self, layout: Layout | None = None) -> Problem:
        """What was asked, where the layer is read as the layout says."""
        p = from_layout(self.layer, layout or self.layout)
        x, h, c = (self.given[name] for name in GIVEN)
        kind = "coupled" if p.f is None else "standard" if p.i.p is None else "peephole"
        return Problem(((p,),), x, State(h[None], c[None]), variant=Variant(kind))

    def judge(self, problem: Problem) -> None:
        """Refuted unless the framework's answer is that of the problem."""
        y, h, c = (self.found[name] for name in FOUND)
        answer, grades = Answer(y, State(h[None], c[None])), {"float32": self.about["grade"]}
        backend = Backend(self.about["framework"], lambda problem: answer, description=Description(grades=grades))
        checked(problem)
        if problem.is_more:
            assert_network_conforms(backend, problem)
        else:
            assert_conforms(backend, answer, problem)


def read(path: Path) -> Vector:
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dictionary
        about = file.metadata()
    given, found = ({name: tensors.pop(name) for name in names} for names in (GIVEN, FOUND))
    return Vector(about, tensors, given, found)


VECTORS = [pytest.param(read(path), id=path.stem) for path in FILES]
of_every_file = pytest.mark.parametrize("vector", VECTORS)


def misreadings(vector: Vector) -> Iterator[Problem]:
    """The same numbers, taken for something else."""
    it, problem = vector.layout, vector.problem()
    for order in map("".join, permutations(it.order)):
        if order != it.order:
            yield vector.problem(replace(it, order=order))
    for order in map("".join, permutations("ifo") if problem.layer.i.p is not None else []):
        if order != it.peepholes:
            yield vector.problem(replace(it, peepholes=order))
    for field, none in {"forget_bias": 0.0, "reread": "", "negated": ""}.items():
        if getattr(it, field):
            yield vector.problem(replace(it, **{field: none}))
    if problem.layer.R is None:
        gates = (gate._replace(U=np.ascontiguousarray(gate.U.T)) for gate in problem.layer[:4])
        yield replace(problem, parameters=((type(problem.layer)(*gates),),))
        yield replace(problem, state=State(*reversed(problem.state)))


# ---------------------------------------------------------------- what they computed


@of_every_file
def test_the_framework_answers_as_the_specification(vector: Vector) -> None:
    vector.judge(vector.problem())


@of_every_file
def test_the_same_numbers_read_otherwise_are_refuted(vector: Vector) -> None:
    wrong, it, p = list(misreadings(vector)), vector.layout, vector.problem().layer
    orders, fields = factorial(len(it.order)) - 1, sum(map(bool, (it.forget_bias, it.reread, it.negated)))
    assert len(wrong) == orders + 5 * (p.i.p is not None) + fields + 2 * (p.R is None)
    for problem in wrong:
        with pytest.raises(Refuted):
            vector.judge(problem)


@of_every_file
def test_a_layer_taken_to_another_framework_and_back_is_the_same_to_the_last_bit(vector: Vector) -> None:
    it = vector.layout
    by_way_of = "cntk" if "f" in it.order else "tflite-cifg"  # which have a place for everything
    there_and_back = convert(convert(vector.layer, source=it, target=by_way_of), source=by_way_of, target=it)
    before, after = (name_arrays(from_layout(layer, it)) for layer in (vector.layer, there_and_back))
    assert {name: a.tobytes() for name, a in after.items()} == {name: a.tobytes() for name, a in before.items()}


# ---------------------------------------------------------------- what is said of them


def test_verified_is_what_has_a_vector_and_with_which_version() -> None:
    made = {(v.about["layout"], f"{v.about['framework']} {v.about['version']}") for v in map(read, FILES)}
    said = {(name, one) for name, layout in LAYOUTS.items() for one in layout.verified.split(", ") if one}
    assert said == made


@pytest.mark.parametrize("part", ["p", "R"])
def test_peepholes_and_projections_are_verified_too_or_the_note_says_that_they_are_not(part: str) -> None:
    made = {
        v.about["layout"] for v in map(read, FILES) if set(names_and_axes(getattr(v.layout, part))[0]) & set(v.layer)
    }
    some = {name for name, layout in LAYOUTS.items() if layout.verified and getattr(layout, part)}
    assert {name for name in some if "unverified" not in LAYOUTS[name].note} == made


@of_every_file
def test_a_file_says_which_command_made_it(vector: Vector) -> None:
    script = vector.about["script"]
    assert (ROOT / script).is_file()
    assert vector.about["about"] == f"Generated by `python {script}`; do not edit."


@of_every_file
def test_a_vector_is_not_symmetric(vector: Vector) -> None:
    T, B, I, H = vector.problem().sizes
    assert len({T, B, I, H}) == 4
    assert all(np.unique(a).size > a.size / 2 and a.any() for a in (vector.given | vector.found).values())
    assert all(a.dtype == np.float32 for a in (vector.layer | vector.given | vector.found).values())
