"""What somebody made by hand has a right sum; what is wrong with it is refused all the same."""

import json
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
from lstm_spec import REFERENCE
from tests.helpers.cases import GATE_GRADIENTS, NAN, write_case
from tests.helpers.specimens import said


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


def replace_part(about: dict[str, str], key: str, new: Any, *path: Any) -> None:
    form = at = json.loads(about[key])
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    about[key] = json.dumps(form)


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
    "a number where cotangents are": (
        lambda a, about: replace_part(about, "drawn", {"plain": 5}, "parts", 1),
        "a int stands where Cotangents is expected",
    ),
    "a part too few": (lambda a, about: reform(about, "Problem"), "argument"),
    "a form that is none": (lambda a, about: about.update(drawn="[" * 100_000), "its form cannot be read"),
    "a layer without gates": (
        lambda a, about: replace_part(about, "drawn", "drawn.x", "parts", 0, 1, 1, 1),
        "its form cannot be read",
    ),
    "a noun without parts": (lambda a, about: replace_part(about, "drawn", [], "parts", 0), "its form cannot be read"),
    "an endless seed": (lambda a, about: replace_part(about, "drawn", 1e999, "seed"), "its form cannot be read"),
    "a seed of what was asked": (
        lambda a, about: replace_part(about, "asked", 1, "seed"),
        "a tuple stands where the question that was asked last is expected",
    ),
    "a cut outside": (lambda a, about: reform(about, "Split", 99), "cut before step 99 of"),
    "a number that is none": (lambda a, about: reform(about, "Split", "one"), "a str stands where int is expected"),
    "another dtype": (lambda a, about: about.update(dtype="float64"), "it is float32, and says float64"),
    "not finite": (
        lambda a, about: a.update({"drawn.x": a["drawn.x"] * np.float32(np.nan)}),
        "some of its numbers are not finite",
    ),
    "not finite under another name": (
        lambda a, about: (
            a.update(elsewhere=a["drawn.x"] * np.float32(np.nan)),
            replace_part(about, "drawn", "elsewhere", "parts", 0, 2),
        ),
        "some of its numbers are not finite",
    ),
    "a shape that does not fit": (lambda a, about: a.update({"drawn.x": a["drawn.x"][..., None]}), "x has shape"),
    "a loss of another shape": (
        lambda a, about: a.update({"drawn.d.y": a["drawn.d.y"][1:]}),
        "the cotangent of y has shape",
    ),
    "a clause that does not exist": (lambda a, about: about.update(clause="CELL-99"), "its clause is 'CELL-99', expec"),
    "a clause with a path": (lambda a, about: about.update(clause="../x"), "its clause is '../x', expected ids of"),
    "a negative seed": (lambda a, about: about.update(seed="-1"), "its seed is '-1', expected a number that is not"),
    "a seed with colours": (lambda a, about: about.update(seed="0\x1b[31m"), "its seed is '0\\x1b[31m', expected"),
    "a seed of 5,000 digits": (lambda a, about: about.update(seed="9" * 5000), "its seed is '99"),
    "a target on two lines": (lambda a, about: about.update(target="numpy\nx"), "its target is 'numpy\\nx', expected"),
    "a target with a title": (lambda a, about: about.update(target="\x1b]0;x\x07"), "its target is '\\x1b]0;x\\x07',"),
    "an endless target": (lambda a, about: about.update(target="x" * 5000), "its target is 'xx"),
    "an unknown grade": (lambda a, about: about.update(grade="generous"), "its grade is 'generous', expected the name"),
    "another outcome": (lambda a, about: about.update(outcome="fine"), "its outcome is 'fine', expected one of holds"),
    "a reason with colours": (
        lambda a, about: about.update(reason="\x9b2J"),
        "its reason is '\\x9b2J', expected",
    ),
    "an endless reason": (lambda a, about: about.update(reason="x" * 5000), "its reason is 'xx"),
    "probes beyond the gates": (lambda a, about: about.update(probes="0 999 9999"), "its probes are '0 999 9999', ex"),
    "probes for all memory": (lambda a, about: about.update(probes=f"0 4 {10**12}"), "its probes are '0 4 1000000000"),
    "probes that are none": (lambda a, about: about.update(probes="one two"), "its probes are 'one two', expected"),
    "no probes, by number": (lambda a, about: about.update(probes="0 0 0"), "its probes are '0 0 0', expected"),
    "a negative seed of the example": (
        lambda a, about: replace_part(about, "drawn", -1, "seed"),
        "its form cannot be read: its seed is -1",
    ),
    "half a seed": (lambda a, about: replace_part(about, "drawn", 0.5, "seed"), "its seed is 0.5, expected a natural"),
    "a seed that is true": (lambda a, about: replace_part(about, "drawn", True, "seed"), "its seed is True, expected"),
    "more steps than anybody has": (
        lambda a, about: (
            a.update({name: a[name][:, :0] for name in ("drawn.state.h", "drawn.state.c", "drawn.d.h", "drawn.d.c")}),
            a.update({"drawn.x": np.empty((2**40, 0, a["drawn.x"].shape[2]), "float32")}),
            a.update({"drawn.d.y": np.empty((2**40, 0, a["drawn.d.y"].shape[2]), "float32")}),
        ),
        "a size of <Problem T=1099511627776 B=0",
    ),
    "an array where a number is": (
        lambda a, about: replace_part(about, "drawn", ["scalar", "drawn.x"], "parts", 0, 5, 2),
        "cannot reshape array",
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


def test_a_file_that_says_nothing_fit_for_a_terminal_is_refused_in_one_line(case: Path, tmp_path: Path) -> None:
    """What an example is made of has names of types, and they reach the sentence."""
    module = {"module": "m", "name": "evil\x1b]0;title\x07\r\n"}
    path = by_hand(case, tmp_path, lambda a, about: replace_part(about, "drawn", module, "parts", 0, 2))
    status, text = said("reproduce", str(path))
    assert status == 3 and text.removesuffix("\n").isprintable() and r"evil\x1b]0;title\x07" in text


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


def test_an_example_of_another_shape_of_a_network_is_no_crash(tmp_path: Path) -> None:
    ends = write_case(tmp_path, "fault:ignores_the_lengths", "a_feature_that_is_claimed_is_not_ignored")
    tensors, about = read_file(ends)
    problem = json.dumps(
        json.loads(about["drawn"]) | {"noun": "Problem", "parts": json.loads(about["drawn"])["parts"][:1]}
    )
    path = by_hand(ends, tmp_path, lambda a, about: about.update(drawn=problem))
    status, text = said("reproduce", str(path))
    assert status == 4 and "suite error: it is no example of its property (" in text


@pytest.mark.parametrize("target", ["os:abort", "antigravity", "antigravity:", "./mine.py", "~/mine.py:BACKEND"])
def test_a_file_has_no_say_in_what_is_imported(target: str, case: Path, tmp_path: Path) -> None:
    path = by_hand(case, tmp_path, lambda a, about: about.update(target=target))
    status, text = said("reproduce", str(path))
    assert status == 3 and "antigravity" not in sys.modules
    sentence = f"names {target!r}, and a file must not decide what is imported; if you trust it, lstm-conform reproduce"
    assert sentence in text


def test_a_case_that_was_asked_with_a_nan_can_be_asked_again(tmp_path: Path) -> None:
    path = write_case(tmp_path, "fault:reads_nan_as_zero", NAN)
    assert replay_case(load_case(path), resolve("fault:reads_nan_as_zero")).outcome is Outcome.REFUTED
    assert replay_case(load_case(path), REFERENCE).outcome is Outcome.HOLDS
