"""A failing example on disk, and back: one safetensors file, which is never executed, and a script beside it."""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as packed

import conformance.properties  # noqa: F401  fills the registry
from conformance import network_cases
from conformance.border import guarded, line
from conformance.case_script import script
from conformance.dtypes import CODES
from conformance.expectations import COMPARED, Asked, Tensors, asked_of, expectations
from conformance.kinds import frozen
from conformance.networks import form_of
from conformance.problems import Question, Split, problem_of
from conformance.property import (
    Errored,
    Inconclusive,
    NotClaimed,
    Outcome,
    Property,
    Refuted,
    Verdict,
    broken,
    named,
)
from conformance.report import Origin
from conformance.trajectories import ORDER
from lstm_spec import SPECIFICATION, Backend, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.types import Array
from lstm_spec.validation import check_cotangents, checked

FORMAT = "lstm-spec case 1"


class CaseError(Exception):
    """The file is not a case, or not whole; the message is one sentence with the remedy."""


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
    of = _of_network if verdict.property.further else _of_one_layer
    tensors, form = of(backend, verdict.property, raised)
    tensors = {name: np.array(a, order="C") for name, a in tensors.items()}
    about = _about(backend, verdict, origin) | form
    about["digest"] = _digest(tensors, about)
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


# ---------------------------------------------------------------- reading

PARTS = tuple(f"{k}.{part}" for k in ORDER for part in "WUb") + ("x", "state.h", "state.c")


def load(path: Path) -> Case:
    """The case in a file. Raises CaseError; nothing in the file is executed or unpickled."""
    tensors, about = _read(path)
    if about.get("format") != FORMAT:
        raise CaseError(f"{path} is not a case of this suite (expected {FORMAT!r}); name one that `run` wrote")
    if about.pop("digest", "") != _digest(tensors, about):
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
    wanted = dict.fromkeys((*case.prop.features, *sorted(form_of(problem).features)))
    missing = [feature for feature in wanted if not backend.offers(feature)]
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
    if _outside(case, backend):
        return []
    if case.prop.further:
        found = network_cases.expectations(guarded(backend), case.prop, case.example)
    else:
        found = expectations(guarded(backend), case.asked)
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
