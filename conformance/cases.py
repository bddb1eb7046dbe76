"""A refuting example on disk, and back: one safetensors file, which is never executed, and a script beside it."""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save_file

from conformance.bounds import assert_answer_shaped, model_of
from conformance.kinds import frozen
from conformance.problems import Question, Split, problem_of
from conformance.property import PROPERTIES, Errored, Property, Refuted, Verdict
from conformance.trajectories import Trajectory, observed_trajectory
from lstm_spec import SPECIFICATION, Backend, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.types import Array

FORMAT = "lstm-spec case 1"
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("float32"), "F64": np.dtype("float64")}


class CaseError(Exception):
    """The file is not a case, or not whole; the message is one sentence with the remedy."""


class Case(NamedTuple):
    """What a refuting example was, and of what."""

    example: Any
    prop: Property
    asked: Problem  # what the backend was asked last
    about: dict[str, str]  # target, clause, dtype, seed, reason, versions


# ---------------------------------------------------------------- writing


def save(folder: Path, backend: Backend, target: str, verdict: Verdict, seed: int) -> Path | None:
    """Write the example of a refutation, and a script that shows it; the path, or None where there is no example.

    Raises OSError where the folder cannot be written.
    """
    refutation = verdict.refutation
    if refutation is None or refutation.problem is None:
        return None
    asked = refutation.asked if well_formed(refutation.asked) else problem_of(refutation.problem)
    tensors = _tensors(refutation.problem) | _expectations(backend, asked)
    tensors |= {f"asked.{name}": a for name, a in _tensors(asked).items()}
    clause = refutation.clause or verdict.property.clauses[0]
    about = {
        "format": FORMAT,
        "property": verdict.property.name,
        "clause": clause,
        "target": target,
        "dtype": verdict.dtype,
        "seed": str(seed),
        "reason": refutation.reason,
        "versions": json.dumps({k: version(k) for k in ("lstm-spec", "numpy", "hypothesis")} | {"spec": SPECIFICATION}),
        **_form(refutation.problem),
    }
    digest = hashlib.blake2b(b"".join(a.tobytes() for a in tensors.values()), digest_size=2).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clause.lower()}-{digest}.safetensors"
    save_file({k: np.array(a, order="C") for k, a in tensors.items()}, path, about)
    path.with_suffix(".py").write_text(_script(path.name, target, clause), encoding="utf-8")
    return path


def _tensors(example: Any) -> dict[str, Array]:
    """The arrays of what was drawn, by name."""
    problem = problem_of(example)
    found = {f"{k}.{part}": getattr(getattr(problem.layer, k), part) for k in "ifgo" for part in "WUb"}
    found |= {"x": problem.x, "state.h": problem.state.h, "state.c": problem.state.c}
    d = _cotangents(example)
    return found | ({"d.y": d.y, "d.h": d.state.h, "d.c": d.state.c} if d else {})


def well_formed(problem: Any) -> bool:
    """Whether it is a problem at all: some are malformed on purpose."""
    try:
        return isinstance(problem, Problem) and problem.checked() is problem
    except (TypeError, ValueError):
        return False


def _cotangents(example: Any) -> Cotangents | None:
    if isinstance(example, Question | Split):
        return example.d
    return _cotangents(example[0]) if isinstance(example, tuple) and len(example) == 2 else None


def _form(example: Any) -> dict[str, str]:
    """How the example is put together again from its arrays."""
    if isinstance(example, tuple) and not hasattr(example, "_fields"):
        return {**_form(example[0]), "drawn_seed": str(example[1])}
    if isinstance(example, Split):
        return {"form": "split", "at": str(example.at)}
    return {"form": "question" if isinstance(example, Question) else "problem"}


def _expectations(backend: Backend, problem: Problem) -> dict[str, Array]:
    """What the backend answers, what was expected from its own states, and how far off it may be."""
    try:
        answer = backend.forward(problem)
        assert_answer_shaped(answer, problem)
    except (Errored, Refuted):
        return {}
    if len(answer.y) == 0:
        return {}
    expected: Trajectory = observed_trajectory(problem, answer.y, model_of(backend, problem))
    found = {"got.y": answer.y, "expected.y": expected.h.value, "allowed.y": expected.h.error}
    return found | {
        "got.c": answer.state.c[0],
        "expected.c": expected.last.value,
        "allowed.c": expected.last.error,
    }


def _script(case: str, target: str, clause: str) -> str:
    module, _, name = target.partition(":")
    call = "BACKEND() if callable(BACKEND) else BACKEND" if name else "BACKEND"
    load = (
        f"from {module} import {name.split('.')[0]} as BACKEND" if name and module != "fault" else _ENTRY.format(target)
    )
    return _SCRIPT.format(case=case, target=target, clause=clause, load=load, call=call)


