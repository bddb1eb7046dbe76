"""A case read from disk; a file that is damaged or not ours is refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

import conformance.properties  # noqa: F401  fills the registry
from conformance.arrays import CODES, frozen
from conformance.cases import network as network_cases
from conformance.cases.case import FORMAT, Case, CaseError
from conformance.cases.expectations import Asked, Tensors
from conformance.cases.save import digest
from conformance.problems.question import Question, Split, problem_of
from conformance.property import Property, named
from conformance.targets.border import line
from conformance.tolerance.trajectories import ORDER
from lstm_spec import Cotangents, Gate, Parameters, Problem, State, checked
from lstm_spec.types import Array
from lstm_spec.validation import check_cotangents

PARTS = tuple(f"{k}.{part}" for k in ORDER for part in "WUb") + ("x", "state.h", "state.c")


def load(path: Path) -> Case:
    """The case in a file. Raises CaseError; nothing in the file is executed or unpickled."""
    tensors, about = read_file(path)
    if about.get("format") != FORMAT:
        raise CaseError(f"{path} is not a case of this suite (expected {FORMAT!r}); name one that `run` wrote")
    if about.pop("digest", "") != digest(tensors, about):
        raise CaseError(f"{path} is damaged: its sum is not the one that was written; write it anew with `run`")
    try:
        prop = named(about.get("property", ""))
    except KeyError as error:
        raise CaseError(f"{path} is about {error}, which is no property of this version; use its own") from error
    try:
        case = _network_case(tensors, about, prop) if prop.further else _case(tensors, about, prop)
        _check(case)
    except KeyError as error:
        raise CaseError(f"{path} lacks {error}; the file is not whole, so write it anew with `run`") from error
    except (ValueError, TypeError) as error:
        raise CaseError(f"{path} is no case of its property ({line(error)}); write it anew with `run`") from error
    return case


def _case(tensors: Tensors, about: dict[str, str], prop: Property) -> Case:
    asked = {name.removeprefix("asked."): a for name, a in tensors.items() if name.startswith("asked.")}
    return Case(_example(tensors, about), prop, _question(asked, about), about)


def _network_case(tensors: Tensors, about: dict[str, str], prop: Property) -> Case:
    asked = network_cases.asked_of(tensors, about["asked"])
    return Case(network_cases.example_of(tensors, about["drawn"]), prop, asked, about)


def read_file(path: Path) -> tuple[Tensors, dict[str, str]]:
    try:
        raw = path.read_bytes()
        tensors = {name: _array(name, entry) for name, entry in deserialize(raw)}  # type: ignore[no-untyped-call]
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    except OSError as error:
        raise CaseError(f"{path} cannot be read ({error.strerror}); name a case that `run` wrote") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is damaged, or no safetensors file; name a case that `run` wrote") from error
    return tensors, header.get("__metadata__") or {}


def _array(name: str, entry: dict[str, Any]) -> Array:
    if entry["dtype"] not in CODES or not re.fullmatch(r"[\w.]+", name):
        raise ValueError(name)
    flat: Array = np.frombuffer(bytes(entry["data"]), dtype=CODES[entry["dtype"]])
    return frozen(flat.reshape(entry["shape"]).copy())


def _problem(a: Tensors, as_drawn: bool = True) -> Problem:
    """What is drawn is finite; what is asked may have a NaN or an infinity put into it."""
    i, f, g, o = (Gate(a[f"{k}.W"], a[f"{k}.U"], a[f"{k}.b"]) for k in ORDER)
    if as_drawn and not all(np.isfinite(a[name].astype(np.float64)).all() for name in PARTS):
        raise ValueError("some of its numbers are not finite")
    return checked(Problem(((Parameters(i, f, g, o),),), a["x"], State(a["state.h"], a["state.c"])))


def _loss(a: Tensors, problem: Problem) -> Cotangents:
    d = Cotangents(a["d.y"], State(a["d.h"], a["d.c"]))
    check_cotangents(problem, d)
    return d


def _example(a: Tensors, about: dict[str, str]) -> Any:
    problem, form = _problem(a), about["form"]
    if form not in ("problem", "question", "split"):
        raise ValueError(f"its form is {form!r}")
    example: Any = problem if form == "problem" else Question(problem, _loss(a, problem))
    if form == "split":
        example = Split(problem, int(about["at"]), example.d)
    return (example, int(about["drawn_seed"])) if "drawn_seed" in about else example


def _question(a: Tensors, about: dict[str, str]) -> Asked:
    problem = _problem(a, as_drawn=False)
    first, last, width = map(int, about["probes"].split()) if "probes" in about else (0, 0, 0)
    return Asked(problem, _loss(a, problem) if "d.y" in a else None, (first, last, width) if width else None)


def _check(case: Case) -> None:
    """ValueError or KeyError for what no `run` writes."""
    problem, about = problem_of(case.example), case.about
    if problem.dtype.name != about["dtype"]:
        raise ValueError(f"it is {problem.dtype}, and says {about['dtype']}")
    if isinstance(case.example, Split) and not 0 < case.example.at < len(problem.x):
        raise ValueError(f"it is cut before step {case.example.at} of {len(problem.x)}")
    for name in ("target", "clause", "seed", "reason"):
        about[name]
