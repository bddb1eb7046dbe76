"""Every adapter is tested with its library, by the Makefile and the hosted workflow; without it, nothing is green."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml  # its stubs are no dependency

from tests.helpers.root import ROOT

FOLDERS = sorted(path.name for path in (ROOT / "tests" / "adapters").iterdir() if any(path.glob("test_*.py")))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_each_adapter_has_an_extra_and_is_run() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    listed = re.search(r"^LIBRARIES := (.*)$", MAKEFILE, re.M)
    hosted = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]["adapters"]
    run = sorted([*FOLDERS, "torch"])  # which is installed for development, so that its tests stand with the others
    assert listed and sorted(listed[1].split()) == sorted(hosted["strategy"]["matrix"]["library"]) == run
    assert {*run} <= {*extras}


def test_each_example_is_judged_with_its_library() -> None:
    """At `standard`, which is the profile if none is named."""
    asked = [path.stem for path in (ROOT / "examples").glob("*.py") if "\nBACKEND = " in path.read_text("utf-8")]
    dry = ["make", "--dry-run", "test-adapters", f"ADAPTERS={ROOT / 'no'}"]
    printed = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    judged = re.findall(r"lstm-conform run examples\.(\w+):BACKEND(.*)$", printed, re.M)
    assert sorted(name for name, _ in judged) == sorted(asked) and len(asked) == 5
    assert not any("--profile" in options for _, options in judged)


@pytest.mark.parametrize("folder", FOLDERS)
def test_without_its_library_nothing_is_collected_and_nothing_green(folder: str) -> None:
    code = (
        "import sys, importlib.util as u, pytest; real = u.find_spec;"
        "u.find_spec = lambda name, *rest: real(name, *rest) if '.' in name else None;"
        f"sys.exit(pytest.main(['-q', 'tests/adapters/{folder}']))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode not in (0, 1) and "passed" not in run.stdout
