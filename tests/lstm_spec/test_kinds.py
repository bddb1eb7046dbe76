"""That a Kind is the truth about its equations, and is all that the specification and NumPy ask of a new one."""

from dataclasses import replace
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import make_vjp

from backends.numpy.backend import BACKEND as NUMPY
from lstm_spec import (
    KINDS,
    REFERENCE,
    Array,
    Cotangents,
    Feature,
    Gate,
    Kind,
    Parameters,
    Problem,
    State,
    Variant,
    checked,
    pack,
    to_layout,
    unpack,
)
from lstm_spec.types import GATES, each_array

T, B, I, H = 5, 3, 2, 4
FIXED = {name: kind for name, kind in KINDS.items() if not kind.is_configured}
of_every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
of_every_fixed_kind = pytest.mark.parametrize("kind", FIXED.values(), ids=FIXED)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + anp.exp(-z))


# ---------------------------------------------------------------- the table


def test_the_kinds_are_found_by_their_names() -> None:
    assert list(KINDS) == [
        "standard",
        "peephole",
        "coupled",
        "no forget gate",
        "1997 simplified",
        "configured",
        "configured peephole",
    ]
    assert all(kind.name == name for name, kind in KINDS.items())


def test_each_kind_but_the_standard_one_has_a_feature_to_itself_or_is_made_of_two_that_have() -> None:
    features = [kind.features for kind in KINDS.values()]
    assert features[0] == () and len(set(features)) == len(features)
    assert all(isinstance(feature, Feature) for one in features for feature in one)
    assert all((feature,) in features for one in features for feature in one)


@of_every_kind
def test_the_letters_of_a_kind_are_gates_in_order(kind: Kind) -> None:
    assert kind.gates == "".join(letter for letter in GATES if letter in kind.gates)
    assert "g" in kind.gates and "g" not in kind.peepholes and set(kind.peepholes) <= set(kind.gates)
    assert (kind.keeps == "f") == ("f" in kind.gates)


def one_step(kind: Kind, **biases: float) -> tuple[Parameters, State]:
    """Weights and peepholes of zero, so that the biases decide; and a state of h = 0 and c = 3/2."""
    gates = {
        letter: Gate(
            np.zeros((1, 1)),
            np.zeros((1, 1)),
            np.array([biases.get(letter, 0.3)]),
            np.zeros(1) if letter in kind.peepholes else None,
        )
        for letter in kind.gates
    }
    p = Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"))
    return p, State(np.zeros(1), np.full(1, 1.5))


@of_every_fixed_kind
def test_the_equations_use_the_gates_that_the_kind_names_and_no_others(kind: Kind) -> None:
    p, s = one_step(kind)
    dp, _, _ = kind.gradient(p, np.ones(1), s, State(np.ones(1), np.ones(1)), np.inf)
    assert "".join(dp.gates) == kind.gates
    assert all(gate.b.all() and (gate.p is not None) == (k in kind.peepholes) for k, gate in dp.gates.items())
    assert all(gate.p.all() for gate in dp.gates.values() if gate.p is not None)


@of_every_fixed_kind
def test_the_cell_state_is_multiplied_by_what_the_kind_says(kind: Kind) -> None:
    p, s = one_step(kind, i=0.7, f=-0.2)
    factor = {"f": sigmoid(-0.2), "1 - i": 1 - sigmoid(0.7), "1": 1.0}[kind.keeps]
    _, _, ds = kind.gradient(p, np.ones(1), s, State(np.zeros(1), np.ones(1)), np.inf)
    np.testing.assert_allclose(ds.c, factor, rtol=1e-14)
    unwritten, _ = one_step(kind, i=0.7, f=-0.2, g=0.0)
    np.testing.assert_allclose(kind.cell(unwritten, np.ones(1), s, np.inf).c, 1.5 * factor, rtol=1e-14)


