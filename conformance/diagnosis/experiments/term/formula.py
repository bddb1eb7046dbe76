"""A cell as data: what each gate adds up, its function, and the products that make c and h; and how it is computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from types import MappingProxyType

import numpy as np

from conformance.diagnosis.experiments.term.fitting import Coefficients, Shape
from lstm_spec import Answer, Parameters, Problem, State
from lstm_spec.types import Array
from lstm_spec.variants import KINDS

SIGMA, TANH, SAME = Shape("σ"), Shape("tanh"), Shape("")
NAMES = {"i": "the input gate", "f": "the forget gate", "g": "the candidate", "o": "the output gate"}
SHOWN = {"y": "the output y", "h_T": "the final hidden state h_T", "c_T": "the final cell state c_T"}
NOTHING: Mapping[str, Array] = MappingProxyType({})
WHOLE = "tanh(f c + i g)"
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
    first: "Formula | None" = None  # of the first step, if that is another one
    carries: bool = False  # whether what is returned as h and c is also what the next step begins with
    wraps: bool = False  # whether the last x stands before the first one; or the first one does

    @property
    def is_of_one_step(self) -> bool:
        """Whether a step needs its own x and the state before it only, and returns what the next one begins with."""
        sums = list_sums(self)
        reads_others = any("[" in name or "_0" in name for terms in sums for name in terms)
        starts_so = self.start == ("h", "c") and not (self.first or self.carries or self.wraps)
        return starts_so and not (reads_others or self.shown or self.returned)

    def change_gate(self, letter: str, gate: GateFormula) -> "Formula":
        """The formula with another gate."""
        return replace(self, gates={**self.gates, letter: gate})


def list_sums(formula: Formula) -> list[Coefficients]:
    """What the gates add up, and the products that make c and h."""
    return [*(gate.terms for gate in formula.gates.values()), formula.c, formula.h]


def scale_number(formula: Formula, number: float, by: float) -> Formula:
    """The formula with coefficients of this magnitude scaled."""

    def scale(terms: Coefficients) -> Coefficients:
        return {name: a * by if abs(a) == number else a for name, a in terms.items()}

    gates = {k: replace(gate, terms=scale(gate.terms)) for k, gate in formula.gates.items()}
    return replace(formula, gates=gates, c=scale(formula.c), h=scale(formula.h))


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


def list_summands(
    p: Parameters, x: Array, s: State, new: Array | None = None, elsewhere: Mapping[str, Array] = NOTHING
) -> dict[str, Array]:
    """What a pre-activation may add up: (B, H) by name; elsewhere: x, h and c of other steps."""
    found, (h, c) = {"1": np.ones_like(s.c), "c": s.c}, s
    for k, (W, U, b, peephole) in p.gates.items():
        found |= {f"W_{k} x": x @ W.T, f"U_{k} h": h @ U.T, f"b_{k}": b + 0 * c, f"U_{k} c": c @ U.T}
        found |= {f"U_{k}ᵀ h": h @ U, f"W_{k} (x reversed)": x[:, ::-1] @ W.T}
        if x.shape == h.shape:
            found |= {f"W_{k}ᵀ x": x @ W, f"W_{k} h": h @ W.T, f"U_{k} x": x @ U.T}
        if peephole is not None:
            found[f"p_{k} c"] = peephole * c
            found |= {} if new is None else {f"p_{k} c′": peephole * new}
    for k, (W, U, *_) in p.gates.items():
        for name, a in elsewhere.items():
            if name[0] in "xh":
                letter, M = ("W", W) if name[0] == "x" else ("U", U)
                found[f"{letter}_{k} {name}"] = a @ M.T
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


def fix_gate(terms: Coefficients, letter: str, value: float) -> Coefficients:
    """The sum of products in which this number stands for a gate."""
    found = Coefficients()
    for name, a in terms.items():
        others = [one for one in name.split(" ") if one != letter]
        new, by = " ".join(others) or "1", value ** name.split(" ").count(letter)
        found |= {new: found.get(new, 0.0) + a * by} if by else {}
    return found


def add_up(terms: Coefficients, values: Mapping[str, Array]) -> Array:
    """The sum of the terms with their coefficients."""
    some = next(iter(values.values()))
    return np.asarray(sum((a * _find(name, values) for name, a in terms.items()), 0 * some))


def _find(name: str, values: Mapping[str, Array]) -> Array:
    """The value of a name, or the product of those that it lists."""
    if name in values:
        return values[name]
    if name.endswith(WHOLE):
        return values[name[0]] * values[WHOLE]
    return np.asarray(np.prod([values[one] for one in name.split(" ")], axis=0))


def open_gates(formula: Formula, summands: Mapping[str, Array]) -> dict[str, Array]:
    """The values of the gates that need no more than these summands and one another, (B, H) by letter."""
    found, many = dict[str, Array](), -1
    while len(found) > many:
        many = len(found)
        known = {**summands, **found}
        new = {k: gate for k, gate in formula.gates.items() if k not in found and set(gate.terms) <= known.keys()}
        found |= {k: gate.shape(add_up(gate.terms, known)) for k, gate in new.items()}
    return found


@dataclass(frozen=True)
class Values:
    """Everything of one step, by name: gates, c and h before it, c′, s = squash(c′), h′, and y, hT and cT as shown."""

    of: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.of[name]


def compute(formula: Formula, p: Parameters, x: Array, s: State, elsewhere: Mapping[str, Array] = NOTHING) -> Values:
    """One step of many samples in float64."""
    x, s = x.astype(np.float64), State(s.h.astype(np.float64), s.c.astype(np.float64))
    summands = list_summands(p, x, s, elsewhere=elsewhere)
    return evaluate(
        formula,
        summands,
        {"c": s.c, "h": s.h, **elsewhere},
        lambda new: list_summands(p, x, s, new, elsewhere),
    )


def evaluate(
    formula: Formula,
    summands: Mapping[str, Array],
    given: Mapping[str, Array],
    see_new: Callable[[Array], Mapping[str, Array]] | None = None,
) -> Values:
    """One step of each unit, given its summands and states; `see_new`: the summands once c′ is known."""
    values = {**open_gates(formula, summands), **given, "1": np.ones_like(given["c"])}
    c = values["c"]
    values["tanh(c)"], values["σ(c)"] = np.tanh(c), SIGMA(c)
    if {"i", "f", "g"} <= values.keys():
        values[WHOLE] = np.tanh(values["f"] * c + values["i"] * values["g"])
    new = values["c′"] = formula.bound(add_up(formula.c, values))
    for k in formula.gates.keys() - values.keys():
        gate = formula.gates[k]
        values[k] = gate.shape(add_up(gate.terms, see_new(new) if see_new else summands))
    values |= {"s": formula.squash(new), "tanh(c′)": np.tanh(new), "σ(c′)": SIGMA(new)}
    values["h′"] = formula.outer(add_up(formula.h, values))
    for name, own in (("y", "h′"), ("h_T", "h′"), ("c_T", "c′")):
        values[name] = formula.returned.get(name, SAME)(add_up(formula.shown.get(name, {own: 1.0}), values))
    return Values(values)


def begin(formula: Formula, s: State) -> State:
    """The state that the formula starts from."""
    given = (getattr(s, name) if name else np.zeros_like(s.c) for name in formula.start)
    return State(*(a.astype(np.float64) for a in given))


def answer(formula: Formula, problem: Problem) -> Answer:
    """The answer of the formula to a problem of one layer that reads forward, in float64."""
    _, values = run_steps(formula, problem)
    last = values[-1]
    return Answer(np.stack([found["y"] for found in values]), State(last["h_T"][None], last["c_T"][None]))


def run_steps(formula: Formula, problem: Problem) -> tuple[list[State], list[Values]]:
    """The states, the initial one first, and everything of each step."""
    states, values = [begin(formula, State(problem.state.h[0], problem.state.c[0]))], list[Values]()
    x = problem.x.astype(np.float64)
    for t in range(len(x)):
        here = formula.first if formula.first and not t else formula
        elsewhere = list_elsewhere(x, states, formula.wraps)
        values.append(compute(here, problem.layer, x[t], states[-1], elsewhere))
        states.append(State(*(values[-1][k] for k in (("h_T", "c_T") if formula.carries else ("h′", "c′")))))
    return states, values


def list_elsewhere(x: Array, states: Sequence[State], wraps: bool = False) -> dict[str, Array]:
    """x, h and c of other steps than that which reads the last of these states, by name."""
    read: dict[str, Sequence[Array]] = {"x": [*x], "h": [s.h for s in states], "c": [s.c for s in states]}
    places = find_elsewhere(len(states) - 1, len(x), wraps)
    zero = {k: 0 * states[0].c for k in TWO_BEFORE if k not in places}
    return {name: read[kind][k] for name, (kind, k) in places.items()} | zero


TWO_BEFORE = ("h[t−2]", "c[t−2]")


def find_elsewhere(t: int, T: int, wraps: bool = False) -> dict[str, tuple[str, int]]:
    """Which x, h or c stands for each name at step t; what is not there is zero."""
    before, after = (t - 1, (t + 1) % T) if wraps else (max(t - 1, 0), min(t + 1, T - 1))
    x = {"x[t−1]": before, "x[0]": 0, "x[T−1]": T - 1, "x[T−1−t]": T - 1 - t, "x[t+1]": after}
    x |= {"x[t−1 mod T]": t - 1, "x[t+1 mod T]": (t + 1) % T}
    states = {f"{k}_0": (k, 0) for k in "hc"}
    states |= {name: (name[0], max(t - 1, 0)) for name in TWO_BEFORE if t or not wraps}
    return {name: ("x", k) for name, k in x.items()} | states
