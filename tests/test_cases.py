"""A refutation can be taken home: written, read, replayed and run without the suite."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from conformance.border import guarded
from conformance.cases import CaseError, load, replay
from conformance.cli import main
from conformance.faults import FAULTS
from lstm_spec import REFERENCE

FAULT = "fault:transposes_the_recurrent_weights_of_f"


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    status, output = said("run", FAULT, "--profile", "quick", "--maxfail", "1", "--out", str(folder))
    path = next(folder.glob("*.safetensors"))
    assert status == 1 and f"lstm-conform reproduce {path} {FAULT}" in " ".join(output.split())
    return path


def test_a_refutation_is_still_one_when_replayed(case: Path) -> None:
    status, output = said("reproduce", str(case))
    assert status == 1 and "still refuted" in output and "× allowed" in output


def test_a_case_holds_on_a_backend_that_is_right(case: Path) -> None:
    status, output = said("reproduce", str(case), "numpy")
    assert status == 0 and "holds" in output


@pytest.mark.parametrize("clause", ["SEQ-4", "GRAD-3", "NET-1", "SHAPE-2"])
def test_every_form_of_example_is_put_together_again(clause: str, tmp_path: Path) -> None:
    name = {
        "SEQ-4": "ignores_the_initial_cell_state",
        "GRAD-3": "drops_the_path_through_the_hidden_state",
        "NET-1": "lets_the_samples_leak",
        "SHAPE-2": "answers_in_float64",
    }[clause]
    said("run", f"fault:{name}", "--profile", "quick", "--clause", clause, "--maxfail", "1", "--out", str(tmp_path))
    found = load(next(tmp_path.glob("*.safetensors")))
    assert replay(found, guarded(FAULTS[name].backend())) is not None
    assert replay(found, guarded(REFERENCE)) is None


def test_the_script_runs_without_the_suite(case: Path) -> None:
    done = subprocess.run([sys.executable, str(case.with_suffix(".py"))], capture_output=True, text=True, check=True)
    assert "error in units of what is allowed" in done.stdout
    text = case.with_suffix(".py").read_text(encoding="utf-8")
    assert "hypothesis" not in text and "safetensors import" not in text


def test_the_file_holds_what_was_expected_and_allowed(case: Path) -> None:
    from safetensors.numpy import load_file

    tensors = load_file(case)
    wrong = np.abs(tensors["got.y"] - tensors["expected.y"]) > tensors["allowed.y"]
    assert wrong.any() or (np.abs(tensors["got.c"] - tensors["expected.c"]) > tensors["allowed.c"]).any()


def damaged(path: Path, folder: Path, how: str) -> Path:
    raw = path.read_bytes()
    changed = {
        "cut off": raw[: len(raw) // 2],
        "empty": b"",
        "text": b"not a case at all",
        "a foreign format": raw.replace(b"lstm-spec case 1", b"lstm-spec case 9"),
        "a missing tensor": raw.replace(b'"state.c"', b'"state.d"'),
        "an unknown property": raw.replace(b'"property":"', b'"property":"un'),
        "a pickle": b"\x80\x04\x95.",
    }[how]
    target = folder / "case.safetensors"
    target.write_bytes(changed)
    return target


@pytest.mark.parametrize(
    "how", ["cut off", "empty", "text", "a foreign format", "a missing tensor", "an unknown property", "a pickle"]
)
def test_a_damaged_or_foreign_file_is_refused_in_a_sentence(case: Path, tmp_path: Path, how: str) -> None:
    path = damaged(case, tmp_path, how)
    with pytest.raises(CaseError):
        load(path)
    status, output = said("reproduce", str(path))
    assert status == 3 and "Traceback" not in output and str(path) in output


def test_a_missing_file_is_refused_in_a_sentence() -> None:
    status, output = said("reproduce", "/no/such/case.safetensors")
    assert status == 3 and "cannot be read (No such file or directory)" in output


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "below"
    status, output = said("run", FAULT, "--profile", "quick", "--maxfail", "1", "--out", str(out))
    assert status == 1 and "no case written" in output and "choose another --out" in output
