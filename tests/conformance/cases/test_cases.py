"""A failure can be taken home: written, read, replayed and run without the suite."""

import json
import random
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import deserialize
from safetensors.numpy import save as packed

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.case import Case, CaseError
from conformance.cases.load import load
from conformance.cases.replay import Replayed, replay, steps
from conformance.cases.save import save
from conformance.cases.text import step_lines
from conformance.outcome import Outcome
from conformance.property import PROPERTIES
from conformance.run.judge import judge
from conformance.run.profiles import PROFILES
from conformance.targets.origin import Origin
from conformance.targets.resolve import resolve
from conformance.verdict import Verdict
from lstm_spec import REFERENCE, Backend, Shapes, checked
from tests.helpers import specimens
from tests.helpers.specimens import describing, said

ANSWER = "the_answer_is_that_of_the_equations"
GATE_GRADIENTS = "the_gate_gradients_are_the_derivatives_of_the_equations"
NAN = "a_nan_is_seen_in_every_output_of_its_sample_from_its_step_on"
FREE_GRADIENTS = "the_gradients_without_probes_are_those_of_the_equations"
TRANSPOSED = "fault:transposes_the_recurrent_weights_of_f"
CUT = "fault:drops_the_path_through_the_hidden_state"


@cache
def judged(target: str, name: str, dtype: str = "float32") -> Verdict:
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    return judge(prop, resolve(target), dtype, PROFILES["quick"])


def written(folder: Path, target: str, name: str, dtype: str = "float32") -> Path:
    path = save(folder, resolve(target), judged(target, name, dtype), Origin(target, 0))
    assert path is not None
    return path


def arrays(path: Path) -> dict[str, Any]:
    return {name: load._array(name, entry) for name, entry in deserialize(path.read_bytes())}  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("case"), TRANSPOSED, ANSWER)


@pytest.fixture(scope="module")
def gradient_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("case"), CUT, GATE_GRADIENTS)


# ---------------------------------------------------------------- what is written


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
    assert load(path).about["clause"] == "CONTRACT-3"


def test_the_file_holds_the_question_what_was_expected_and_what_is_allowed(case: Path) -> None:
    found = arrays(case)
    assert {"x", "f.U", "state.c", "asked.x", "asked.f.U", "asked.state.c"} <= set(found)
    assert found["allowed.y"].shape == found["expected.y"].shape == found["got.y"].shape
    wrong = [np.abs(found[f"got.{k}"] - found[f"expected.{k}"]) > found[f"allowed.{k}"] for k in ("y", "c_T")]
    assert any(part.any() for part in wrong)


def test_the_file_says_of_what_it_is_and_by_which_versions(case: Path) -> None:
    about = load(case).about
    assert (about["clause"], about["target"], about["seed"], about["grade"]) == ("CELL-1", TRANSPOSED, "0", "relative")
    assert {"lstm-spec", "numpy", "hypothesis", "specification", TRANSPOSED} <= set(json.loads(about["versions"]))


PARTS = {"dW", "dU", "db", "dx", "dh_0", "dc_0"}


@pytest.mark.parametrize("name, quantities", [(GATE_GRADIENTS, PARTS | {"dz"}), (FREE_GRADIENTS, PARTS)])
def test_so_does_that_of_a_gradient(name: str, quantities: set[str], tmp_path: Path) -> None:
    found = arrays(written(tmp_path, CUT, name))
    assert {k.removeprefix("allowed.") for k in found if k.startswith("allowed.d")} == quantities
    assert all(found[f"allowed.{k}"].shape == found[f"got.{k}"].shape for k in quantities)
    assert any((np.abs(found[f"got.{k}"] - found[f"expected.{k}"]) > found[f"allowed.{k}"]).any() for k in quantities)


def test_the_probes_are_not_written_but_counted(gradient_case: Path) -> None:
    asked = load(gradient_case).asked
    _, _, I, H = asked.problem.sizes
    assert asked.probes == (0, 4 * H, I + 4 * H)


