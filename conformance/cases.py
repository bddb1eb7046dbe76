"""A failing example on disk, and back: one safetensors file, which is never executed, and a script beside it."""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as packed

from conformance.backpropagation import Backpropagation, observed_backpropagation
from conformance.border import guarded, line
from conformance.bounds import assert_answer_shaped, assert_gradients_shaped, free_gradients, model_of, parts
from conformance.kinds import frozen
from conformance.probes import probed
from conformance.problems import Question, Split, problem_of, with_gates
from conformance.property import (
    PROPERTIES,
    Errored,
    Inconclusive,
    NotClaimed,
    Outcome,
    Property,
    Refuted,
    Verdict,
    broken,
)
from conformance.report import Origin
from conformance.trajectories import ORDER, observed_trajectory
from lstm_spec import SPECIFICATION, Backend, Cotangents, Gate, Gradients, Parameters, Problem, State, pack
from lstm_spec.types import Array
from lstm_spec.validation import check_cotangents

FORMAT = "lstm-spec case 1"
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("float64"),
    "F32": np.dtype("float32"),
    "F16": np.dtype("float16"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
Tensors = dict[str, Array]


class CaseError(Exception):
    """The file is not a case, or not whole; the message is one sentence with the remedy."""


class Asked(NamedTuple):
    """What a backend was asked last."""

    problem: Problem
    d: Cotangents | None = None  # for gradients
    probes: tuple[int, int, int] | None = None  # the gate rows, from and to, and the number of inputs with the probes


class Case(NamedTuple):
    """What a failing example was, and of what."""

    example: Any
    prop: Property
    asked: Asked
    about: dict[str, str]  # target, clause, dtype, seed, reason, versions


# ---------------------------------------------------------------- writing


def save(folder: Path, backend: Backend, verdict: Verdict, origin: Origin) -> Path | None:
    """Write the example of a failure, and a script that shows it; the path, or None where there is no example.

    Raises OSError where the folder cannot be written.
    """
    raised = verdict.refutation or verdict.error
    if raised is None or raised.problem is None:
        return None
    asked = _asked(raised)
    tensors = _tensors(raised.problem, _cotangents(raised.problem))
    tensors |= {f"asked.{name}": a for name, a in _tensors(asked.problem, asked.d).items()}
    tensors |= _expectations(guarded(backend), asked)
    tensors = {name: np.array(a, order="C") for name, a in tensors.items()}
    about = _about(backend, verdict, origin) | _form(raised.problem)
    about |= {"probes": " ".join(map(str, asked.probes))} if asked.probes else {}
    about["digest"] = _digest(tensors, about)
    path = folder / f"{about['clause'].lower()}-{about['digest'][:8]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(tensors, about))
    path.with_suffix(".py").write_text(_script(path.name, about, origin), encoding="utf-8")
    return path


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


def _digest(tensors: Tensors, about: dict[str, str]) -> str:
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


def _asked(raised: Refuted | Errored) -> Asked:
    """What was asked last, without the probes; what was drawn where that was malformed on purpose."""
    if not _is_well_formed(raised.asked, raised.loss):
        return Asked(problem_of(raised.problem))
    if raised.loss is None:
        return Asked(raised.asked)
    return _without_probes(raised.asked, raised.loss)


def _is_well_formed(problem: Any, d: Any) -> bool:
    try:
        problem.checked()
        if d is not None:
            check_cotangents(problem, d)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _without_probes(problem: Problem, d: Cotangents) -> Asked:
    """The inputs that `probes.widened` put behind the others are told by their weights, and taken off."""
    W = pack(problem.layer, ORDER).W
    silent: Array = np.all(problem.x == 0, axis=(0, 1))
    ones = [np.flatnonzero(column).tolist() if silent[k] else None for k, column in enumerate(W.T)]
    end = len(ones)
    while end > 1 and ones[end - 1] == []:
        end -= 1
    I, row = end, None
    while I > 1 and (rows := ones[I - 1]) and len(rows) == 1 and W[rows[0], I - 1] == 1 and row in (None, rows[0] + 1):
        I, row = I - 1, rows[0]
    if row is None:
        return Asked(problem, d)
    narrow = with_gates(problem, lambda _, gate: gate._replace(W=gate.W[:, :I]))
    narrow = Problem(narrow.parameters, problem.x[:, :, :I], problem.state)
    return Asked(narrow, d, (row, row + end - I, len(ones)))


# ---------------------------------------------------------------- what is expected


def _expectations(backend: Backend, asked: Asked) -> Tensors:
    """What the backend answers, what was expected, and how far off it may be; nothing where it gives no answer."""
    try:
        with np.errstate(all="ignore"):
            found = _forward(backend, asked.problem)
            if found and asked.d and backend.gradients:
                found |= _backward(backend, asked)
    except (Errored, Refuted, Inconclusive, NotClaimed):
        return {}
    return found


def _forward(backend: Backend, problem: Problem) -> Tensors:
    """Each step from the backend's own states."""
    answer = backend.forward(problem)
    assert_answer_shaped(answer, problem)
    if len(answer.y) == 0:
        return {}
    expected = observed_trajectory(problem, answer.y, model_of(backend, problem))
    return _named("y", answer.y, *expected.h) | _named("c_T", answer.state.c[0], *expected.last)


def _backward(backend: Backend, asked: Asked) -> Tensors:
    """Each step from the backend's own gate gradients where those were probed, else from the problem alone."""
    assert asked.d is not None
    found = _probed(backend, asked.problem, asked.d) if asked.probes else _free(backend, asked.problem, asked.d)
    gradients, expected, tensors = found
    for name, part in parts(gradients, expected).items():
        tensors |= _named(name, part.got, *part.expected)
    return tensors


def _probed(backend: Backend, problem: Problem, d: Cotangents) -> tuple[Gradients, Backpropagation, Tensors]:
    answer, gradients, dz = probed(backend, problem, d)
    assert_answer_shaped(answer, problem)
    model = model_of(backend, problem)
    finite = np.nan_to_num(dz.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    expected = observed_backpropagation(problem, observed_trajectory(problem, answer.y, model), d, finite, model)
    return gradients, expected, _named("dz", dz, *expected.dz)


def _free(backend: Backend, problem: Problem, d: Cotangents) -> tuple[Gradients, Backpropagation, Tensors]:
    _, gradients = backend.gradients(problem, d)  # type: ignore[misc]
    assert_gradients_shaped(gradients, problem)
    return gradients, free_gradients(backend, problem, d), {}


COMPARED = ("got", "expected", "allowed")


def _named(quantity: str, got: Array, expected: Array, allowed: Array) -> Tensors:
    return {f"{what}.{quantity}": a for what, a in zip(COMPARED, (got, expected, allowed), strict=True)}


# ---------------------------------------------------------------- the script


def _script(case: str, about: dict[str, str], origin: Origin) -> str:
    """A program that asks the case again; of the suite it imports nothing unless the target is a known fault."""
    kind = "fault" if origin.target.startswith("fault:") else "path" if ":" in origin.target else "entry"
    module, _, name = origin.target.partition(":")
    bfloat16 = about["dtype"] == "bfloat16"
    return _SCRIPT.format(
        clause=about["clause"],
        outcome=about["outcome"],
        target=origin.target,
        case=case,
        needs=f"NumPy, {'ml_dtypes, ' if bfloat16 else ''}lstm_spec and the backend",
        more="\nimport ml_dtypes" if bfloat16 else "",
        codes=', "BF16": ml_dtypes.bfloat16' if bfloat16 else "",
        load=_LOAD[kind].format(target=origin.target, module=module, name=name),
        device=repr(origin.device) if origin.device else "",
    )


_LOAD = {
    "path": "from importlib import import_module\nfrom operator import attrgetter\n\n"
    "found = attrgetter({name!r})(import_module({module!r}))",
    "entry": "from importlib.metadata import entry_points\n\n"
    '(entry,) = entry_points(group="lstm_spec.backends", name={target!r})\nfound = entry.load()',
    "fault": "from conformance.targets import resolve\n\nfound = resolve({target!r})",
}
_SCRIPT = '''"""{clause} is {outcome}: {target} on {case}. Needs {needs}, nothing else."""

import json
import sys
from pathlib import Path

import numpy as np{more}

from lstm_spec import Backend, Cotangents, Gate, Parameters, Problem, State, pack

sys.path.append("")  # the folder that this is run in
{load}
backend = found if isinstance(found, Backend) else found({device})

raw = (Path(__file__).parent / "{case}").read_bytes()
size = int.from_bytes(raw[:8], "little")
header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
about = header.pop("__metadata__")
codes = {{"F64": "f8", "F32": "f4", "F16": "f2"{codes}}}
a = {{
    name: np.frombuffer(data[slice(*entry["data_offsets"])], codes[entry["dtype"]]).reshape(entry["shape"])
    for name, entry in header.items()
}}


def problem_of(x, W):
    i, f, g, o = (Gate(W[k], a[f"asked.{{k}}.U"], a[f"asked.{{k}}.b"]) for k in "ifgo")
    return Problem(((Parameters(i, f, g, o),),), x, State(a["asked.state.h"], a["asked.state.c"]))


x, W = a["asked.x"], {{k: a[f"asked.{{k}}.W"] for k in "ifgo"}}
problem = problem_of(x, W)
print(about["reason"])
answer = backend.forward(problem)
got = {{"y": answer.y, "c_T": answer.state.c[0]}}

if "asked.d.y" in a:
    d = Cotangents(a["asked.d.y"], State(a["asked.d.h"], a["asked.d.c"]))
    T, B, I, H = problem.sizes
    if "probes" in about:  # inputs that are 0, with weights 1: their gradients are those of the gates
        first, last, width = map(int, about["probes"].split())
        ones = np.zeros((4 * H, width - I), x.dtype)
        ones[range(first, last), range(last - first)] = 1
        W = {{k: np.concatenate([W[k], more], axis=1) for k, more in zip("ifgo", np.split(ones, 4))}}
        problem = problem_of(np.concatenate([x, np.zeros((T, B, width - I), x.dtype)], axis=2), W)
    _, gradients = backend.gradients(problem, d)
    dW, dU, db = pack(gradients.parameters[0][0], "ifgo")
    got |= {{"dW": dW[:, :I], "dU": dU, "db": db, "dx": gradients.x[..., :I]}}
    got |= {{"dh_0": gradients.state.h[0], "dc_0": gradients.state.c[0]}}
    if "probes" in about and last - first == 4 * H:
        got["dz"] = gradients.x[..., I : I + 4 * H]

for name, value in got.items():
    if f"expected.{{name}}" in a and value.size:
        expected, allowed = a[f"expected.{{name}}"], a[f"allowed.{{name}}"]
        with np.errstate(all="ignore"):
            error = np.abs(value.astype(float) - expected)
            ratio = np.nan_to_num(np.where(error == 0, 0, error / allowed), nan=np.inf)
        at = np.unravel_index(ratio.argmax(), ratio.shape)
        where = ", ".join(map(str, at))
        print(f"{{name}}[{{where}}]: expected {{expected[at]:.9g}}, got {{float(value[at]):.9g}},", end=" ")
        print(f"error in units of what is allowed: {{ratio[at]:.3g}}")
'''


# ---------------------------------------------------------------- reading

PARTS = tuple(f"{k}.{part}" for k in ORDER for part in "WUb") + ("x", "state.h", "state.c")


def load(path: Path) -> Case:
    """The case in a file. Raises CaseError; nothing in the file is executed or unpickled."""
    tensors, about = _read(path)
    if about.get("format") != FORMAT:
        raise CaseError(f"{path} is not a case of this suite (expected {FORMAT!r}); name one that `run` wrote")
    if about.pop("digest", "") != _digest(tensors, about):
        raise CaseError(f"{path} is damaged: its sum is not the one that was written; write it anew with `run`")
    prop = next((p for p in PROPERTIES if p.name == about.get("property")), None)
    if prop is None:
        raise CaseError(f"{path} is about {about.get('property')!r}, which is no property of this version; use its own")
    try:
        asked = {name.removeprefix("asked."): a for name, a in tensors.items() if name.startswith("asked.")}
        case = Case(_example(tensors, about), prop, _question(asked, about), about)
        _check(case)
    except KeyError as error:
        raise CaseError(f"{path} lacks {error}; the file is not whole, so write it anew with `run`") from error
    except (ValueError, TypeError) as error:
        raise CaseError(f"{path} is no case of its property ({line(error)}); write it anew with `run`") from error
    return case


def _read(path: Path) -> tuple[Tensors, dict[str, str]]:
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
    if entry["dtype"] not in DTYPES or not re.fullmatch(r"[\w.]+", name):
        raise ValueError(name)
    flat: Array = np.frombuffer(bytes(entry["data"]), dtype=DTYPES[entry["dtype"]])
    return frozen(flat.reshape(entry["shape"]).copy())


def _problem(a: Tensors) -> Problem:
    i, f, g, o = (Gate(a[f"{k}.W"], a[f"{k}.U"], a[f"{k}.b"]) for k in ORDER)
    if not all(np.isfinite(a[name].astype(np.float64)).all() for name in PARTS):
        raise ValueError("some of its numbers are not finite")
    return Problem(((Parameters(i, f, g, o),),), a["x"], State(a["state.h"], a["state.c"])).checked()


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
    problem = _problem(a)
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


# ---------------------------------------------------------------- asking again


class Replayed(NamedTuple):
    """What came out of a case that was asked again."""

    outcome: Outcome
    detail: str = ""


OUTCOMES: dict[type[Exception], Outcome] = {
    Refuted: Outcome.REFUTED,
    Errored: Outcome.ERRORED,
    NotClaimed: Outcome.NOT_CLAIMED,
    Inconclusive: Outcome.INCONCLUSIVE,
}


def replay(case: Case, backend: Backend) -> Replayed:
    """What the property says of the example now; one question, no search."""
    outside = _outside(case, backend)
    if outside:
        return Replayed(Outcome.NOT_CLAIMED, outside)
    try:
        with np.errstate(all="ignore"):
            case.prop.refute(guarded(backend), case.example)
    except tuple(OUTCOMES) as error:
        return Replayed(OUTCOMES[type(error)], str(error))
    except Exception as error:  # e.g. of a file that was made by hand, an example that the property never draws
        reason = f"{type(error).__name__}: {line(error)}"
        return Replayed(Outcome.SUITE_ERROR, f"it is no example of its property ({reason})")
    return Replayed(Outcome.HOLDS)


def _outside(case: Case, backend: Backend) -> str:
    """Why this backend is not asked this; nothing where it is."""
    problem, about = problem_of(case.example), backend.description
    missing = [feature for feature in case.prop.features if not backend.offers(feature)]
    if missing:
        return f"it does not claim {', '.join(missing)}"
    if problem.dtype.name not in about.dtypes:
        return f"it does not claim {problem.dtype}"
    sizes = {k: n for k, n in zip("TBIH", problem.sizes, strict=True) if n and n not in getattr(about.shapes, k)}
    return f"its shapes exclude {', '.join(f'{k} = {n}' for k, n in sizes.items())}" if sizes else ""


class Step(NamedTuple):
    """The largest error of a quantity (at a step, where it is one of steps), and that in units of what is allowed."""

    quantity: str
    t: int | None
    error: float
    ratio: float


def steps(case: Case, backend: Backend) -> list[Step]:
    """The steps of y, then c_T; of a gradient the steps of dz from the last to the first, then the sums over them.

    Each step is judged from the states, or the gate gradients, that the backend returned.
    """
    found = {} if _outside(case, backend) else _expectations(guarded(backend), case.asked)
    names = [name.removeprefix("got.") for name in found if name.startswith("got.")]
    return [step for name in names for step in _steps(name, *(found[f"{k}.{name}"] for k in COMPARED))]


def _steps(quantity: str, got: Array, expected: Array, allowed: Array) -> list[Step]:
    with np.errstate(all="ignore"):
        error = np.nan_to_num(np.abs(got.astype(np.float64) - expected), nan=np.inf)
        ratio = np.where(error == 0, 0, error / allowed)
    if quantity not in ("y", "dz"):
        return [Step(quantity, None, float(error.max(initial=0)), float(ratio.max(initial=0)))]
    order = range(len(error)) if quantity == "y" else reversed(range(len(error)))
    return [Step(quantity, t, float(error[t].max(initial=0)), float(ratio[t].max(initial=0))) for t in order]
