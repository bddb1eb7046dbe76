"""Real cases, questions and files of deviations, damaged by byte and by structure; the latter with a right checksum."""

import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as pack_tensors

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.save import compute_digest, save_case
from conformance.nouns import Tensors
from conformance.property import find_property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.link import pack_question
from conformance.targets.origin import Origin
from conformance.targets.resolve import resolve
from lstm_spec.modules.sessions import Session
from tools.checks.odd import ODD_TEXT, ODD_VALUES, damage_bytes, replace_token

REFUTED = (  # known faults, each refuted by a property with another form of example
    ("fault:swaps_input_and_forget_gates", "the_input_gate_read_alone_is_the_logistic_function"),
    ("fault:drops_the_path_through_the_hidden_state", "the_gate_gradients_are_the_derivatives_of_the_equations"),
    ("fault:drops_the_path_through_the_hidden_state", "the_gradient_of_a_sequence_is_that_of_its_halves_chained"),
    ("fault:ignores_the_reverse_direction", "two_directions_read_side_by_side"),
    ("fault:ignores_the_lengths", "a_feature_that_is_claimed_is_not_ignored"),
    ("fault:copies_the_weights_that_are_tied", "tied_modules_stay_tied"),
)
DEEP = ("[" * 50_000, '{"a":' * 20_000, "[" * 900 + "]" * 900)
FORMS = ("drawn", "asked", "form", "layout", "writable", "versions")  # JSON in JSON