def test_an_exception_has_a_case_with_the_question_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "tests.helpers.specimens:raises", ANSWER)
    assert not any(name.startswith(("got.", "expected.")) for name in arrays(path))
    assert replay(load(path), specimens.raises) == (Outcome.ERRORED, "it raised RuntimeError: the kernel crashed")


def test_two_properties_that_shrink_to_the_same_problem_have_two_cases(tmp_path: Path) -> None:
    first = judged(TRANSPOSED, ANSWER)
    verdicts = (replace(first, property=prop) for prop in PROPERTIES if prop.clauses[0] == first.property.clauses[0])
    paths = [save(tmp_path, resolve(TRANSPOSED), verdict, Origin(TRANSPOSED, 0)) for verdict in verdicts]
    assert len(set(paths)) == len(paths) > 1


def test_the_same_failure_has_the_same_case(case: Path, tmp_path: Path) -> None:
    again = written(tmp_path, TRANSPOSED, ANSWER)
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
    assert status == 1 and text.count("no case written") == 1 and "choose another --out" in text
    assert "REFUTED  " in text and "reproduce" not in text


# ---------------------------------------------------------------- asked again

FORMS = {
    "problem": (TRANSPOSED, ANSWER),
    "problem and seed": ("fault:swaps_input_and_forget_gates", "the_input_gate_read_alone_is_the_logistic_function"),
    "question": (CUT, GATE_GRADIENTS),
    "question and seed": (CUT, "the_gradient_is_the_adjoint_of_the_tangent"),
    "split": (CUT, "the_gradient_of_a_sequence_is_that_of_its_halves_chained"),
    "malformed": ("fault:answers_problems_that_do_not_fit", "a_problem_whose_shapes_do_not_fit_is_refused"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_example_is_put_together_again(form: str, tmp_path: Path) -> None:
    target, name = FORMS[form]
    found = load(written(tmp_path, target, name))
    assert replay(found, resolve(target)).outcome is Outcome.REFUTED
    assert replay(found, REFERENCE) == Replayed(Outcome.HOLDS)


def test_reproduce_says_that_it_is_refuted_still(case: Path) -> None:
    status, text = said("reproduce", str(case))
    assert status == 1
    assert text.startswith("CELL-1  the answer is that of the equations  (float32, written with seed 0)\n")
    assert "largest error of y" in text and "× allowed" in text
    assert text.splitlines()[-1].startswith("still refuted: y is further from the equations")


def test_reproduce_says_that_it_holds_on_a_backend_that_is_right(case: Path) -> None:
    status, text = said("reproduce", str(case), "numpy")
    assert status == 0 and text.endswith("holds: it is not refuted by this case any more\n")


NOT_ASKED: dict[str, tuple[Backend, str]] = {
    "another dtype": (describing("narrow", dtypes=("float64",)), "it does not claim float32"),
    "no gradients": (specimens.forward_only, "it does not claim gradients"),
    "other shapes": (describing("eights", shapes=Shapes(H=range(8, 9))), "its shapes exclude H = "),
}


@pytest.mark.parametrize("what", NOT_ASKED)
def test_a_backend_is_not_asked_what_it_does_not_claim(what: str, gradient_case: Path) -> None:
    backend, reason = NOT_ASKED[what]
    found = load(gradient_case)
    said = replay(found, backend)
    assert said.outcome is Outcome.NOT_CLAIMED and said.detail.startswith(reason) and steps(found, backend) == []


def test_reproduce_is_neither_green_nor_red_where_nothing_was_asked(gradient_case: Path) -> None:
    status, text = said("reproduce", str(gradient_case), "tests.helpers.specimens:forward_only")
    assert status == 5 and text.endswith("not claimed: it does not claim gradients\n")


def test_the_steps_of_a_gradient_go_backwards(gradient_case: Path) -> None:
    told = steps(load(gradient_case), resolve(CUT))
    T = len(load(gradient_case).asked.problem.x)
    assert [step.t for step in told if step.quantity == "dz"] == list(range(T))[::-1]
    assert [step.t for step in told if step.quantity == "y"] == list(range(T))
    assert {step.quantity for step in told if step.t is None} == {"c_T"} | PARTS
    assert max(step.ratio for step in told if step.quantity == "dz") > 1
    assert all(step.ratio <= 1 for step in told if step.quantity == "y")


def test_many_steps_are_told_in_few_lines() -> None:
    within = [replay.Step("y", t, 1e-9, 0.01 * t) for t in range(50)]
    beyond = [replay.Step("y", t, 1e-3, 1e3) for t in range(50, 4000)]
    lines = step_lines([*within, *beyond])
    assert lines[0] == "  t=0…49  largest error of y     1e-9, 0.49 × allowed"
    assert lines[1] == "  t=50    largest error of y     0.001, 1 000 × allowed"
    assert lines[-1] == "  and 3930 more steps beyond what is allowed" and len(lines) == 22


# ---------------------------------------------------------------- the script

MINE = """
from dataclasses import replace

import numpy as np

from lstm_spec import REFERENCE, checked, wide_inside


def swapped(problem):
    layer = checked(problem).layer
    return replace(problem, parameters=((layer._replace(i=layer.f, f=layer.i),),))


def doubled(answer, gradients):
    return answer, replace(gradients, x=2 * gradients.x)


WRONG = replace(REFERENCE, name="mine", forward=lambda problem: REFERENCE.forward(swapped(problem)), gradients=None)
WIDE = wide_inside(WRONG)
GRADIENT = replace(REFERENCE, name="mine", gradients=lambda problem, d: doubled(*REFERENCE.gradients(problem, d)))


class Models:
    wrong = WRONG


def made(device="cpu"):
    return replace(WRONG, description=replace(WRONG.description, device=device))
"""

SCRIPTS: dict[str, tuple[str, str, str, str | None, str]] = {
    "float32": ("mine:WRONG", ANSWER, "float32", None, "y["),
    "float64": ("mine:WRONG", ANSWER, "float64", None, "y["),
    "bfloat16": ("mine:WIDE", ANSWER, "bfloat16", None, "y["),
    "float16": ("mine:WIDE", ANSWER, "float16", None, "y["),
    "a gradient": ("mine:GRADIENT", GATE_GRADIENTS, "float32", None, "dz["),
    "a gradient without probes": ("mine:GRADIENT", FREE_GRADIENTS, "float32", None, "dx["),
    "a dotted name": ("mine:Models.wrong", ANSWER, "float32", None, "y["),
    "a function": ("mine:made", ANSWER, "float32", None, "y["),
    "a function of the device": ("mine:made", ANSWER, "float32", "cuda", "y["),
}
ALONE = """
import runpy, sys
runpy.run_path(sys.argv[1])
suite = {"conformance", "hypothesis", "safetensors", "click", "rich"} & {name.split(".")[0] for name in sys.modules}
assert not suite, suite
"""


def run_alone(path: Path, folder: Path) -> str:
    command = [sys.executable, "-c", ALONE, str(path)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ratios(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if "error in units of what is allowed" in line]
    return {line.split("[")[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


@pytest.mark.parametrize("what", SCRIPTS)
def test_the_script_shows_it_without_the_suite(what: str, tmp_path: Path) -> None:
    target, name, dtype, device, seen = SCRIPTS[what]
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    module = runpy.run_path(str(tmp_path / "mine.py"))
    first, _, rest = target.partition(":")[2].partition(".")
    found = getattr(module[first], rest) if rest else module[first]
    backend = found if isinstance(found, Backend) else found(device or "cpu")
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    verdict = judge(prop, backend, dtype, PROFILES["quick"])
    path = save(tmp_path / "out", backend, verdict, Origin(target, 0, device))
    assert path is not None
    text = run_alone(path.with_suffix(".py"), tmp_path)
    assert text.startswith(verdict.detail)
    assert ratios(text)[seen[:-1]] > 1
    assert "ml_dtypes" not in path.with_suffix(".py").read_text() or dtype == "bfloat16"
    assert f"found({device!r})" in path.with_suffix(".py").read_text() or device is None


def test_the_script_of_an_entry_point_runs_without_the_suite(tmp_path: Path) -> None:
    verdict = judged("tests.helpers.specimens:differentiates_another_lstm", GATE_GRADIENTS)
    path = save(tmp_path, specimens.differentiates_another_lstm, verdict, Origin("numpy", 0))
    assert path is not None
    found = ratios(run_alone(path.with_suffix(".py"), tmp_path))
    assert set(found) == PARTS | {"y", "c_T", "dz"} and found["y"] <= 1


def test_the_script_of_a_known_fault_asks_the_catalogue(case: Path) -> None:
    done = subprocess.run([sys.executable, str(case.with_suffix(".py"))], capture_output=True, text=True, check=True)
    assert max(ratios(done.stdout).values()) > 1


# ---------------------------------------------------------------- files that are damaged, or somebody else's


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
        "a huge header": (2**63 - 1).to_bytes(8, "little") + raw[8:],
        "a header longer than the file": (len(raw) + 1).to_bytes(8, "little") + raw[8:],
        "a negative shape": raw.replace(b'"shape":[', b'"shape":[-', 1),
        "a dtype of other things": raw.replace(b'"F32"', b'"I32"', 1),
        "no metadata": packed({"x": np.ones(3)}),
    }[how]
    target = folder / "case.safetensors"
    target.write_bytes(changed)
    return target


DAMAGES = (
    "cut off",
    "empty",
    "text",
    "a foreign format",
    "a missing tensor",
    "an unknown property",
    "a pickle",
    "a huge header",
    "a header longer than the file",
    "a negative shape",
    "a dtype of other things",
    "no metadata",
)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_or_foreign_file_is_refused_in_a_sentence(case: Path, tmp_path: Path, how: str) -> None:
    path = damaged(case, tmp_path, how)
    with pytest.raises(CaseError):
        load(path)
    status, text = said("reproduce", str(path))
    assert status == 3 and text.startswith(f"lstm-conform: {path} ") and text.count("\n") == 1


def test_a_missing_file_is_refused_in_a_sentence() -> None:
    status, text = said("reproduce", "/no/such/case.safetensors")
    assert status == 3 and "cannot be read (No such file or directory); name a case that `run` wrote" in text


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, or the end cut off; as often in the header as in the numbers."""
    header = 8 + int.from_bytes(raw[:8], "little")
    if rng.random() < 0.2:
        return raw[: rng.randrange(len(raw))]
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        at = rng.randrange(header) if rng.random() < 0.5 else rng.randrange(len(raw))
        changed[at] ^= rng.randrange(1, 256)
    return bytes(changed)


def test_no_mutation_is_anything_but_refused_or_whole(gradient_case: Path, tmp_path: Path) -> None:
    raw, rng, path = gradient_case.read_bytes(), random.Random(1), tmp_path / "case.safetensors"
    refused = 0
    for _ in range(300):
        path.write_bytes(mutated(raw, rng))
        try:
            checked(load(path).asked.problem)
        except CaseError as error:
            refused += 1
            assert str(error).startswith(str(path)) and ";" in str(error)
    assert refused == 300


# What somebody made by hand has a right sum.


def by_hand(path: Path, folder: Path, change: Callable[[dict[str, Any], dict[str, str]], None]) -> Path:
    tensors, about = load.read_file(path)
    about.pop("digest")
    change(tensors, about)
    target = folder / "case.safetensors"
    target.write_bytes(packed(tensors, about | {"digest": save.digest(tensors, about)}))
    return target


BY_HAND: dict[str, tuple[Callable[[dict[str, Any], dict[str, str]], Any], str]] = {
    "no target": (lambda a, about: about.pop("target"), "lacks 'target'"),
    "no form": (lambda a, about: about.pop("form"), "lacks 'form'"),
    "no state": (lambda a, about: a.pop("state.c"), "lacks 'state.c'"),
    "another form": (lambda a, about: about.update(form="dance"), "its form is 'dance'"),
    "no cotangents": (lambda a, about: about.update(form="split", at="1") or a.pop("d.y"), "lacks 'd.y'"),
    "a cut outside": (lambda a, about: about.update(form="split", at="99"), "cut before step 99 of"),
    "a number that is none": (lambda a, about: about.update(form="split", at="one"), "invalid literal"),
    "another dtype": (lambda a, about: about.update(dtype="float64"), "it is float32, and says float64"),
    "not finite": (lambda a, about: a.update(x=a["x"] * np.float32(np.nan)), "some of its numbers are not finite"),
    "a shape that does not fit": (lambda a, about: a.update(x=a["x"][..., None]), "x has shape"),
    "a loss of another shape": (
        lambda a, about: a.update({"d.y": a["d.y"][1:]}),
        "the cotangent of y has shape",
    ),
    "another property": (lambda a, about: about.update(property="flies"), "is about 'flies', which is no property"),
}


@pytest.mark.parametrize("what", BY_HAND)
def test_what_was_made_by_hand_and_is_wrong_is_refused(what: str, gradient_case: Path, tmp_path: Path) -> None:
    change, sentence = BY_HAND[what]
    path = by_hand(gradient_case, tmp_path, change)
    with pytest.raises(CaseError) as refused:
        load(path)
    assert sentence in str(refused.value) and str(refused.value).startswith(str(path))


def test_a_number_that_was_changed_is_noticed(case: Path, tmp_path: Path) -> None:
    raw = bytearray(case.read_bytes())
    raw[-1] ^= 1
    path = tmp_path / "case.safetensors"
    path.write_bytes(raw)
    with pytest.raises(CaseError, match="is damaged: its sum is not the one that was written; write it anew with"):
        load(path)


def test_an_example_that_is_none_of_its_property_is_no_crash(case: Path, tmp_path: Path) -> None:
    path = by_hand(case, tmp_path, lambda a, about: about.update(property=GATE_GRADIENTS))
    found: Case = load(path)
    assert replay(found, REFERENCE).outcome is Outcome.SUITE_ERROR
    status, text = said("reproduce", str(path))
    assert status == 4 and "suite error: it is no example of its property (" in text


def test_a_file_has_no_say_in_what_is_imported(case: Path, tmp_path: Path) -> None:
    path = by_hand(case, tmp_path, lambda a, about: about.update(target="os:abort"))
    status, text = said("reproduce", str(path))
    assert status == 3
    assert "names 'os:abort', and a file may not say what is imported; if you trust it, lstm-conform reproduce" in text


def test_a_case_that_was_asked_with_a_nan_can_be_asked_again(tmp_path: Path) -> None:
    path = written(tmp_path, "fault:reads_nan_as_zero", NAN)
    assert replay(load(path), resolve("fault:reads_nan_as_zero")).outcome is Outcome.REFUTED
    assert replay(load(path), REFERENCE).outcome is Outcome.HOLDS


BOTH_WAYS = "two_directions_read_side_by_side"
ENDS = "no_gradient_comes_from_beyond_a_length"


@pytest.mark.parametrize(
    "target, name",
    [
        ("fault:ignores_the_reverse_direction", BOTH_WAYS),
        ("fault:leaves_an_input_gradient_in_the_padding", ENDS),
        ("fault:ignores_the_lengths", "a_feature_that_is_claimed_is_not_ignored"),
    ],
)
def test_a_case_of_a_network_is_written_read_asked_again_and_run(tmp_path: Path, target: str, name: str) -> None:
    path = written(tmp_path, target, name)
    case = load(path)
    assert replay(case, resolve(target)).outcome is Outcome.REFUTED
    assert replay(case, REFERENCE).outcome is Outcome.HOLDS
    ran = subprocess.run([sys.executable, path.with_suffix(".py")], capture_output=True, text=True)
    assert ran.returncode == 0 and "where each part is furthest" in ran.stdout, ran.stderr


def test_a_case_of_a_network_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "fault:ignores_the_reverse_direction", BOTH_WAYS)
    raw = path.read_bytes()
    for change in ((b"Problem", b"Pr0blem"), (b"reverse", b"rev3rse"), (b'"seed', b'"sead')):
        path.write_bytes(raw.replace(*change))
        assert path.read_bytes() != raw
        with pytest.raises(CaseError):
            load(path)
