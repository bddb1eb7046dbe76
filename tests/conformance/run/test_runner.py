"""That a verdict depends on backend and seed alone, and that only what is the backend's fault is called so."""

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.strategies import integers
from rich.console import Console

from backends.numpy.backend import BACKEND as NUMPY
from conformance.arrays import fingerprint
from conformance.outcome import Inconclusive, Outcome, Refuted
from conformance.problems.recipes import problems
from conformance.property import PROPERTIES, Property
from conformance.report.status import FAILED, NOTHING, PASSED, SUITE_ERROR
from conformance.report.text import print_statement
from conformance.run import search
from conformance.run.check import check
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.verdict import Verdict
from lstm_spec import Answer, Backend, Feature, Problem
from tests.helpers import specimens
from tests.helpers.root import ROOT
from tests.helpers.specimens import said, target

NAMED = {prop.name: prop for prop in PROPERTIES}
EQUATIONS = NAMED["the_answer_is_that_of_the_equations"]
SELECTED = ("-k", "the_", "--clause", "CELL-5", "--clause", "SEQ-4")


def judged(backend: Backend, prop: Property = EQUATIONS, seed: int = 0, profile: str = "quick") -> Verdict:
    return judge_property(prop, backend, "float32", PROFILES[profile], seed)


def told(verdict: Verdict) -> tuple[Outcome, str, int, int, bytes]:
    """All of a verdict but its time."""
    problem = verdict.refutation.problem if verdict.refutation else None
    return verdict.outcome, verdict.detail, verdict.examples, verdict.inconclusive, fingerprint(problem)


