"""What a case's script calls: ask the question of the case again, and print where the answer is furthest off.

It needs NumPy, lstm_spec and the backend (and ml_dtypes for bfloat16), and imports none of the suite's libraries.
"""

import json
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from conformance.nouns import Tensors, put_together
from conformance.targets.locate import adapt_target, import_place, pick_object, split_target
from lstm_spec import (
    REFERENCE,
    Answer,
    Backend,
    Cotangents,
    Gradients,
    Implementation,
    Parameters,
    Problem,
    State,
    make_backend,
    pack,
)
from lstm_spec.frameworks import split_adapter
from lstm_spec.modules.sessions import Session, interpret_session
from lstm_spec.remedies import GROUP
from lstm_spec.types import GATES, Array

CODES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8"}


def show(path: Path, target: str, device: str | None = None) -> None:
    """Print what the case says, and how far the answers of the target are from what is allowed, or from lstm_spec's."""
    about, arrays = read_case(path)
    backend = find_backend(target, device)
    print(about["reason"])
    problem, *d = (put_together(part, arrays) for part in json.loads(about["asked"])["parts"])
    drawn = json.loads(about["drawn"])
    if drawn["noun"] == "Session":
        _compare_session(backend, Session(*(put_together(part, arrays) for part in drawn["parts"])))
    elif problem.is_more:
        _compare_with_reference(backend, problem, *d)
    else:
        _compare_with_file(_ask_plainly(backend, about, problem, *d), arrays)


