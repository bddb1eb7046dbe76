"""A file that is damaged or somebody else's is refused; one of a network is read like any other."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as packed

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.case import CaseError
from conformance.cases.load import load_case
from conformance.cases.replay import replay_case
from conformance.outcome import Outcome
from conformance.targets.resolve import resolve
from lstm_spec import REFERENCE, checked
from tests.helpers.cases import write_case
from tests.helpers.odd_files import make_odd_file
from tests.helpers.specimens import said


def make_file(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


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
        "a header of 1 MB": packed({"x": np.ones(3)}, {"reason": "x" * 2**20}),
        "a header of lists": make_file(b"[" * 200_000),
        "lists in metadata": make_file(b'{"__metadata__": ' + b"[" * 200_000),
        "two of a name": raw.replace(b'"drawn.state.c"', b'"drawn.state.h"'),
        "a size of nothing": make_file(b'{"x":{"dtype":"F32","shape":[0,1e400],"data_offsets":[0,0]}}'),
        "sizes that overflow": make_file(b'{"x":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,0]}}' % (2**63, 4)),
        "offsets before the file": make_file(b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}'),
        "a name with colours": make_file(b'{"\\u001b[31m":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
        "half a character": make_file(b'{"\\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
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
    "a header of 1 MB",
    "a header of lists",
    "lists in metadata",
    "two of a name",
    "a size of nothing",
    "sizes that overflow",
    "offsets before the file",
    "a name with colours",
    "half a character",
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


@pytest.mark.parametrize("what", ["a pipe", "a folder", "a link to itself", "5 GB of nothing"])
def test_what_is_no_small_regular_file_is_refused_in_a_sentence(what: str, tmp_path: Path) -> None:
    status, text = said("reproduce", str(make_odd_file(tmp_path, what)))
    assert status == 3 and text.count("\n") == 1 and "cannot be read (" in text and "name a case that `run`" in text


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/tty", "null\0", "half\ud800", "colour\x1b[31m\nline"])
def test_so_is_a_device_or_what_no_file_is_called(name: str) -> None:
    with pytest.raises(CaseError, match="cannot be read") as refused:
        load_case(Path(name))
    assert str(refused.value).isprintable()


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
