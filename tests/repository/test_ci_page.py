"""docs/ci.md: the commands of the workflow and the hook that it offers do what it says."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli.run import run as judge
from conformance.report.deviations import read_deviations
from tests.helpers.pages import read_blocks
from tests.helpers.root import ROOT

WORKFLOW = yaml.safe_load((ROOT / "examples" / "github-actions.yml").read_text(encoding="utf-8"))
(JOB,) = WORKFLOW["jobs"].values()
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
YAML = [yaml.safe_load(block.text) for block in read_blocks("ci.md") if block.kind == "yaml"]
TOML = [block.text for block in read_blocks("ci.md") if block.kind == "toml"]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
RIGHT = next(block.text for block in read_blocks("judging.md") if block.kind == "python")
WRONG = RIGHT.replace("sigmoid(f) * c + ", "sigmoid(f) * c - ")


def run(folder: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell does with the line in that folder; GitHub's shell is bash with these options."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", line]
    environment = {**os.environ, "PATH": path, **variables}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def run_steps(folder: Path, module: str) -> list[int]:
    """The exit statuses of the workflow's commands, without those that install."""
    (folder / "my_lstm.py").write_text(module, encoding="utf-8")
    variables = {"TARGET": "my_lstm.py", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    lines = [step["run"] for step in JOB["steps"] if "run" in step and not step["run"].startswith("pip install")]
    quick = [line.replace("lstm-conform run ", "lstm-conform run --profile quick --maxfail 1 ") for line in lines]
    return [run(folder, line, **variables).returncode for line in quick]


@pytest.mark.parametrize(("module", "statuses"), [(RIGHT, [0, 0]), (WRONG, [1, 0])], ids=["right", "wrong"])
def test_the_commands_of_the_workflow_leave_a_summary_a_report_and_a_badge(
    module: str, statuses: list[int], tmp_path: Path
) -> None:
    assert run_steps(tmp_path, module) == statuses
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert ("does not conform" in summary) is bool(statuses[0])
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["targets"][0]["target"] == "my_lstm.py"
    assert (tmp_path / "badge.svg").read_text(encoding="utf-8").startswith("<svg")
    kept = next(step["with"]["path"] for step in JOB["steps"] if "upload-artifact" in step.get("uses", ""))
    missing = [name for name in kept.split() if not (tmp_path / name).exists()]
    assert missing == [] or (missing == ["cases"] and not statuses[0])


def test_what_comes_after_the_judgement_is_done_if_that_failed_too() -> None:
    judged = next(k for k, step in enumerate(JOB["steps"]) if "lstm-conform run" in step.get("run", ""))
    assert len(JOB["steps"][judged + 1 :]) == 2
    assert all(step["if"] == "${{ !cancelled() }}" for step in JOB["steps"][judged + 1 :])


def test_the_page_shows_the_line_of_the_workflow_that_judges() -> None:
    ((shown,),) = ([step["run"] for step in block] for block in YAML if isinstance(block, list))
    assert shown in [step.get("run") for step in JOB["steps"]]


def name_extras(requirements: list[str]) -> set[str]:
    return {extra for text in requirements for found in re.findall(r"\[(.*?)\]", text) for extra in found.split(",")}


def test_the_extras_that_are_installed_exist() -> None:
    (config,) = (block["repos"][0]["hooks"][0] for block in YAML if isinstance(block, dict))
    named = [name_extras([WORKFLOW["env"]["LSTM_SPEC"]])]
    named += [name_extras(hook["additional_dependencies"]) for hook in (HOOK, config)]
    assert all({"conformance"} <= extras <= set(EXTRAS) for extras in named)


@pytest.mark.parametrize(("module", "status"), [(RIGHT, 0), (WRONG, 1)], ids=["right", "wrong"])
def test_the_hook_judges_what_its_arguments_name(module: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "my_lstm.py").write_text(module, encoding="utf-8")
    assert run(tmp_path, f"{HOOK['entry']} my_lstm.py").returncode == status


def test_the_hook_that_the_page_shows_is_the_one_there_is() -> None:
    (config,) = (block["repos"][0]["hooks"][0] for block in YAML if isinstance(block, dict))
    assert config["id"] == HOOK["id"] and HOOK["pass_filenames"] is False
    options: dict[str, Any] = {key: value for key, value in config.items() if key not in ("id", "args", "files")}
    assert set(options) <= set(HOOK)


def test_both_files_that_the_page_shows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, deviations = TOML
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "lstm-deviations.toml").write_text(deviations, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with judge.make_context("run", []) as context:
        assert context.params["targets"] == ("my_lstm:BACKEND",)
        assert context.params["dtypes"] == ("float32", "float64")
        (deviation,) = read_deviations(context.params["deviations_file"])
    assert (deviation.clause, deviation.kind, deviation.target) == ("CELL-5", "refuted", "my_lstm")
