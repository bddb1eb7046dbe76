"""A verdict depends on backend and seed only."""

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.constants_ast import Constants
from hypothesis.strategies import integers

from backends.numpy.backend import BACKEND as NUMPY
from conformance.arrays import fingerprint
from conformance.outcome import Outcome
from conformance.problems.derived import with_seed
from conformance.problems.recipes import problems
from conformance.report.status import FAILED
from conformance.run import search
from conformance.run.profiles import PROFILES
from lstm_spec import Backend, Problem
from tests.helpers import specimens
from tests.helpers.examples import draw_examples
from tests.helpers.judged import SELECTED, injected, judged, told
from tests.helpers.root import ROOT
from tests.helpers.specimens import target

# ---------------------------------------------------------------- whoever else configures Hypothesis


@pytest.fixture
def profile_of_the_user() -> Iterator[None]:
    before = settings.get_current_profile_name()
    settings.register_profile("of the user", max_examples=1, derandomize=True, deadline=1, report_multiple_bugs=True)
    settings.load_profile("of the user")
    yield
    settings.load_profile(before)


@pytest.fixture
def without_it(patient: None) -> list[tuple[Any, ...]]:
    return verdicts_on_two()


def verdicts_on_two() -> list[tuple[Any, ...]]:
    return [told(judged(backend)) for backend in (NUMPY, specimens.swaps_input_and_forget_gates)]


def test_a_profile_of_the_user_changes_no_verdict(without_it: list[tuple[Any, ...]], profile_of_the_user: None) -> None:
    assert verdicts_on_two() == without_it
    assert without_it[0][:3] == (Outcome.HOLDS, "", PROFILES["quick"].examples)


def outcome_in_a_process(tmp_path: Path, **environment: str) -> list[tuple[Any, ...]]:
    file = tmp_path / "report.json"
    command = "from conformance.cli.main import main; main()"
    arguments = ("run", "numpy", target("returns_nan"), "--profile", "quick", *SELECTED, "--json", str(file))
    outside = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTHONHASHSEED")}
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=ROOT,
        env=outside | environment,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == FAILED, done.stderr
    verdicts = [v for t in json.loads(file.read_text(encoding="utf-8"))["targets"] for v in t["verdicts"]]
    return [(v["property"], v["outcome"], v["examples"]) for v in verdicts]


def test_neither_ci_nor_the_hash_seed_changes_a_verdict(tmp_path: Path) -> None:
    alone = outcome_in_a_process(tmp_path, PYTHONHASHSEED="1")
    assert outcome_in_a_process(tmp_path, CI="true", PYTHONHASHSEED="2") == alone
    assert {outcome for _, outcome, _ in alone} == {"holds", "refuted"}


# ---------------------------------------------------------------- the seed


@pytest.mark.parametrize("name", ["swaps_input_and_forget_gates", "returns_nan", "puts_the_batch_first"])
def test_the_same_seed_gives_the_same_counterexample(patient: None, name: str) -> None:
    backend = getattr(specimens, name)
    first, again = judged(backend, seed=3), judged(backend, seed=3)
    assert first.outcome is Outcome.REFUTED
    assert told(again) == told(first)


def asked(seed: int) -> list[bytes]:
    seen: list[bytes] = []
    judged(NUMPY, injected(lambda backend, problem: seen.append(fingerprint(problem))), seed)
    return seen


def test_the_same_seed_asks_the_same_questions_and_another_seed_others() -> None:
    assert asked(0) == asked(0)
    assert asked(0) != asked(1)


def test_what_else_is_imported_changes_no_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis draws constants that it reads in local modules, too."""

    def on(context: object) -> object:
        return integers(0, 10**6)

    def numbers() -> list[int]:
        seen: list[int] = []
        judged(NUMPY, injected(lambda backend, number: seen.append(number), on), profile="full")
        return seen

    before = numbers()
    constants = ", ".join(str(3 * k) for k in range(1, 1000))
    (tmp_path / "full_of_numbers.py").write_text(f"NUMBERS = [{constants}]", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("full_of_numbers")
    assert numbers() == before and len(before) == PROFILES["full"].examples


def test_the_function_of_hypothesis_that_is_replaced_exists_and_is_asked() -> None:
    """It is private: a new version of Hypothesis that has another one must not pass unnoticed."""
    collect, collected = providers._get_local_constants, []

    class Telling(Constants):
        def __init__(self) -> None:
            super().__init__()
            collected.append(self)

    assert isinstance(collect(), Constants)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "Constants", Telling)
        assert judged(NUMPY).outcome is Outcome.HOLDS
    assert collected and providers._get_local_constants is collect


def test_every_example_is_drawn_anew() -> None:
    """Copies of parts of the example before had left 22 seeds in 60 examples."""
    drawn = draw_examples(with_seed(problems()), 60)
    assert len({seed for _, seed in drawn}) > 50 and len({problem.sizes for problem, _ in drawn}) > 50


def test_the_mutations_of_hypothesis_are_left_out_while_searching_only() -> None:
    mutate, seen = ConjectureRunner.generate_mutations_from, []

    def look(backend: Backend, problem: Problem) -> None:
        seen.append(ConjectureRunner.generate_mutations_from)

    assert judged(NUMPY, injected(look)).outcome is Outcome.HOLDS
    assert mutate not in seen and len(set(seen)) == 1 and ConjectureRunner.generate_mutations_from is mutate


def test_the_newest_hypothesis_that_may_be_installed_is_the_one_that_is_tested() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["conformance"]
    pinned = re.search(r"^hypothesis==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    (required,) = (requirement for requirement in extra if requirement.startswith("hypothesis"))
    assert pinned and required.endswith(f"<={pinned[1]}")
