"""That what is left of a killed run is seen, and that a verdict of other versions is compared to the last digit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.checks import kills
from tools.checks.versions import Found, list_differences

VERDICT = {"property": "p", "outcome": "refuted", "case": "here", "difference": {"got": 0.1}}


def test_a_process_that_stays_is_found_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "PATIENCE", 0.1)
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    with subprocess.Popen(command, env={kills.MARK: "here"}, stdout=subprocess.PIPE) as stays:
        assert stays.stdout
        stays.stdout.read(1)
        assert list(kills.wait_until_gone("here")) == [stays.pid] and not kills.wait_until_gone("elsewhere")
        os.kill(stays.pid, 9)
        stays.wait()
        assert not kills.wait_until_gone("here")


def test_a_half_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert not list(kills.find_broken(tmp_path))
    (tmp_path / "report.json").write_text('{"targets": [')
    (tmp_path / "out" / "cell-1.safetensors").write_bytes(b"\x10\0\0")
    assert [line.partition(":")[0] for line in kills.find_broken(tmp_path)] == ["report.json", "cell-1.safetensors"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"case": "there"}, []),
        ({"outcome": "holds"}, ["numpy, p: another outcome"]),
        ({"difference": {"got": 0.1 + 2**-56}}, ["numpy, p: another difference"]),
    ],
)
def test_another_verdict_is_named_but_not_where_its_case_is(changed: dict[str, object], expected: list[str]) -> None:
    one, other = (
        Found("", "", {}, [{"name": "numpy", "likely_cause": "", "verdicts": [VERDICT | more]}])
        for more in (changed, {})
    )
    assert list(list_differences(one, other)) == expected
    assert not Found("", "", {"run": (1, 1)}, []).unexpected and Found("", "", {"run": (0, 1)}, []).unexpected
