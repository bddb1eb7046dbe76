"""A failure written to disk, with the script that asks it again."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from safetensors.numpy import save as pack_tensors

from conformance.cases.case import (
    FORMAT,
    LARGEST_FILE,
    LONGEST_REASON,
    OWN_MODEL,
    CaseError,
    assemble,
    check_fields,
    disassemble,
)
from conformance.cases.expectations import compare_answers, recall_question
from conformance.files import LARGEST_HEADER, read_whole, remove_oldest, write_whole
from conformance.nouns import Tensors
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question
from conformance.targets.border import guard_backend
from conformance.targets.origin import Origin
from conformance.targets.raised import describe_raised
from conformance.text import LONGEST_NAME, clean_line
from conformance.verdict import Verdict, find_broken_clauses, join_clauses
from lstm_spec import SPECIFICATION, Backend

Key = tuple[str, str]  # a property and a dtype
Ids = tuple[str, ...]  # of clauses
NOT_KNOWN: Mapping[Key, Ids] = MappingProxyType({})
MOST_CASES = 1_000  # in a folder; those of the run itself are kept
NAME = r"[a-z]+(-[a-z]+)*-(\d+-)?[0-9a-f]{8}\.safetensors"  # with a number: it was called after a clause
SIGN = b"from conformance.cases.standalone import show"
SCRIPT = '''"""{sentence} ({clause}): {outcome}, as {case} shows.

Needs NumPy, lstm_spec and the backend.
"""

import sys
from pathlib import Path

from conformance.cases.standalone import show  # nothing else of the suite, unless the target is a known fault

sys.path.append("")  # the folder that this is run in
show(Path(__file__).with_name("{case}"), {target!r}, {device!r})
'''


class Saved(NamedTuple):
    """The files of failures, by property and dtype, and why there is none of the others."""

    cases: dict[Key, Path]
    reasons: dict[Key, str]
    complaint: str = ""  # if the folder cannot be written


def save_cases(
    folder: Path, backend: Backend, verdicts: list[Verdict], origin: Origin, broken: Mapping[Key, Ids] = NOT_KNOWN
) -> Saved:
    """Write a case of every failure that has an example, and remove the oldest of what was written before.

    `broken` has the clauses that a report names, which may know more than a verdict. A failure of which no case can be
    made has a reason; it takes nothing from the others.
    """
    saved = Saved({}, {})
    for verdict in verdicts:
        key = (verdict.property.name, verdict.dtype)
        try:
            path = save_case(folder, backend, verdict, origin, broken.get(key))
        except CaseError as error:
            saved.reasons[key] = str(error)
        except OSError as error:
            reason = f"no case was written, because {folder} cannot be written ({error.strerror}); choose another --out"
            return saved._replace(complaint=clean_line(reason))
        else:
            saved.cases.update({key: path} if path else {})
    for old in remove_oldest(folder, NAME, FORMAT, MOST_CASES, {*saved.cases.values()}):
        _remove_script(old.with_suffix(".py"))
    return saved


def save_case(
    folder: Path, backend: Backend, verdict: Verdict, origin: Origin, broken: Ids | None = None
) -> Path | None:
    """Write the example of a failure, and a script that shows it; the path, or None if there is no example.

    The same failure of the same target has the same path, so that a later run replaces it. What the backend answers now
    is left out where it cannot be compared. Raises CaseError if no case can be made of the example, OSError if the
    folder cannot be written.
    """
    raised = verdict.refutation or verdict.error
    if raised is None or raised.problem is None:
        return None
    path = folder / f"{_name_case(verdict, origin)}.safetensors"
    try:
        raw, about = _pack_failure(raised, backend, verdict, origin, broken or find_broken_clauses(verdict))
    except Exception as error:  # whatever a backend has made of its inputs, its name, or what it raised
        raise CaseError(f"no case can be made of it ({describe_raised(error)})") from error
    names = {"sentence": verdict.property.sentence, "clause": join_clauses(tuple(about["clause"].split()))}
    names |= {"outcome": about["outcome"], "target": about["target"]}
    script = SCRIPT.format(**names, case=path.name, device=origin.device)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, raw)
    write_whole(path.with_suffix(".py"), script.encode("utf-8", "backslashreplace"))
    return path


def _name_case(verdict: Verdict, origin: Origin) -> str:
    """The family of the property, and what tells the failure from all others."""
    prop, about = verdict.property, (origin.target, origin.device, origin.grade)
    what = json.dumps([prop.name, verdict.dtype, *map(str, about)])
    return f"{prop.family.replace('_', '-')}-{hashlib.blake2b(what.encode(), digest_size=4).hexdigest()}"


def _pack_failure(
    raised: Refuted | Errored, backend: Backend, verdict: Verdict, origin: Origin, broken: Ids
) -> tuple[bytes, dict[str, str]]:
    """The file, and what it says of itself."""
    asked = recall_question(raised)
    drawn, form = disassemble(raised.problem, "drawn")
    question, asked_form = disassemble(asked.problem if asked.d is None else Question(asked.problem, asked.d), "asked")
    assemble(drawn, form)  # or else it could not be read again
    about = _describe(backend, verdict, origin, broken) | {"drawn": form, "asked": asked_form}
    about |= {"probes": " ".join(map(str, asked.probes))} if asked.probes else {}
    check_fields(about)
    compared = compare_answers(guard_backend(backend), verdict.property, raised.problem, asked)
    for more in (compared, Tensors()):
        tensors = {name: np.array(a, order="C") for name, a in (drawn | question | more).items()}
        about["digest"] = compute_digest(tensors, {k: v for k, v in about.items() if k != "digest"})
        raw = pack_tensors(tensors, about)
        if len(raw) <= LARGEST_FILE and int.from_bytes(raw[:8], "little") <= LARGEST_HEADER:
            return raw, about
    raise ValueError(f"it would have {len(raw):,} bytes, and `reproduce` reads {LARGEST_FILE:,}")


def _remove_script(path: Path) -> None:
    """Remove the script beside a case that is gone, if it is ours."""
    with suppress(OSError):
        if SIGN in read_whole(path, 10_000):
            path.unlink()


def _describe(backend: Backend, verdict: Verdict, origin: Origin, broken: Ids) -> dict[str, str]:
    versions = {name: version(name) for name in ("lstm-spec", "numpy", "hypothesis")}
    versions |= {"specification": SPECIFICATION, backend.name: str(backend.description.version)}
    grade = backend.description.grade(verdict.dtype)
    return {
        "format": FORMAT,
        "property": verdict.property.name,
        "clause": " ".join(broken),
        "outcome": str(verdict.outcome),
        "target": clean_line(origin.target, LONGEST_NAME),
        "dtype": verdict.dtype,
        "grade": grade if isinstance(grade, str) else OWN_MODEL,
        "seed": str(origin.seed),
        "reason": clean_line(str(verdict.detail), LONGEST_REASON) or "(no reason)",
        "versions": json.dumps(versions),
    }


def compute_digest(tensors: Tensors, about: dict[str, str]) -> str:
    """A checksum of everything else in the file."""
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16)
    for name, a in sorted(tensors.items()):
        digest.update(f"{name} {a.dtype.name} {a.shape}".encode() + a.tobytes())
    return digest.hexdigest()
