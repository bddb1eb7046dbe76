"""A cell as data: what each gate adds up, its function, and the products that make c and h; and how it is computed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from conformance.diagnosis.experiments.term.fitting import Coefficients, Shape
from lstm_spec import Answer, Parameters, Problem, State
from lstm_spec.types import GATES, Array
from lstm_spec.variants import KINDS

SIGMA, TANH, SAME = Shape("σ"), Shape("tanh"), Shape("")
NAMES = {"i": "the input gate", "f": "the forget gate", "g": "the candidate", "o": "the output gate"}
SHOWN = {"y": "the output y", "h_T": "the final hidden state h_T", "c_T": "the final cell state c_T"}
KEPT = {"f": {"f c": 1.0}, "1 - i": {"c": 1.0, "i c": -1.0}, "1": {"c": 1.0}}


@dataclass(frozen=True)
class GateFormula:
    """One gate: shape(the sum of the terms)."""

    terms: Coefficients
    shape: Shape


@dataclass(frozen=True)
class Formula:
    """One step: the gates by letter; c, h and what is returned as h and c are sums of products."""

    gates: dict[str, GateFormula]
    c: Coefficients
    h: Coefficients
    bound: Shape = SAME  # of c
    squash: Shape = TANH  # of c, for h
    outer: Shape = SAME  # of h
    start: tuple[str, str] = ("h", "c")  # what is taken for h and c before the first step; "" is zero
    shown: dict[str, Coefficients] = field(default_factory=dict)  # what y, h and c are where they are not h, h and c
    returned: dict[str, Shape] = field(default_factory=dict)  # functions of these

    def change_gate(self, letter: str, gate: GateFormula) -> "Formula":
        """The formula with another gate."""
        return replace(self, gates={**self.gates, letter: gate})


def write_formula(kind: str) -> Formula:
    """The equations of a kind of cell."""
    about = KINDS[kind]

    def write_gate(letter: str) -> GateFormula:
        seen = {f"p_{letter} {'c′' if letter == 'o' else 'c'}": 1.0} if letter in about.peepholes else {}
        return GateFormula(_own_terms(letter) | seen, TANH if letter == "g" else SIGMA)

    gates = {letter: write_gate(letter) for letter in about.gates}
    return Formula(gates, {**KEPT[about.keeps], "i g": 1.0}, {"o s": 1.0})


def _own_terms(letter: str) -> Coefficients:
    return dict.fromkeys((f"W_{letter} x", f"U_{letter} h", f"b_{letter}"), 1.0)


def list_summands(p: Parameters, x: Array, s: State, new: Array | None = None) -> dict[str, Array]:
    """What a pre-activation may add up: (B, H) by name."""
    found, (h, c) = {"1": np.ones_like(s.c), "c": s.c}, s
    for k, (W, U, b, peephole) in p.gates.items():
        found |= {f"W_{k} x": x @ W.T, f"U_{k} h": h @ U.T, f"b_{k}": b + 0 * c, f"U_{k} c": c @ U.T}
        found |= {f"U_{k}ᵀ h": h @ U, f"W_{k} (x reversed)": x[:, ::-1] @ W.T}
        if x.shape == h.shape:
            found |= {f"W_{k}ᵀ x": x @ W, f"W_{k} h": h @ W.T, f"U_{k} x": x @ U.T}
        if peephole is not None:
            found[f"p_{k} c"] = peephole * c
            found |= {} if new is None else {f"p_{k} c′": peephole * new}
    return found


def multiply(*factors: dict[str, Array]) -> dict[str, Array]:
    """Every product of some of the first factors and at most one of each of the others."""
    first, *others = factors
    found: dict[str, Array] = {"1": np.ones_like(next(iter(first.values())))}
    for many in range(1, len(first) + 1):
        for names in combinations(first, many):
            found[" ".join(names)] = np.prod([first[n] for n in names], axis=0)
    for other in others:
        found |= {f"{a} {b}".removeprefix("1 "): u * v for a, u in found.items() for b, v in other.items()}
    return found


def add_up(terms: Coefficients, values: dict[str, Array]) -> Array:
    """The sum of the terms with their coefficients."""
    some = next(iter(values.values()))
    return np.asarray(sum((a * _find(name, values) for name, a in terms.items()), 0 * some))


def _find(name: str, values: dict[str, Array]) -> Array:
    """The value of a name, or the product of those that it lists."""
    if name in values:
        return values[name]
    return np.asarray(np.prod([values[one] for one in name.split(" ")], axis=0))


def open_gates(formula: Formula, p: Parameters, x: Array, s: State, letters: Iterable[str] = GATES) -> dict[str, Array]:
    """The values of these gates that do not need the new c, (B, H) by letter."""
    summands = list_summands(p, x, s)
    return {
        k: gate.shape(add_up(gate.terms, summands))
        for k, gate in formula.gates.items()
        if k in letters and set(gate.terms) <= set(summands)
    }


@dataclass(frozen=True)
class Values:
    """Everything of one step, by name: gates, c and h before it, c′, s = squash(c′), h′, and y, hT and cT as shown."""

    of: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.of[name]


def compute(formula: Formula, p: Parameters, x: Array, s: State) -> Values:
    """One step of many samples in float64."""
    p_, x, s = p, x.astype(np.float64), State(s.h.astype(np.float64), s.c.astype(np.float64))
    values = open_gates(formula, p_, x, s) | {"c": s.c, "h": s.h, "1": np.ones_like(s.c)}
    values["tanh(c)"], values["σ(c)"] = np.tanh(s.c), SIGMA(s.c)
    values["c′"] = formula.bound(add_up(formula.c, values))
    for k in formula.gates.keys() - values.keys():
        gate = formula.gates[k]
        values[k] = gate.shape(add_up(gate.terms, list_summands(p_, x, s, values["c′"])))
    values["s"], values["tanh(c′)"], values["σ(c′)"] = (
        formula.squash(values["c′"]),
        np.tanh(values["c′"]),
        SIGMA(values["c′"]),
    )
    values["h′"] = formula.outer(add_up(formula.h, values))
    for name, own in (("y", "h′"), ("h_T", "h′"), ("c_T", "c′")):
        values[name] = formula.returned.get(name, SAME)(add_up(formula.shown.get(name, {own: 1.0}), values))
    return Values(values)


def begin(formula: Formula, s: State) -> State:
    """The state that the formula starts from."""
    return State(*(getattr(s, name) if name else np.zeros_like(s.c) for name in formula.start))


def answer(formula: Formula, problem: Problem) -> Answer:
    """The answer of the formula to a problem of one layer that reads forward, in float64."""
    s, y = begin(formula, State(problem.state.h[0], problem.state.c[0])), []
    last = s
    for x in problem.x:
        found = compute(formula, problem.layer, x, s)
        s, last = State(found["h′"], found["c′"]), State(found["h_T"], found["c_T"])
        y.append(found["y"])
    return Answer(np.stack(y), State(last.h[None], last.c[None]))