def injected(refute: Callable[[Any, Any], None], on: Any = None) -> Property:
    return Property("a_property_of_this_test", "tests", ("CELL-1",), (), on or problems(), refute)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrinking ends by itself, however slow the machine is."""
    monkeypatch.setattr(search, "SHRINKING", 1e9)


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


# ---------------------------------------------------------------- verdicts that are none of the usual


def test_a_backend_that_is_wrong_once_is_refuted_for_it() -> None:
    verdict = judged(specimens.wrong_once())
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.refutation is not None and verdict.refutation.clause == "CONTRACT-2"
    assert verdict.detail.startswith("the same question did not fail again: y is further from the equations")


def test_a_backend_that_raises_once_is_not_a_suite_error() -> None:
    calls = iter(range(10**9))

    def forward(problem: Problem) -> Answer:
        if next(calls) == 0:
            raise RuntimeError("warming up")
        return NUMPY.forward(problem)

    verdict = judged(Backend("raises_once", forward))
    assert verdict.outcome in (Outcome.REFUTED, Outcome.ERRORED)


def test_a_wrong_once_is_printed_under_the_clause_it_breaks() -> None:
    status, text = said("run", target("wrong_once"), "--profile", "quick", "-k", EQUATIONS.name)
    assert status == FAILED
    assert "REFUTED  CONTRACT-2" in text


def _fails(backend: Backend, problem: Problem) -> None:
    raise KeyError("a bug of ours")


def _never_decides(backend: Backend, problem: Problem) -> None:
    raise Inconclusive("too far out")


def _decides_small_ones(backend: Backend, problem: Problem) -> None:
    if problem.sizes[3] > 2:
        raise Inconclusive("too wide")


def no_problems(context: Any) -> Any:
    return problems()(context).filter(lambda problem: False)


def test_a_bug_of_ours_is_a_suite_error() -> None:
    verdict = judged(NUMPY, injected(_fails))
    assert (verdict.outcome, verdict.detail) == (Outcome.SUITE_ERROR, "KeyError: 'a bug of ours'")


def test_a_strategy_without_examples_is_a_suite_error() -> None:
    verdict = judged(NUMPY, injected(lambda backend, problem: None, no_problems))
    assert verdict.outcome is Outcome.SUITE_ERROR
    assert verdict.detail.startswith("no examples could be made: ")


def test_examples_that_decide_nothing_are_inconclusive() -> None:
    verdict = judged(NUMPY, injected(_never_decides))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.inconclusive == verdict.examples == PROFILES["quick"].examples


def test_the_share_of_inconclusive_examples_is_counted() -> None:
    verdict = judged(NUMPY, injected(_decides_small_ones))
    assert verdict.outcome is Outcome.HOLDS
    assert 0 < verdict.inconclusive < verdict.examples


@pytest.fixture
def registered(request: pytest.FixtureRequest) -> Iterator[None]:
    PROPERTIES.append(request.param)
    yield
    PROPERTIES.remove(request.param)


RUN_INJECTED = ("run", "numpy", "--profile", "quick", "-k", "a_property_of_this_test")


@pytest.mark.parametrize("registered", [injected(_fails)], indirect=True)
def test_a_suite_error_asks_to_be_reported(registered: None) -> None:
    status, text = said(*RUN_INJECTED)
    assert status == SUITE_ERROR
    assert "suite error  a_property_of_this_test: KeyError: 'a bug of ours'; please report it" in text
    assert "no statement: the suite itself failed; please report it" in text


@pytest.mark.parametrize("registered", [injected(_fails)], indirect=True)
def test_a_suite_error_outweighs_a_target_that_cannot_be_used(registered: None) -> None:
    assert said(*RUN_INJECTED, "zzz").status == SUITE_ERROR


@pytest.mark.parametrize("registered", [injected(_never_decides)], indirect=True)
def test_nothing_but_inconclusive_verdicts_is_not_green(registered: None) -> None:
    status, text = said(*RUN_INJECTED)
    assert status == NOTHING
    assert "1 inconclusive" in text and "conforms" not in text


# ---------------------------------------------------------------- budgets


def slow_and_wrong(monkeypatch: pytest.MonkeyPatch) -> tuple[Backend, list[float]]:
    """A wrong backend of which every call takes a second of the runner's clock, and the times of its calls."""
    calls: list[float] = []

    def forward(problem: Problem) -> Answer:
        calls.append(float(len(calls) + 1))
        return specimens.swaps_input_and_forget_gates.forward(problem)

    monkeypatch.setattr(search, "time", SimpleNamespace(perf_counter=lambda: float(len(calls))))
    return Backend("slow_and_wrong", forward), calls


@pytest.mark.parametrize("budget", [2.0, 20.0])
def test_shrinking_stops_once_its_time_is_spent(monkeypatch: pytest.MonkeyPatch, budget: float) -> None:
    monkeypatch.setattr(search, "SHRINKING", budget)
    backend, calls = slow_and_wrong(monkeypatch)
    verdict = judged(backend)
    replays = 5  # Hypothesis runs what it found again
    assert verdict.outcome is Outcome.REFUTED
    assert budget < len(calls) <= verdict.examples + budget + replays


def test_what_is_refuted_is_made_smaller(patient: None) -> None:
    refutation = judged(specimens.swaps_input_and_forget_gates).refutation
    assert isinstance(refutation, Refuted)
    assert refutation.problem.sizes == (1, 1, 1, 1)


def test_maxfail_stops_after_so_many_failures() -> None:
    report = check(specimens.raises, profile="quick", examples=2, maxfail=2)
    assert len(report.failures) == 2
    assert report.verdicts[-1].outcome is Outcome.ERRORED
    assert len(report.verdicts) < len(PROPERTIES)


def test_a_maxfail_that_is_not_reached_changes_no_statement() -> None:
    without = check(specimens.forward_only, profile="quick", examples=1)
    assert check(specimens.forward_only, profile="quick", examples=1, maxfail=1).statement == without.statement


