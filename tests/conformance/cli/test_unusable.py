"""A target that cannot be used is refused in one sentence with the remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

import lstm_conform
from conformance.report.status import FAILED, UNUSABLE
from tests.helpers.messages import EQUATIONS, assert_one_sentence
from tests.helpers.specimens import said, target

pytestmark = pytest.mark.usefixtures("elsewhere")

UNUSABLE_TARGETS = {
    "no such module": (
        "tests.no_such:THING",
        "module 'tests.no_such' cannot be imported (ModuleNotFoundError: No module named 'tests.no_such')",
        "run it from the folder that holds the module",
    ),
    "no module": (":THING", "names no module", "write the name of a backend, module:NAME or file.py:NAME"),
    "no file": ("no_such.py:THING", "there is no file", "write file.py:NAME or module:NAME"),
    "no such attribute": (target("raizes"), "has no 'raizes', did you mean 'raises'?", "name a Backend"),
    "no attribute": (target(""), "Backends in it", "name one of them: tests.helpers.specimens:"),
    "no such part of a name": (target("raises.name.colour"), "has no 'raises.name.colour'", "name a Backend"),
    "no backend": (target("NOT_A_BACKEND"), "is of type object, expected an lstm_spec.Backend", "from_packed"),
    "a function that makes none": (
        target("makes_something_else"),
        "makes something that is the text 'lstm', expected an lstm_spec.Backend",
        "import what it names and pass that",
    ),
    "unknown": ("numppy", "is not an installed backend (cupy, numpy, torch), did you mean 'numpy'?", "package.module:"),
    "unknown, and like no other": ("zzz", "is not an installed backend (cupy, numpy, torch);", "package.module:NAME"),
    "unknown fault": (
        "fault:swaps_input_and_forget_gate",
        "is not in the catalogue, did you mean 'swaps_input_and_forget_gates'?",
        "see lstm-conform list faults",
    ),
    "unavailable, installed": ("cupy", "cupy is unavailable: cupy cannot be imported", "lstm-spec[cuda13x]"),
    "unavailable, one's own": (target("unavailable"), "is unavailable: there is no tpu here", "buy one"),
    "raises when made": (
        target("raises_when_made"),
        "making the backend raised ValueError: cannot make 'tpu'",
        "raise lstm_spec.BackendUnavailable if it cannot be used here",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE_TARGETS.values(), ids=UNUSABLE_TARGETS)
def test_a_target_that_cannot_be_used_is_named_with_the_remedy(case: tuple[str, str, str]) -> None:
    status, text = said("run", case[0])
    assert status == UNUSABLE
    assert_one_sentence(text, case[0].removeprefix("fault:"), *case[1:])


def test_a_missing_torch_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    status, text = said("run", "torch")
    assert status == UNUSABLE
    assert_one_sentence(text, "torch is unavailable: torch cannot be imported", 'pip install "lstm-spec[torch]"')


def test_a_device_that_a_backend_does_not_run_on_is_refused() -> None:
    status, text = said("run", "numpy", "--device", "cuda")
    assert status == UNUSABLE
    assert_one_sentence(text, "target 'numpy' runs on cpu only, not on 'cuda'", "drop --device")


def test_a_function_is_handed_the_device() -> None:
    _, text = said("run", target("unavailable"), "--device", "npu")
    assert "there is no npu here" in text


@pytest.mark.parametrize(
    "field", [{"grades": "names_an_unknown_grade"}, {"shapes": "gives_a_size_for_a_range"}], ids=str
)
def test_a_malformed_description_is_the_targets_fault_and_not_the_suites(field: dict[str, str]) -> None:
    ((_, name),) = field.items()
    status, text = said("run", target(name), *EQUATIONS)
    assert "suite error" not in text
    assert status in (FAILED, UNUSABLE)


def test_an_extra_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lstm_conform, "NEEDED", ("click", "no_such_package"))
    with pytest.raises(SystemExit) as stopped:
        lstm_conform.main()
    assert stopped.value.code == UNUSABLE
    assert_one_sentence(capsys.readouterr().err, 'no_such_package not installed; pip install "lstm-spec[conformance]"')


def test_a_folder_that_shadows_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "__init__.py").touch()
    command = [sys.executable, "-c", "import lstm_conform; lstm_conform.main()"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == UNUSABLE
    assert_one_sentence(done.stderr, str(tmp_path / "conformance"), "instead of ours", "run it from another folder")