@cache
def list_cases() -> tuple[bytes, ...]:
    """Cases of all forms of examples, and a question that was kept after a crash."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(raw for target, name in REFUTED for raw in _make_files(Path(folder), target, name))


def _make_files(folder: Path, target: str, name: str) -> tuple[bytes, bytes]:
    backend = resolve(target)
    verdict = judge_property(find_property(name), backend, "float32", PROFILES["quick"])
    path = save_case(folder, backend, verdict, Origin(target, 0))
    assert path is not None and verdict.refutation is not None
    example, problem, d = verdict.refutation.problem, verdict.refutation.asked, verdict.refutation.loss
    call, arguments = ("forward", (problem,)) if d is None else ("gradients", (problem, d))
    call, arguments = ("converse", (example,)) if isinstance(example, Session) else (call, arguments)
    return path.read_bytes(), pack_question(call, arguments, {"target": target, "device": ""})[1]


# ---------------------------------------------------------------- cases


def damage_case(rng: random.Random) -> bytes:
    """A case, or a question, that is damaged by byte, in its header, or in what it holds under a right checksum."""
    raw = rng.choice(list_cases())
    how: Callable[[bytes, random.Random], bytes] = rng.choice(
        (damage_bytes, _damage_header, _damage_structure, _damage_structure)
    )
    return how(raw, rng)


def _damage_header(raw: bytes, rng: random.Random) -> bytes:
    size = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + size]
    for _ in range(rng.randint(1, 3)):
        header = replace_token(header, rng)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def _damage_structure(raw: bytes, rng: random.Random) -> bytes:
    originals, said = _unpack(raw)
    tensors, about = dict(originals), dict(said)
    for _ in range(rng.randint(1, 3)):
        rng.choice((_damage_tensors, _damage_text, _damage_form, _damage_form))(tensors, about, rng)
    if about.pop("digest", None) is not None and rng.random() < 0.95:
        about["digest"] = compute_digest(tensors, about)
    return pack_tensors(tensors, about)


@cache
def _unpack(raw: bytes) -> tuple[Tensors, dict[str, str]]:
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return load_tensors(raw), header["__metadata__"]


def _damage_tensors(tensors: Tensors, about: dict[str, str], rng: random.Random) -> None:
    """Two change places, one is gone, has another shape, dtype or name, or numbers that are none."""
    if not tensors:
        return
    one, other = rng.choice(list(tensors)), rng.choice(list(tensors))
    a = tensors[one]
    how = rng.randrange(8)
    if how == 0:
        tensors[one], tensors[other] = tensors[other], a
    elif how == 1:
        del tensors[one]
    elif how == 2:
        tensors[one] = a.reshape(rng.choice([(-1,), (1, *a.shape), (*a.shape, 1), a.shape[::-1]]))
    elif how == 3:
        tensors[one] = a.astype(rng.choice(["float64", "float16", "int64"]))
    elif how == 4:
        tensors[rng.choice(["drawn.x", "x" * 300, "a b", "\x1b[31m", one + ".W"])] = a
    elif how == 5:
        with np.errstate(invalid="ignore"):
            tensors[one] = np.full(a.shape, rng.choice([np.nan, np.inf, -1, 1e30]), np.float32).astype(a.dtype)
    elif how == 6:
        shape = [rng.choice([0, 1, 2, n]) for n in a.shape]
        tensors[one] = np.zeros(shape, a.dtype)
    else:
        tensors[one] = np.zeros((0, rng.choice([2**20, 2**40, 2**56])), a.dtype)


def _damage_text(tensors: Tensors, about: dict[str, str], rng: random.Random) -> None:
    """Something of what it says of itself is gone, or another text."""
    name = rng.choice([*about, "probes", "extra"])
    if rng.random() < 0.2:
        about.pop(name, None)
    else:
        about[name] = rng.choice([*ODD_TEXT, *about.values()]).encode("utf-8", "replace").decode()


def _damage_form(tensors: Tensors, about: dict[str, str], rng: random.Random) -> None:
    """Somewhere in a form stands another value, a part of another form, or nothing; or the form is too deep."""
    name = rng.choice([name for name in FORMS if name in about] or [""])
    if not name or rng.random() < 0.1:
        about[name or "form"] = rng.choice(DEEP)
        return
    with suppress(ValueError, RecursionError):  # it is damaged already
        tree = json.loads(about[name])
        if places := list(_list_places(tree)):
            _change_place(rng.choice(places), rng.choice(places), rng)
            about[name] = json.dumps(tree)


def _change_place(place: tuple[Any, Any], another: tuple[Any, Any], rng: random.Random) -> None:
    (holder, key), (other, elsewhere), how = place, another, rng.random()
    if how < 0.5:
        holder[key] = rng.choice(ODD_VALUES)
    elif how < 0.8:
        holder[key] = json.loads(json.dumps(other[elsewhere]))
    elif isinstance(holder, list) and how < 0.9:
        holder.insert(key, holder[key])
    else:
        del holder[key]


def _list_places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder of a value, and the key under which it holds it."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _list_places(tree[key])


# ---------------------------------------------------------------- deviations

ENTRY = {"clause": "CELL-1", "reason": "why", "issue": "https://example.org/7", "kind": "refuted", "witness": "w"}
TOML_VALUES = (
    *("[" * 50_000, "{a=" * 20_000, "9" * 5000, "0x" + "f" * 90_000, "1e999", "nan", "-inf", "true", "1979-05-27"),
    *("1979-05-27T07:32:00Z", '"""' + "x\n" * 100 + '"""', "[[1]]", "{}", '"http://["', '"https://[::1"', '"//x"'),
    *(
        '"\\u001b[31m"',
        '"\\ud800"',
        '"/dev/zero"',
        '"\\u0000"',
        f'"{"x" * 90_000}"',
        "'CELL-99'",
        '"holds"',
        '"errored"',
    ),
)
TOML_LINES = (
    *("a." * 30_000 + "a = 1", '"\\u2028".' * 2000 + "a = 1", "[deviation]", "[[deviation]]", "[[deviation.x]]", "[a]"),
    *("#" * 1000, "=", "expires = 2027-01-31", 'target = "mine"', 'target = ""', "deviation = []", '"" = 1', "\x00"),
)


def damage_deviations(rng: random.Random) -> bytes:
    """A file of deviations that is damaged by byte, by line, by value or by length."""
    entries = [ENTRY | ({"target": "mine", "expires": str(date(2027, 1, 31))} if rng.random() < 0.5 else {})]
    entries *= rng.choice([1, 1, 2, 300 if rng.random() < 0.05 else 3])
    lines = [
        line for entry in entries for line in ("[[deviation]]", *(f"{k} = {_quote(k, v)}" for k, v in entry.items()))
    ]
    for _ in range(rng.randint(0, 3)):
        _damage_lines(lines, rng)
    raw = "\n".join(lines).encode("utf-8", "replace")
    return damage_bytes(raw, rng) if rng.random() < 0.3 else raw


def _quote(name: str, value: str) -> str:
    return value if name == "expires" else json.dumps(value)


def _damage_lines(lines: list[str], rng: random.Random) -> None:
    at, other, how = rng.randrange(len(lines)), rng.randrange(len(lines)), rng.randrange(6)
    if how == 0 and len(lines) > 1:
        del lines[at]
    elif how == 1:
        lines.insert(at, lines[other])
    elif how == 2:
        lines.insert(at, rng.choice(TOML_LINES))
    elif how == 3:
        lines[at] = re.sub(r"=.*", lambda _: f"= {json.dumps(rng.choice(ODD_TEXT))}", lines[at])
    else:
        lines[at] = re.sub(r"=.*", lambda _: f"= {rng.choice(TOML_VALUES)}", lines[at])
