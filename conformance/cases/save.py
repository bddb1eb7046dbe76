"""A failure written to disk, with the script that asks it again."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as packed

from conformance.cases import network as network_cases
from conformance.cases.case import FORMAT
from conformance.cases.expectations import Tensors, asked_of, expectations
from conformance.cases.script import script
from conformance.outcome import Errored, Refuted
from conformance.problems.question import Question, Split, problem_of
from conformance.property import Property
from conformance.targets.border import guarded
from conformance.targets.origin import Origin
from conformance.tolerance.trajectories import ORDER
from conformance.verdict import Verdict, broken
from lstm_spec import SPECIFICATION, Backend, Cotangents


def save(folder: Path, backend: Backend, verdict: Verdict, origin: Origin) -> Path | None:
    """Write the example of a failure, and a script that shows it; the path, or None where there is no example.

    Raises OSError where the folder cannot be written.
    """
    raised = verdict.refutation or verdict.error
    if raised is None or raised.problem is None:
        return None
    of = _of_network if verdict.property.further else _of_one_layer
    tensors, form = of(backend, verdict.property, raised)
    tensors = {name: np.array(a, order="C") for name, a in tensors.items()}
    about = _about(backend, verdict, origin) | form
    about["digest"] = digest(tensors, about)
    path = folder / f"{about['clause'].lower()}-{about['digest'][:8]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(tensors, about))
    path.with_suffix(".py").write_text(script(path.name, about, origin), encoding="utf-8")
    return path


def _of_one_layer(backend: Backend, prop: Property, raised: Refuted | Errored) -> tuple[Tensors, dict[str, str]]:
    """The arrays, and how what was drawn and asked is put together from them."""
    asked = asked_of(raised)
    tensors = _tensors(raised.problem, _cotangents(raised.problem))
    tensors |= {f"asked.{name}": a for name, a in _tensors(asked.problem, asked.d).items()}
    tensors |= expectations(guarded(backend), asked)
    probes = {"probes": " ".join(map(str, asked.probes))} if asked.probes else {}
    return tensors, _form(raised.problem) | probes


def _of_network(backend: Backend, prop: Property, raised: Refuted | Errored) -> tuple[Tensors, dict[str, str]]:
    drawn, form = network_cases.form_of(raised.problem, "drawn")
    last = problem_of(raised.problem) if raised.asked is None else raised.asked
    asked, asked_form = network_cases.form_of(last if raised.loss is None else Question(last, raised.loss), "asked")
    compared = network_cases.expectations(guarded(backend), prop, raised.problem)
    return drawn | asked | compared, {"form": "network", "drawn": form, "asked": asked_form}


def _about(backend: Backend, verdict: Verdict, origin: Origin) -> dict[str, str]:
    libraries = {name: version(name) for name in ("lstm-spec", "numpy", "hypothesis")}
    return {
        "format": FORMAT,
        "property": verdict.property.name,
        "clause": broken(verdict)[0],
        "outcome": str(verdict.outcome),
        "target": origin.target,
        "dtype": verdict.dtype,
        "grade": str(backend.description.grade(verdict.dtype)),
        "seed": str(origin.seed),
        "reason": verdict.detail,
        "versions": json.dumps(
            libraries | {"specification": SPECIFICATION, backend.name: str(backend.description.version)}
        ),
    }


def digest(tensors: Tensors, about: dict[str, str]) -> str:
    """A sum over everything else in the file."""
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16)
    for name, a in sorted(tensors.items()):
        digest.update(f"{name} {a.dtype.name} {a.shape}".encode() + a.tobytes())
    return digest.hexdigest()


def _tensors(example: Any, d: Cotangents | None) -> Tensors:
    """The arrays of what was drawn, by name."""
    problem = problem_of(example)
    found = {f"{k}.{part}": getattr(getattr(problem.layer, k), part) for k in ORDER for part in "WUb"}
    found |= {"x": problem.x, "state.h": problem.state.h, "state.c": problem.state.c}
    return found | ({"d.y": d.y, "d.h": d.state.h, "d.c": d.state.c} if d else {})


def _cotangents(example: Any) -> Cotangents | None:
    if isinstance(example, Question | Split):
        return example.d
    return _cotangents(example[0]) if isinstance(example, tuple) and len(example) == 2 else None


def _form(example: Any) -> dict[str, str]:
    """How the example is put together again from its arrays."""
    if type(example) is tuple:
        return {**_form(example[0]), "drawn_seed": str(example[1])}
    if isinstance(example, Split):
        return {"form": "split", "at": str(example.at)}
    return {"form": "question" if isinstance(example, Question) else "problem"}
