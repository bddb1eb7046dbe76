"""A failure written to disk, with the script that asks it again."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save as pack_tensors

from conformance.cases.case import FORMAT, LONGEST_REASON, OWN_MODEL, disassemble
from conformance.cases.expectations import compare_answers, recall_question
from conformance.nouns import Tensors
from conformance.problems.question import Question
from conformance.targets.border import guard_backend
from conformance.targets.origin import Origin
from conformance.text import LONGEST_NAME, clean_line
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import SPECIFICATION, Backend

SCRIPT = '''"""{clause} is {outcome}, as {case} shows. Needs NumPy, lstm_spec and the backend."""

import sys
from pathlib import Path

from conformance.cases.standalone import show  # nothing else of the suite, unless the target is a known fault

sys.path.append("")  # the folder that this is run in
show(Path(__file__).with_name("{case}"), {target!r}, {device!r})
'''


def save_case(folder: Path, backend: Backend, verdict: Verdict, origin: Origin) -> Path | None:
    """Write the example of a failure, and a script that shows it; the path, or None if there is no example.

    Raises OSError if the folder cannot be written.
    """
    raised = verdict.refutation or verdict.error
    if raised is None or raised.problem is None:
        return None
    asked = recall_question(raised)
    tensors, drawn = disassemble(raised.problem, "drawn")
    question, form = disassemble(asked.problem if asked.d is None else Question(asked.problem, asked.d), "asked")
    compared = compare_answers(guard_backend(backend), verdict.property, raised.problem, asked)
    tensors = {name: np.array(a, order="C") for name, a in (tensors | question | compared).items()}
    about = _describe(backend, verdict, origin) | {"drawn": drawn, "asked": form}
    about |= {"probes": " ".join(map(str, asked.probes))} if asked.probes else {}
    about["digest"] = compute_digest(tensors, about)
    path = folder / f"{about['clause'].lower()}-{about['digest'][:8]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack_tensors(tensors, about))
    names = {name: about[name] for name in ("clause", "outcome", "target")}
    path.with_suffix(".py").write_text(SCRIPT.format(**names, case=path.name, device=origin.device), encoding="utf-8")
    return path


def _describe(backend: Backend, verdict: Verdict, origin: Origin) -> dict[str, str]:
    versions = {name: version(name) for name in ("lstm-spec", "numpy", "hypothesis")}
    versions |= {"specification": SPECIFICATION, backend.name: str(backend.description.version)}
    grade = backend.description.grade(verdict.dtype)
    return {
        "format": FORMAT,
        "property": verdict.property.name,
        "clause": find_broken_clauses(verdict)[0],
        "outcome": str(verdict.outcome),
        "target": clean_line(origin.target, LONGEST_NAME),
        "dtype": verdict.dtype,
        "grade": grade if isinstance(grade, str) else OWN_MODEL,
        "seed": str(origin.seed),
        "reason": clean_line(verdict.detail, LONGEST_REASON) or "(no reason)",
        "versions": json.dumps(versions),
    }


def compute_digest(tensors: Tensors, about: dict[str, str]) -> str:
    """A checksum of everything else in the file."""
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16)
    for name, a in sorted(tensors.items()):
        digest.update(f"{name} {a.dtype.name} {a.shape}".encode() + a.tobytes())
    return digest.hexdigest()