_ENTRY = """from conformance.targets import resolve

BACKEND = resolve({!r})"""
_SCRIPT = '''"""{clause} is refuted: {target} on {case}. Needs NumPy, lstm_spec and the backend, nothing else."""

import json
from pathlib import Path

import numpy as np

from lstm_spec import Gate, Parameters, Problem, State

{load}

raw = (Path(__file__).parent / "{case}").read_bytes()
size = int.from_bytes(raw[:8], "little")
header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
dtypes = {{"F32": np.float32, "F64": np.float64}}
a = {{
    name: np.frombuffer(data[slice(*entry["data_offsets"])], dtypes[entry["dtype"]]).reshape(entry["shape"])
    for name, entry in header.items()
    if name != "__metadata__"
}}
i, f, g, o = (Gate(*(a["asked." + k + part] for part in (".W", ".U", ".b"))) for k in "ifgo")
problem = Problem(((Parameters(i, f, g, o),),), a["asked.x"], State(a["asked.state.h"], a["asked.state.c"]))
backend = {call}
answer = backend.forward(problem)
print(header["__metadata__"]["reason"])
print("y\\n", np.asarray(answer.y))
if "expected.y" in a:
    with np.errstate(all="ignore"):
        error = abs(np.asarray(answer.y, float) - a["expected.y"]) / a["allowed.y"]
        print("error in units of what is allowed\\n", error)
'''


# ---------------------------------------------------------------- reading


def load(path: Path) -> Case:
    """The case in a file. Raises CaseError; nothing in the file is executed or unpickled."""
    try:
        raw = path.read_bytes()
        tensors = {name: _array(name, entry) for name, entry in deserialize(raw)}  # type: ignore[no-untyped-call]
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    except OSError as error:
        raise CaseError(f"{path} cannot be read ({error.strerror}); name a case that `run` wrote") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise CaseError(f"{path} is damaged, or no safetensors file; name a case that `run` wrote") from error
    about = header.get("__metadata__", {})
    if about.get("format") != FORMAT:
        raise CaseError(f"{path} is not a case of this suite (expected {FORMAT!r}); name one that `run` wrote")
    prop = next((p for p in PROPERTIES if p.name == about.get("property")), None)
    if prop is None:
        raise CaseError(f"{path} is about {about.get('property')!r}, which is no property of this version; use its own")
    try:
        asked = {name.removeprefix("asked."): a for name, a in tensors.items() if name.startswith("asked.")}
        return Case(_example(tensors, about), prop, _problem(asked), about)
    except (KeyError, ValueError, TypeError) as error:
        raise CaseError(f"{path} lacks {error}; the file is not whole, so write it anew with `run`") from error


def _array(name: str, entry: dict[str, Any]) -> Array:
    if entry["dtype"] not in DTYPES or not re.fullmatch(r"[\w.]+", name):
        raise ValueError(name)
    flat: Array = np.frombuffer(bytes(entry["data"]), dtype=DTYPES[entry["dtype"]])
    return frozen(flat.reshape(entry["shape"]).copy())


def _problem(a: dict[str, Array]) -> Problem:
    i, f, g, o = (Gate(a[f"{k}.W"], a[f"{k}.U"], a[f"{k}.b"]) for k in "ifgo")
    return Problem(((Parameters(i, f, g, o),),), a["x"], State(a["state.h"], a["state.c"])).checked()


def _example(a: dict[str, Array], about: dict[str, str]) -> Any:
    problem = _problem(a)
    example: Any = problem
    if about["form"] != "problem":
        d = Cotangents(a["d.y"], State(a["d.h"], a["d.c"]))
        example = Split(problem, int(about["at"]), d) if about["form"] == "split" else Question(problem, d)
    return (example, int(about["drawn_seed"])) if "drawn_seed" in about else example


def replay(case: Case, backend: Backend) -> Refuted | Errored | None:
    """What the property says of the example now; None if it holds."""
    try:
        with np.errstate(all="ignore"):
            case.prop.refute(backend, case.example)
    except (Refuted, Errored) as error:
        return error
    return None


def steps(case: Case, backend: Backend) -> list[tuple[int, float, float]]:
    """Step, largest error, and that in units of what is allowed, each judged from the backend's own states."""
    found = _expectations(backend, case.asked)
    if not found:
        return []
    error = np.abs(found["got.y"].astype(np.float64) - found["expected.y"])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0, error / found["allowed.y"])
    return [(t, float(error[t].max(initial=0)), float(ratio[t].max(initial=0))) for t in range(len(error))]
