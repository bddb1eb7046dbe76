"""Trained models in every runtime: right ones hold, nine mistakes are refuted, and the page says so."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.models.drawing import draw_units
from lstm_spec import Backend, Problem
from tests.helpers.problems import make_problem
from tests.helpers.root import ROOT
from tools.models.__main__ import judge_model
from tools.models.catalogue import MODELS, Model
from tools.models.mistakes import MISTAKES
from tools.models.page import Judged, write_page

PAGE = ROOT / "docs" / "models.md"
NINE = {*MISTAKES, "TF32"}
MODEL = Model("mine", "mine==1", "mine.npz", about="a test")


def write_model(folder: Path, layers: int, D: int) -> None:
    rng, tensors = np.random.default_rng(0), dict[str, Any]()
    for k in range(layers):
        for side in ("", "_reverse")[:D]:
            shapes = {"weight_ih": (32, 8 * D if k else 5), "weight_hh": (32, 8), "bias_ih": (32,)}
            tensors |= {f"{name}_l{k}{side}": rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
            tensors[f"bias_hh_l{k}{side}"] = np.zeros(32)
    np.savez(folder / MODEL.file, **{name: a.astype("f") for name, a in tensors.items()})


def judge_small(folder: Path, wrong: Backend, layers: int = 1, D: int = 1) -> Judged:
    write_model(folder, layers, D)
    return judge_model(MODEL, folder, {"onnxruntime": NUMPY, "other": wrong})


@pytest.mark.parametrize("form", [(1, 1), (3, 1), (2, 2)])
def test_right_runtimes_hold_and_each_mistake_is_refuted(form: tuple[int, int], tmp_path: Path) -> None:
    judged = judge_small(tmp_path, NUMPY, *form)
    assert judged.list_failures() == [] and {*judged.wrong} == NINE and len(NINE) == 9
    text = write_page([judged], {"onnxruntime": "1", "other": "2"}, "onnxruntime")
    assert "2 answers of right runtimes and 9 of wrong ones were judged; all are as they should be." in text
    assert "| mine | mine 1 | a test | 5 → 8" in text


def test_a_wrong_runtime_and_a_mistake_that_is_missed_are_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MISTAKES, "none", lambda problem: problem)
    judged = judge_small(tmp_path, replace(NUMPY, forward=lambda problem: NUMPY.forward(round_weights(problem))))
    assert judged.list_failures() == ["mine: other", "mine: none"]
    assert "not as they should be: mine: other, mine: none." in write_page(
        [judged], {"onnxruntime": "1"}, "onnxruntime"
    )


def round_weights(problem: Problem) -> Problem:
    return MISTAKES["float16"](problem)


def test_unit_vectors_show_every_weight_and_nothing_beside_it() -> None:
    problem = make_problem()
    (asked,) = draw_units(problem)
    assert [asked.sizes[k] for k in (0, 1)] == [1, 2 * (3 + 5)]
    right = NUMPY.forward(asked).state.c[0]
    for letter in "ifg":
        for part, start in (("W", 0), ("U", 3)):
            weights = getattr(asked.layer.gates[letter], part)
            for unit, column in np.ndindex(weights.shape):
                moved = weights.copy()
                moved[unit, column] += 1e-2
                gate = asked.layer.gates[letter]._replace(**{part: moved})
                p = asked.layer._replace(**{letter: gate})  # type: ignore[arg-type]
                changed = NUMPY.forward(replace(asked, parameters=((p,),))).state.c[0] != right
                assert {*changed.nonzero()[0] % 8} == {start + column} and {*changed.nonzero()[1]} == {unit}


def test_the_page_has_ten_models_in_four_runtimes_and_all_are_as_they_should_be() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    right, wrong = ([row.strip("| ").split(" | ") for row in table.splitlines()[2:]] for table in tables[:2])
    names = [model.name for model in MODELS]
    assert [row[0] for row in right] == [row[0] for row in wrong] == names
    assert sum(len([cell for cell in row[4:] if cell != "–"]) >= 4 for row in right) >= 10
    assert all(len(row) == 1 + len(NINE) for row in wrong) and "all are as they should be." in text


def test_packages_are_named_with_their_version() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", model.package) for model in MODELS)
