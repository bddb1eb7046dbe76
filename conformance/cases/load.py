"""A case read from disk; a file that is damaged or not ours is refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

import conformance.properties  # noqa: F401  fills the registry
from conformance.arrays import CODES, frozen
from conformance.cases.case import FORMAT, Asked, Case, CaseError, assemble, is_finite
from conformance.cases.save import compute_digest
from conformance.nouns import Tensors
from conformance.problems.question import Question, problem_of
from conformance.property import find_property
from conformance.targets.border import first_line
from lstm_spec import Problem
from lstm_spec.types import Array


def load_case(path: Path) -> Case:
    """The case in a file. Raises CaseError; nothing in the file is executed or unpickled."""
    tensors, about = read_file(path)
    if about.get("format") != FORMAT:
        raise CaseError(f"{path} is not a case of this suite (expected {FORMAT!r}); name one that `run` wrote")
    if about.pop("digest", "") != compute_digest(tensors, about):
        raise CaseError(f"{path} is damaged: its sum is not the one that was written; write it anew with `run`")
    try:
        prop = find_property(about.get("property", ""))
    except KeyError as error:
        raise CaseError(f"{path} is about {error}, which is no property of this version; use its own") from error
    try:
        case = Case(assemble(tensors, about["drawn"]), prop, _assemble_question(tensors, about), about)
        _check_case(case)
    except KeyError as error:
        raise CaseError(f"{path} lacks {error}; the file is not whole, so write it anew with `run`") from error
    except (ValueError, TypeError) as error:
        raise CaseError(f"{path} is no case of its property ({first_line(error)}); write it anew with `run`") from error
    return case


def read_file(path: Path) -> tuple[Tensors, dict[str, str]]:
    """The arrays and the metadata of a file. Raises CaseError if it cannot be read, or is no safetensors file."""
    try:
        raw = path.read_bytes()
        tensors = {name: read_array(name, entry) for name, entry in deserialize(raw)}  # type: ignore[no-untyped-call]
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    except OSError as error:
        raise CaseError(f"{path} cannot be read ({error.strerror}); name a case that `run` wrote") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is damaged, or no safetensors file; name a case that `run` wrote") from error
    return tensors, header.get("__metadata__") or {}


def read_array(name: str, entry: dict[str, Any]) -> Array:
    """A read-only array of an entry. Raises ValueError for a dtype or a name that `run` never writes."""
    if entry["dtype"] not in CODES or not re.fullmatch(r"[\w.]+", name):
        raise ValueError(name)
    flat: Array = np.frombuffer(bytes(entry["data"]), dtype=CODES[entry["dtype"]])
    return frozen(flat.reshape(entry["shape"]).copy())


def _assemble_question(tensors: Tensors, about: dict[str, str]) -> Asked:
    """What was asked last; unlike what was drawn, it may hold a NaN or an infinity."""
    example = assemble(tensors, about["asked"])
    if not isinstance(example, Problem | Question):
        raise TypeError(f"a {type(example).__name__} stands where the question that was asked last is expected")
    asked = Asked(*example) if isinstance(example, Question) else Asked(example)
    first, last, width = map(int, about["probes"].split()) if "probes" in about else (0, 0, 0)
    return asked._replace(probes=(first, last, width) if width else None)


def _check_case(case: Case) -> None:
    """ValueError or KeyError for what no `run` writes."""
    problem, about = problem_of(case.example), case.about
    if problem.dtype.name != about["dtype"]:
        raise ValueError(f"it is {problem.dtype}, and says {about['dtype']}")
    if not is_finite(case.example):
        raise ValueError("some of its numbers are not finite")
    for name in ("target", "clause", "seed", "reason"):
        about[name]