@of_every_fixed_kind
def test_candidate_and_cell_state_are_stretched_as_the_kind_says(kind: Kind) -> None:
    p, s = one_step(kind, i=1000, f=-1000, g=0.8, o=1000)
    after = kind.cell(p, np.ones(1), s._replace(c=np.zeros(1)), np.inf)
    np.testing.assert_allclose(after.c, kind.stretch * np.tanh(0.8 / kind.stretch), rtol=1e-14)
    np.testing.assert_allclose(after.h, np.tanh(after.c / kind.stretch), rtol=1e-14)


# ---------------------------------------------------------------- a new one


def equations(kind: Kind) -> Any:
    """The cell that the fields of a kind describe, for autograd."""

    def cell(p: Parameters, x: Any, s: State, k: float) -> State:
        def received(letter: str, c: Any) -> Any:
            gate = p.gates[letter]
            z = anp.dot(gate.W, x) + anp.dot(gate.U, s.h) + gate.b
            return z if gate.p is None else z + gate.p * c

        def opened(letter: str, c: Any) -> Any:
            return sigmoid(received(letter, c)) if letter in kind.gates else 1.0

        i = opened("i", s.c)
        kept = {"f": opened("f", s.c), "1 - i": 1 - i, "1": 1.0}[kind.keeps]
        g = kind.stretch * anp.tanh(received("g", s.c) / kind.stretch)
        c = anp.clip(kept * s.c + i * g, -k, k)
        m = opened("o", c) * anp.tanh(c / kind.stretch)
        return State(m if p.R is None else anp.dot(p.R, m), c)

    return cell


def differentiated(cell: Any) -> Any:
    """The gradient of a cell, by autograd."""

    def gradient(p: Parameters, x: Array, s: State, ds: State, k: float) -> tuple[Parameters, Array, State]:
        arrays: list[Array] = []
        each_array(lambda a: arrays.append(a) or a, p)

        def after(*given: Any) -> Any:
            rest = iter(given[3:])
            return anp.concatenate(cell(each_array(lambda a: next(rest), p), given[0], State(*given[1:3]), k))

        d, inputs = np.concatenate(ds), (x, *s, *arrays)
        dx, dh, dc, *found = (make_vjp(after, n)(*inputs)[0](d) for n in range(len(inputs)))
        rest = iter(found)
        return each_array(lambda a: next(rest), p), dx, State(dh, dc)

    return gradient


NEW = {
    "no output gate": {"gates": "ifg"},
    "no input gate": {"gates": "fgo"},
    "nothing but a candidate": {"gates": "g", "keeps": "1"},
    "coupled, with peepholes": {"gates": "igo", "keeps": "1 - i", "peepholes": "io"},
    "stretched, with two peepholes": {"peepholes": "if", "stretch": 2},
    "only the output gate sees": {"gates": "igo", "keeps": "1", "peepholes": "o"},
    "no output gate, with peepholes": {"gates": "ifg", "peepholes": "if"},
}


