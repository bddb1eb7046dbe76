"""What is written of a failure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.load import load_case
from conformance.cases.replay import replay_case
from conformance.cases.save import save_case
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.targets.origin import Origin
from conformance.targets.resolve import resolve
from tests.helpers import specimens
from tests.helpers.cases import (
    ANSWER,
    CUT,
    FREE_GRADIENTS,
    GATE_GRADIENTS,
    PARTS,
    TRANSPOSED,
    judge_target,
    read_arrays,
    write_case,
)
from tests.helpers.specimens import said


def test_every_failure_at_every_dtype_has_a_case(tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "report.json"
    options = ("--examples", "5", "-k", "_of_the_equations", "--out", str(out), "--json", str(file))
    status, text = said("run", TRANSPOSED, *options)
    verdicts = json.loads(file.read_text())["targets"][0]["verdicts"]
    refuted = [verdict for verdict in verdicts if verdict["outcome"] == "refuted"]
    assert status == 1 and {v["dtype"] for v in refuted} == {"float32", "float64", "bfloat16", "float16"}
    paths = {verdict["case"] for verdict in refuted}
    assert len(paths) == len(refuted) == len(verdicts) == 16 and paths == {
        str(path) for path in out.glob("*.safetensors")
    }
    assert all(Path(path).with_suffix(".py").exists() for path in paths)
    assert f"and {len(paths) - 1} more cases in {out}/" in text


def test_a_refuted_should_has_a_case_too(tmp_path: Path) -> None:
    said("run", "tests.helpers.specimens:absolute", "--profile", "quick", "-k", "do_not_fit", "--out", str(tmp_path))
    (path,) = tmp_path.glob("*.safetensors")
    assert load_case(path).about["clause"] == "CONTRACT-3"


def test_the_files_name_the_clause_that_the_report_names(tmp_path: Path) -> None:
    target, out = "fault:does_not_squash_the_cell_state", ("--out", str(tmp_path), "--profile", "quick")
    _, text = said("run", target, "-k", ANSWER, *out)
    (case,) = tmp_path.glob("values-*.safetensors")
    assert "REFUTED  CELL-6  The short-term memory" in text and load_case(case).about["clause"] == "CELL-6"
    sentence = ANSWER.replace("_", " ")
    assert case.with_suffix(".py").read_text().startswith(f'"""{sentence} (CELL-6): refuted, as {case.name} shows.')
    assert said("reproduce", str(case), target)[1].startswith(f"CELL-6  {sentence}  (float32")


def test_the_file_holds_the_question_what_was_expected_and_what_is_allowed(case: Path) -> None:
    found = read_arrays(case)
    assert {f"{what}.{part}" for what in ("drawn", "asked") for part in ("x", "f.U", "state.c")} <= set(found)
    assert found["allowed.y"].shape == found["expected.y"].shape == found["got.y"].shape
    wrong = [np.abs(found[f"got.{k}"] - found[f"expected.{k}"]) > found[f"allowed.{k}"] for k in ("y", "c_T")]
    assert any(part.any() for part in wrong)


def test_the_file_says_of_what_it_is_and_by_which_versions(case: Path) -> None:
    about = load_case(case).about
    assert about["clause"].split() == [
        *judge_target(TRANSPOSED, ANSWER).property.clauses
    ]  # which of them is broken is not known
    assert (about["target"], about["seed"], about["grade"]) == (TRANSPOSED, "0", "relative")
    assert {"lstm-spec", "numpy", "hypothesis", "specification", TRANSPOSED} <= set(json.loads(about["versions"]))


@pytest.mark.parametrize("name, quantities", [(GATE_GRADIENTS, PARTS | {"dz"}), (FREE_GRADIENTS, PARTS)])
def test_so_does_that_of_a_gradient(name: str, quantities: set[str], tmp_path: Path) -> None:
    found = read_arrays(write_case(tmp_path, CUT, name))
    assert {k.removeprefix("allowed.") for k in found if k.startswith("allowed.d")} == quantities
    assert all(found[f"allowed.{k}"].shape == found[f"got.{k}"].shape for k in quantities)
    assert any((np.abs(found[f"got.{k}"] - found[f"expected.{k}"]) > found[f"allowed.{k}"]).any() for k in quantities)


def test_the_probes_are_not_written_but_counted(gradient_case: Path) -> None:
    asked = load_case(gradient_case).asked
    _, _, I, H = asked.problem.sizes
    assert asked.probes == (0, 4 * H, I + 4 * H)


def test_an_exception_has_a_case_with_the_question_alone(tmp_path: Path) -> None:
    path = write_case(tmp_path, "tests.helpers.specimens:raises", ANSWER)
    assert not any(name.startswith(("got.", "expected.")) for name in read_arrays(path))
    assert replay_case(load_case(path), specimens.raises) == (
        Outcome.ERRORED,
        "it raised RuntimeError: the kernel crashed",
    )


def test_two_properties_that_shrink_to_the_same_problem_have_two_cases(tmp_path: Path) -> None:
    first = judge_target(TRANSPOSED, ANSWER)
    verdicts = (replace(first, property=prop) for prop in PROPERTIES if prop.clauses[0] == first.property.clauses[0])
    paths = [save_case(tmp_path, resolve(TRANSPOSED), verdict, Origin(TRANSPOSED, 0)) for verdict in verdicts]
    assert len(set(paths)) == len(paths) > 1


def test_the_same_failure_has_the_same_case(case: Path, tmp_path: Path) -> None:
    again = write_case(tmp_path, TRANSPOSED, ANSWER)
    assert again.name == case.name and len(again.read_bytes()) == len(case.read_bytes())


@pytest.mark.parametrize("where", ["a file in the way", "a folder that is read-only"])
def test_a_folder_that_cannot_be_written_is_a_sentence(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, data: bytes) -> None:
        raise PermissionError(13, "Permission denied")

    out = tmp_path
    if where == "a file in the way":
        (tmp_path / "file").write_text("")
        out = tmp_path / "file" / "below"
    else:
        monkeypatch.setattr(Path, "write_bytes", refused)
    status, text = said("run", TRANSPOSED, "--profile", "quick", "-k", ANSWER, "--out", str(out))
    assert status == 1 and text.count("no case was written") == 1 and "choose another --out" in text
    assert "REFUTED  " in text and "reproduce" not in text
