"""The command `diagnose`, and `run --explain`: what experiments found is a table, a sentence, and JSON."""

import json
from pathlib import Path

import pytest

from tests.helpers.specimens import said, target

WRONG = "tests.planted.conditional:keeps_the_first_weights"
SENTENCE = "it keeps the weights of the first call with the same shapes"
HERE = ("--no-isolate",)


def test_a_condition_is_printed_and_written(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    found = said("diagnose", WRONG, "--budget", "60", "--json", str(file), *HERE)
    assert found.status == 1 and f"{WRONG}: {SENTENCE}\n" in found.text
    assert "what came before, and where it lies in memory" in found.text
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["sentence"] == SENTENCE and written["experiments"][0]["experiment"] == "before"
    assert {"asked", "outcome"} == {*written["experiments"][0]["tried"][0]}


def test_a_right_target_is_not_acquitted() -> None:
    found = said("diagnose", "numpy", "--budget", "1")
    assert found.status == 0 and "that is no verdict, lstm-conform run judges it" in found.text


def test_a_target_that_gives_no_answer_cannot_be_diagnosed() -> None:
    found = said("diagnose", target("raises"), *HERE)
    assert found.status == 3 and "the kernel crashed" in found.text


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("option", [("diagnose", "numpy", "--budget"), ("run", "numpy", "--diagnosis")])
def test_a_budget_has_to_be_some_time(option: tuple[str, ...], seconds: str) -> None:
    found = said(*option, seconds)
    assert found.status == 2 and f" is {seconds} s, expected more than 0" in found.text


def test_run_explains_a_failure_if_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.diagnosis.experiments.diagnose.SECONDS", 60)
    name = ("-k", "sizes_of_every_kind_are_read_alike", "--profile", "quick", "--out", str(tmp_path))
    plain = said("run", WRONG, *name, *HERE)
    explained = said("run", WRONG, *name, "--explain", *HERE)
    assert SENTENCE in plain.text and "what came before" not in plain.text
    assert explained.status == 1 and "what came before" in explained.text
