"""A case read from disk; a file that is damaged or not ours is refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

import conformance.properties  # noqa: F401  fills the registry
from conformance.arrays import CODES, frozen
from conformance.cases.case import (
    FORMAT,
    LARGEST_FILE,
    Asked,
    Case,
    CaseError,
    assemble,
    check_fields,
    is_finite,
)
from conformance.cases.save import compute_digest
from conformance.files import LARGEST_HEADER, read_whole
from conformance.nouns import Tensors
from conformance.problems.question import Question, problem_of
from conformance.property import find_property
from conformance.targets.raised import find_telling_line
from conformance.text import quote_value
from lstm_spec import Problem
from lstm_spec.contract import LARGEST
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
        raise CaseError(
            f"{path} is no case of its property ({find_telling_line(error)}); write it anew with `run`"
        ) from error
    return case


def read_file(path: Path) -> tuple[Tensors, dict[str, str]]:
    """The arrays and the metadata of a file. Raises CaseError if it cannot be read, or is no safetensors file."""
    try:
        raw = read_whole(path, LARGEST_FILE)
        size = int.from_bytes(raw[:8], "little")
        if size > LARGEST_HEADER:
            raise ValueError("its header is too large")
        tensors = {name: read_array(name, entry) for name, entry in deserialize(raw)}  # type: ignore[no-untyped-call]
        header = json.loads(raw[8 : 8 + size])
    except OSError as error:
        raise CaseError(f"{path} cannot be read ({error.strerror}); name a case that `run` wrote") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is damaged, or no safetensors file; name a case that `run` wrote") from error
    return tensors, header.get("__metadata__") or {}


def read_array(name: str, entry: dict[str, Any]) -> Array:
    """A read-only array of an entry. Raises ValueError for a dtype or a name that `run` never writes."""
    if entry["dtype"] not in CODES or not re.fullmatch(r"[\w.]{1,200}", name):
        raise ValueError(name)
    flat: Array = np.frombuffer(entry["data"], dtype=CODES[entry["dtype"]])
    return frozen(flat.reshape(entry["shape"]))


def _assemble_question(tensors: Tensors, about: dict[str, str]) -> Asked:
    """What was asked last; unlike what was drawn, it may hold a NaN or an infinity."""
    example = assemble(tensors, about["asked"])
    if not isinstance(example, Problem | Question):
        raise TypeError(f"a {type(example).__name__} stands where the question that was asked last is expected")
    asked = Asked(*example) if isinstance(example, Question) else Asked(example)
    return asked._replace(probes=_read_probes(about["probes"], asked.problem)) if "probes" in about else asked


def _read_probes(text: str, problem: Problem) -> tuple[int, int, int]:
    """The gate rows that are probed, from and to, and the number of inputs with the probes."""
    _, _, I, H = problem.sizes
    first, last, width = map(int, text.split()) if re.fullmatch(r"\d{1,9}( \d{1,9}){2}", text) else (0, 0, 0)
    if not (first < last <= 4 * H and I + last - first <= width <= LARGEST):
        raise ValueError(f"its probes are {quote_value(text)}, expected rows of the gates and a number of inputs")
    return first, last, width


def _check_case(case: Case) -> None:
    """ValueError or KeyError for what no `run` writes."""
    problem, about = problem_of(case.example), case.about
    check_fields(about)
    if problem.dtype.name != about["dtype"]:
        raise ValueError(f"it is {problem.dtype}, and says {about['dtype']}")
    if not is_finite(case.example):
        raise ValueError("some of its numbers are not finite")