def read_case(path: Path) -> tuple[dict[str, str], Tensors]:
    """The description of the case, and its arrays by name."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    about = header.pop("__metadata__")
    codes: dict[str, Any] = dict(CODES)
    if any(entry["dtype"] == "BF16" for entry in header.values()):
        codes["BF16"] = import_module("ml_dtypes").bfloat16
    arrays = {}
    for name, entry in header.items():
        flat: Array = np.frombuffer(data[slice(*entry["data_offsets"])], codes[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return about, arrays


def find_backend(target: str, device: str | None) -> Backend:
    """The backend that a target names: an import path, an entry point, or a known fault."""
    if target.startswith("fault:"):
        resolved: Backend = import_module("conformance.targets.resolve").resolve(target)
        return resolved
    if split_adapter(target)[0]:
        return make_backend(adapt_target(target, device))
    entries = [*entry_points(group=GROUP, name=target)]
    if entries:
        found = entries[0].load()
    else:
        where, name = split_target(target)
        found = pick_object(target, import_place(target, where), name)
    is_made = isinstance(found, Backend | Implementation)
    made = found if is_made else found(device) if device else found()
    made = make_backend(made) if isinstance(made, Implementation) else made
    assert isinstance(made, Backend)
    return made


# ---------------------------------------------------------------- one layer of the standard cell


def _ask_plainly(
    backend: Backend, about: dict[str, str], problem: Problem, d: Cotangents | None = None
) -> dict[str, Array]:
    """Every quantity of the answer, and of the gradients if those were asked, with the probes that the case had."""
    answer = backend.forward(problem)
    found = {"y": answer.y, "c_T": answer.state.c[0]}
    if d is None:
        return found
    _, _, I, H = problem.sizes
    first, last, width = map(int, about["probes"].split()) if "probes" in about else (0, 0, I)
    _, gradients = backend.differentiate(_add_probes(problem, first, last, width), d)
    dW, dU, db = pack(gradients.parameters[0][0], GATES)
    found |= {"dW": dW[:, :I], "dU": dU, "db": db, "dx": gradients.x[..., :I]}
    found |= {"dh_0": gradients.state.h[0], "dc_0": gradients.state.c[0]}
    return found | ({"dz": gradients.x[..., I : I + 4 * H]} if last - first == 4 * H else {})


def _add_probes(problem: Problem, first: int, last: int, width: int) -> Problem:
    """Inputs that are 0, with weights 1: their gradients are those of the gates."""
    T, B, I, H = problem.sizes
    ones = np.zeros((4 * H, width - I), problem.dtype)
    ones[range(first, last), range(last - first)] = 1
    blocks = dict(zip(GATES, np.split(ones, 4), strict=True))
    wide = {k: gate._replace(W=np.concatenate([gate.W, blocks[k]], axis=1)) for k, gate in problem.layer.gates.items()}
    x = np.concatenate([problem.x, np.zeros((T, B, width - I), problem.dtype)], axis=2)
    return Problem(((Parameters(wide["i"], wide["f"], wide["g"], wide["o"]),),), x, problem.state)


def _compare_with_file(found: dict[str, Array], arrays: Tensors) -> None:
    for name, got in found.items():
        if f"expected.{name}" in arrays and got.size:
            expected, allowed = arrays[f"expected.{name}"], arrays[f"allowed.{name}"]
            with np.errstate(all="ignore"):
                error = np.abs(got.astype(np.float64) - expected)
                ratio = np.nan_to_num(np.where(error == 0, 0, error / allowed), nan=np.inf)
            at = np.unravel_index(ratio.argmax(), ratio.shape)
            units = f"error in units of what is allowed: {ratio[at]:.3g}"
            print(f"{name}[{_join(at)}]: expected {expected[at]:.9g}, got {float(got[at]):.9g}, {units}")


# ---------------------------------------------------------------- a session of modules


def _compare_session(backend: Backend, session: Session) -> None:
    print("each call of the session beside what lstm_spec answers itself:")
    assert backend.converse is not None
    replies = backend.converse(session)
    for k, (meant, reply) in enumerate(zip(interpret_session(session, replies), replies, strict=True)):
        print(f"call {k + 1}: {session.calls[k].does}")
        if meant is not None and meant.problem is not None:
            _print_pair(meant.problem, meant.d, reply)


def _print_pair(problem: Problem, d: Cotangents | None, reply: Any) -> None:
    if d is None:
        _print_answer(reply, REFERENCE.forward(problem))
        return
    answer, wanted = REFERENCE.differentiate(problem, d)
    _print_answer(reply[0], answer)
    _print_gradients(reply[1], wanted)


# ---------------------------------------------------------------- any network


def _compare_with_reference(backend: Backend, problem: Problem, d: Cotangents | None = None) -> None:
    print(f"{problem} answered; where each part is furthest from what lstm_spec answers itself:")
    _print_pair(problem, d, backend.forward(problem) if d is None else backend.differentiate(problem, d))


def _print_answer(answer: Answer, expected: Answer) -> None:
    _print_furthest("y", answer.y, expected.y)
    _print_state("h_T", "c_T", answer.state, expected.state)


def _print_state(h: str, c: str, got: State, expected: State) -> None:
    _print_furthest(h, got.h, expected.h)
    _print_furthest(c, got.c, expected.c)


def _print_gradients(gradients: Gradients, wanted: Gradients) -> None:
    _print_furthest("dx", gradients.x, wanted.x)
    _print_state("dh_0", "dc_0", gradients.state, wanted.state)
    for layer, (row, right) in enumerate(zip(gradients.parameters, wanted.parameters, strict=True)):
        for d, (p, q) in enumerate(zip(row, right, strict=True)):
            place = f"of layer {layer} direction {d}"
            for k, gate in q.gates.items():
                for part, a, b in zip("WUbp", p.gates[k], gate, strict=True):
                    _print_furthest(f"d{part}_{k} {place}", a, b)
            _print_furthest(f"dR {place}", p.R, q.R)


def _print_furthest(name: str, got: Array | None, expected: Array | None) -> None:
    if got is not None and expected is not None and got.size:
        error = np.nan_to_num(np.abs(got.astype(np.float64) - expected), nan=np.inf)
        at = np.unravel_index(error.argmax(), error.shape)
        print(f"{name}[{_join(at)}]: specification {float(expected[at]):.9g}, got {float(got[at]):.9g}")


def _join(at: tuple[Any, ...]) -> str:
    return ", ".join(map(str, at))
