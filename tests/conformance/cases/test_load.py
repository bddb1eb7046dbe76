"""A file that is damaged or somebody else's is refused; one of a network is read like any other."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as packed

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.case import Case, CaseError
from conformance.cases.load import load_case, read_file
from conformance.cases.replay import replay_case
from conformance.cases.save import compute_digest
from conformance.outcome import Outcome
from conformance.targets.resolve import resolve
from lstm_spec import REFERENCE, checked
from tests.helpers.cases import GATE_GRADIENTS, NAN, write_case
from tests.helpers.specimens import said


def damaged(path: Path, folder: Path, how: str) -> Path:
    raw = path.read_bytes()
    changed = {
        "cut off": raw[: len(raw) // 2],
        "empty": b"",
        "text": b"not a case at all",
        "a foreign format": raw.replace(b"lstm-spec case 1", b"lstm-spec case 9"),
        "a missing tensor": raw.replace(b'"drawn.state.c"', b'"drawn.state.d"'),
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
        load_case(path)
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
            checked(load_case(path).asked.problem)
        except CaseError as error:
            refused += 1
            assert str(error).startswith(str(path)) and ";" in str(error)
    assert refused == 300


# What somebody made by hand has a right sum.


def by_hand(path: Path, folder: Path, change: Callable[[dict[str, Any], dict[str, str]], None]) -> Path:
    tensors, about = read_file(path)
    about.pop("digest")
    change(tensors, about)
    target = folder / "case.safetensors"
    target.write_bytes(packed(tensors, about | {"digest": compute_digest(tensors, about)}))
    return target


def reform(about: dict[str, str], noun: str, *at: Any) -> None:
    """Make the example another noun, with these parts between its problem and its cotangents."""
    problem, d = json.loads(about["drawn"])["parts"]
    parts = [problem, *({"plain": part} for part in at), d]
    about["drawn"] = json.dumps({"noun": noun, "parts": parts, "seed": None})


NOTHING = '{"noun": "Problem", "parts": [null], "seed": null}'
BY_HAND: dict[str, tuple[Callable[[dict[str, Any], dict[str, str]], Any], str]] = {
    "no target": (lambda a, about: about.pop("target"), "lacks 'target'"),
    "no form": (lambda a, about: about.pop("drawn"), "lacks 'drawn'"),
    "no state": (lambda a, about: a.pop("drawn.state.c"), "lacks 'drawn.state.c'"),
    "another form": (lambda a, about: reform(about, "dance"), "its form is 'dance'"),
    "no problem": (
        lambda a, about: about.update(drawn='{"noun": "Problem", "parts": [null], "seed": null}'),
        "a NoneType",
    ),
    "no cotangents": (lambda a, about: a.pop("drawn.d.y"), "lacks 'drawn.d.y'"),
    "a cut outside": (lambda a, about: reform(about, "Split", 99), "cut before step 99 of"),
    "a number that is none": (lambda a, about: reform(about, "Split", "one"), "cut before step one of"),
    "another dtype": (lambda a, about: about.update(dtype="float64"), "it is float32, and says float64"),
    "not finite": (
        lambda a, about: a.update({"drawn.x": a["drawn.x"] * np.float32(np.nan)}),
        "some of its numbers are not finite",
    ),
    "a shape that does not fit": (lambda a, about: a.update({"drawn.x": a["drawn.x"][..., None]}), "x has shape"),
    "a loss of another shape": (
        lambda a, about: a.update({"drawn.d.y": a["drawn.d.y"][1:]}),
        "the cotangent of y has shape",
    ),
    "another property": (lambda a, about: about.update(property="flies"), "is about 'flies', which is no property"),
}


@pytest.mark.parametrize("what", BY_HAND)
def test_what_was_made_by_hand_and_is_wrong_is_refused(what: str, gradient_case: Path, tmp_path: Path) -> None:
    change, sentence = BY_HAND[what]
    path = by_hand(gradient_case, tmp_path, change)
    with pytest.raises(CaseError) as refused:
        load_case(path)
    assert sentence in str(refused.value) and str(refused.value).startswith(str(path))


def test_a_number_that_was_changed_is_noticed(case: Path, tmp_path: Path) -> None:
    raw = bytearray(case.read_bytes())
    raw[-1] ^= 1
    path = tmp_path / "case.safetensors"
    path.write_bytes(raw)
    with pytest.raises(CaseError, match="is damaged: its sum is not the one that was written; write it anew with"):
        load_case(path)


def test_an_example_that_is_none_of_its_property_is_no_crash(case: Path, tmp_path: Path) -> None:
    path = by_hand(case, tmp_path, lambda a, about: about.update(property=GATE_GRADIENTS))
    found: Case = load_case(path)
    assert replay_case(found, REFERENCE).outcome is Outcome.SUITE_ERROR
    status, text = said("reproduce", str(path))
    assert status == 4 and "suite error: it is no example of its property (" in text


def test_a_file_has_no_say_in_what_is_imported(case: Path, tmp_path: Path) -> None:
    path = by_hand(case, tmp_path, lambda a, about: about.update(target="os:abort"))
    status, text = said("reproduce", str(path))
    assert status == 3
    assert (
        "names 'os:abort', and a file must not decide what is imported; if you trust it, lstm-conform reproduce" in text
    )


def test_a_case_that_was_asked_with_a_nan_can_be_asked_again(tmp_path: Path) -> None:
    path = write_case(tmp_path, "fault:reads_nan_as_zero", NAN)
    assert replay_case(load_case(path), resolve("fault:reads_nan_as_zero")).outcome is Outcome.REFUTED
    assert replay_case(load_case(path), REFERENCE).outcome is Outcome.HOLDS


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
    path = write_case(tmp_path, target, name)
    case = load_case(path)
    assert replay_case(case, resolve(target)).outcome is Outcome.REFUTED
    assert replay_case(case, REFERENCE).outcome is Outcome.HOLDS
    ran = subprocess.run([sys.executable, path.with_suffix(".py")], capture_output=True, text=True)
    assert ran.returncode == 0 and "where each part is furthest" in ran.stdout, ran.stderr


def test_a_case_of_a_network_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = write_case(tmp_path, "fault:ignores_the_reverse_direction", BOTH_WAYS)
    raw = path.read_bytes()
    for change in ((b"Problem", b"Pr0blem"), (b"reverse", b"rev3rse"), (b'"seed', b'"sead')):
        path.write_bytes(raw.replace(*change))
        assert path.read_bytes() != raw
        with pytest.raises(CaseError):
            load_case(path)