@pytest.fixture(params=NEW)
def new(request: Any, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A kind that was not there before, with its equations."""
    kind = Kind(request.param, None, None, (), **NEW[request.param])
    cell = equations(kind)
    kind = replace(kind, cell=cell, gradient=differentiated(cell))
    monkeypatch.setitem(KINDS, kind.name, kind)
    return kind


def problem_of(kind: Kind, projected: bool = False, clip: float | None = None) -> tuple[Problem, Cotangents]:
    rng, P = np.random.default_rng(7), H - 1 if projected else H

    def layer(width: int) -> Parameters:
        gates = {
            k: Gate(
                rng.standard_normal((H, width)),
                rng.standard_normal((H, P)),
                rng.standard_normal(H),
                rng.standard_normal(H) if k in kind.peepholes else None,
            )
            for k in kind.gates
        }
        R = rng.standard_normal((P, H)) if projected else None
        return Parameters(gates.get("i"), gates.get("f"), gates["g"], gates.get("o"), R)

    rows = ((layer(I), layer(I)), (layer(2 * P), layer(2 * P)))
    x, lengths = rng.standard_normal((T, B, I)), np.array([5, 2, 0])
    states = [State(rng.standard_normal((4, B, P)), rng.standard_normal((4, B, H))) for _ in range(2)]
    d = Cotangents(rng.standard_normal((T, B, 2 * P)), states[1])
    return Problem(rows, x, states[0], lengths, Variant(kind.name, clip), ("forward", "reverse")), d


def leaves(found: Any) -> list[Array]:
    if isinstance(found, np.ndarray):
        return [found]
    parts = vars(found).values() if hasattr(found, "__dataclass_fields__") else found
    return [a for part in parts if part is not None for a in leaves(part)]


@pytest.mark.parametrize("clip", [None, 0.75])
@pytest.mark.parametrize("projected", [False, True], ids=["", "projected"])
def test_numpy_computes_every_kind_that_can_be_described(new: Kind, projected: bool, clip: float | None) -> None:
    problem, d = problem_of(new, projected, clip)
    right, wanted = REFERENCE.differentiate(problem, d)
    answer, found = NUMPY.differentiate(problem, d)
    for a, b in zip(leaves((answer, found)), leaves((right, wanted)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(NUMPY.forward(problem).y, right.y, rtol=1e-10, atol=1e-10)
    assert all("".join(p.gates) == new.gates for row in found.parameters for p in row)


def test_a_kind_with_the_fields_of_an_old_one_has_its_equations() -> None:
    """So that the cells above are no invention of this file."""
    rng = np.random.default_rng(1)
    for kind in FIXED.values():
        problem, _ = problem_of(kind)
        p, x, s = problem.layer, problem.x[0, 0], State(*(a[0, 0] for a in problem.state))
        ds, cell = State(rng.standard_normal(H), rng.standard_normal(H)), equations(kind)
        for k in (np.inf, 0.75):
            old, new = kind.cell(p, x, s, k), cell(p, x, s, k)
            back, found = kind.gradient(p, x, s, ds, k), differentiated(cell)(p, x, s, ds, k)
            for a, b in zip(leaves((old, back)), leaves((new, found)), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_new_kind_is_checked_gate_by_gate(new: Kind) -> None:
    problem, _ = problem_of(new)
    assert checked(problem) is problem
    other = next(iter(problem.layer.gates.values()))._replace(p=None)
    names = {"i": "input", "f": "forget", "o": "output"}
    for letter in GATES:
        rows = (
            (problem.layer._replace(**{letter: None if letter in new.gates else other}),) * 2,
            problem.parameters[1],
        )
        with pytest.raises(ValueError) as refused:
            checked(replace(problem, parameters=rows))
        expected = (
            f"layer 0 forward: gate {letter} is a NoneType, expected a Gate; the kind {new.name!r} has it, "
            "so make one of W, U and b"
            if letter in new.gates
            else f"layer 0 forward: {letter} is given, expected None; "
            f"the kind {new.name!r} has no {names[letter]} gate of its own"
        )
        assert str(refused.value) == expected


def test_the_gates_of_a_new_kind_are_packed_and_unpacked(new: Kind) -> None:
    layer = problem_of(new)[0].layer
    order = new.gates[::-1]
    again = unpack(pack(layer, order), order)
    assert "".join(again.gates) == new.gates
    for letter, gate in again.gates.items():
        assert all(np.array_equal(a, b) for a, b in zip(gate[:3], layer.gates[letter][:3], strict=True))


@pytest.mark.parametrize("letter", ["i", "o"])
def test_a_layout_has_no_place_for_a_layer_without_a_gate_that_it_keeps(letter: str) -> None:
    layer = problem_of(KINDS["standard"])[0].layer._replace(**{letter: None})
    with pytest.raises(ValueError) as refused:
        to_layout(layer, "pytorch")
    sentence = f"{letter} is None, expected a Gate: 'pytorch' has that gate; no layout is without it"
    assert str(refused.value) == sentence


def test_the_gates_of_a_layer_are_those_that_are_there() -> None:
    layer = problem_of(KINDS["coupled"])[0].layer
    assert layer.gates == {"i": layer.i, "g": layer.g, "o": layer.o}