@pytest.mark.parametrize("examples", [1, 4])
def test_examples_are_as_many_as_asked_for(examples: int) -> None:
    report = check(NUMPY, profile="quick", examples=examples, clauses=("CELL-2",), name="equations")
    assert [verdict.examples for verdict in report.verdicts] == [examples] * 2


def test_slow_properties_get_no_more_examples_than_their_profile_gives() -> None:
    report = check(NUMPY, profile="quick", examples=10, name="a_long_sequence_is_read_to_its_end")
    assert [verdict.examples for verdict in report.verdicts] == [PROFILES["quick"].long_examples]


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="profile is 'quik', expected one of quick, standard, full, soak; choose one"):
        check(NUMPY, profile="quik")


# ---------------------------------------------------------------- right, in an unusual way

SHAPED = {
    "in_blocks_of_8": "shapes T in 0…64, H in 8…",
    "nine_inputs": "shapes I in 0…9",
    "one_step": "shapes T in 1…1",
    "one_sample": "shapes B in 1…1",
    "two_steps_or_more": "shapes T in 2…",
}


@pytest.mark.parametrize("name", SHAPED)
def test_a_backend_is_judged_within_its_shapes_and_conforms(name: str) -> None:
    """Outside of its shapes each of them raises, which would be a verdict of its own."""
    report = check(getattr(specimens, name), profile="quick", examples=3)
    against = [v for v in report.verdicts if v.outcome not in (Outcome.HOLDS, Outcome.NOT_CLAIMED)]
    assert [(v.property.name, v.outcome, v.detail) for v in against] == []
    assert report.status == PASSED, report.statement
    printed = StringIO()
    print_statement(Console(file=printed, width=200), report)
    assert SHAPED[name] in printed.getvalue()


def test_gradients_are_probed_in_blocks_at_the_sizes_of_every_profile() -> None:
    report = check(
        specimens.nine_inputs, profile="standard", examples=25, dtypes=("float32",), clauses=("GRAD-2", "GRAD-5")
    )
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.HOLDS}


def test_a_fault_is_found_within_narrow_shapes_too() -> None:
    about = specimens.in_blocks_of_8.description
    wrong = specimens.swaps_input_and_forget_gates.forward
    assert judged(Backend("wrong_in_blocks", wrong, description=about)).outcome is Outcome.REFUTED


@pytest.mark.parametrize("name", ["float64_only", "restless"])
def test_what_a_backend_may_do_is_not_held_against_it(name: str) -> None:
    report = check(getattr(specimens, name), profile="quick", examples=3)
    assert report.failures == []
    assert report.status == PASSED


def test_float64_alone_is_judged_at_float64() -> None:
    report = check(specimens.float64_only, profile="quick", examples=2, clauses=("SEQ-3",))
    assert {verdict.dtype for verdict in report.verdicts} == {"float64"}


def test_what_is_not_deterministic_may_not_claim_to_be() -> None:
    assert Feature.DETERMINISTIC in specimens.restless_and_denies_it.description.features
    report = check(specimens.restless_and_denies_it, profile="quick", clauses=("CONTRACT-2",), shrink=False)
    assert report.status == FAILED
    assert Outcome.REFUTED in {verdict.outcome for verdict in report.verdicts}


@pytest.mark.parametrize(
    "name",
    ["returns_tensors", "puts_the_batch_first", "drops_the_layer_axis", "returns_packed_gradients", "returns_nan"],
)
def test_a_malformed_answer_never_breaks_a_property(name: str) -> None:
    report = check(getattr(specimens, name), profile="quick", examples=2)
    assert [v.property.name for v in report.findings.select_verdicts(Outcome.SUITE_ERROR)] == []
    assert report.status == FAILED


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


def test_the_newest_hypothesis_that_may_be_installed_is_the_one_that_is_tested() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["conformance"]
    pinned = re.search(r"^hypothesis==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    (required,) = (requirement for requirement in extra if requirement.startswith("hypothesis"))
    assert pinned and required.endswith(f"<={pinned[1]}")
