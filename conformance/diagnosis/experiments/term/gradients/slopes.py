"""The gradients of one step of one sample, of many questions, and the products that they should be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.term.asking import Asking, measure_room
from conformance.diagnosis.experiments.term.formula import run_steps
from conformance.problems.question import Question
from lstm_spec import Cotangents, State, pack
from lstm_spec.types import GATES, Array

FROM = ("y", "h", "c")  # where a cotangent comes from
SAMPLES = 24
CELL = "o 1−tanh²(c′)"
PRODUCTS = {
    "i": "g i 1−i",
    "f": "c f 1−f",
    "g": "i 1−g²",
    "c": "f",  # c_0
}
OUTPUT = "tanh(c′) o 1−o"
FACTORS = ("i", "f", "g", "o", "c", "c′", "tanh(c′)", "h", "σ(c′)")
ALIKE = ("tanh(c)",)  # factors that are too much like another one to have powers of their own
VARIABLES = {"1−i": "i", "1−f": "f", "1−o": "o", "1−g²": "g", "1−tanh²(c′)": "tanh(c′)"}
VARIABLES |= {"1−g": "g", "1−tanh(c′)": "tanh(c′)", "1−i²": "i", "1−f²": "f", "1−o²": "o"}


def list_factors(values: Mapping[str, Array]) -> dict[str, Array]:
    """What products may be made of, by name."""
    found = {k: values[k] for k in (*FACTORS, *ALIKE)} | {"tanh(c′)": values["s"]}
    found |= {name: 1 - found[v] ** (2 if "²" in name else 1) for name, v in VARIABLES.items()}
    return found


def multiply_named(product: str, factors: Mapping[str, Array]) -> Array:
    """The product of the factors that are named."""
    one = np.ones_like(factors["i"])
    return np.asarray(np.prod([one, *(factors[name] for name in product.split() if name != "1")], axis=0))


def expect(part: str, source: str) -> str:
    """The product by which a cotangent reaches the gradient of a gate, or of c_0; empty if it does not."""
    if part == "o":
        return "" if source == "c" else OUTPUT
    return PRODUCTS[part] if source == "c" else f"{CELL} {PRODUCTS[part]}"


@dataclass(frozen=True)
class Slopes:
    """The gradients of one step of one sample, of many questions: (N, H), dW (N, 4, H, I), dU (N, 4, H, H)."""

    factors: dict[str, Array]
    cotangents: dict[str, Array]
    x: Array
    h: Array
    W: Array  # (N, 4, H, I)
    U: Array
    dW: Array
    dU: Array
    db: Array  # (N, 4, H)
    dx: Array
    dh: Array
    dc: Array
    unit: float  # what rounding may come to, of the largest number

    def measure_gates(self, expected: Mapping[str, Array]) -> dict[str, Array]:
        """The gradient of each gate, from that of b, or from W or U if that is what it should be."""
        found = {}
        for k, letter in enumerate(GATES):
            by_W = (self.dW[:, k] @ self.x[..., None])[..., 0] / np.square(self.x).sum(1, keepdims=True)
            by_U = (self.dU[:, k] @ self.h[..., None])[..., 0] / np.square(self.h).sum(1, keepdims=True)
            each = (self.db[:, k], by_W, by_U)
            agreeing = [a for n, a in enumerate(each) if any(self.is_near(a, b) for m, b in enumerate(each) if n != m)]
            right = [a for a in each if self.is_near(a, expected[letter])]
            found[letter] = [*(right if expected[letter].any() else []), *agreeing, each[0]][0]
        return found

    def is_near(self, a: Array, b: Array) -> bool:
        """Whether they are the same but for rounding."""
        return bool((np.abs(a - b) <= self.measure_room(a, b)).all())

    def measure_room(self, *arrays: Array) -> float:
        """What rounding comes to, roughly."""
        return self.unit * max(float(np.abs(a).max(initial=0)) for a in arrays)

    def expect(self, part: str, sources: Iterable[str] = FROM) -> Array:
        """The gradient of a gate or of c_0 from these cotangents."""
        found = np.zeros_like(self.dc)
        for source in sources:
            if product := expect(part, source):
                found = found + self.cotangents[source] * multiply_named(product, self.factors)
        return found


def see_slopes(asking: Asking, sources: Iterable[str], seed: int = 0) -> Slopes:
    """The gradients of many questions of one sample, with cotangents from these sources only; none: all are zero."""
    rows = [_ask_one(asking, tuple(sources), seed + n) for n in range(SAMPLES)]
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    names = {k: a for k, a in arrays.items() if k in Slopes.__dataclass_fields__}
    cotangents = {k: arrays[f"from {k}"] for k in FROM}
    unit = float(measure_room(asking.laboratory.dtype, np.zeros(())))
    return Slopes(list_factors(arrays), cotangents, unit=unit, **names)


def _ask_one(asking: Asking, sources: tuple[str, ...], seed: int) -> dict[str, Array]:
    asking.laboratory.check_time()
    problem, d = asking.make_question(1, 1, seed, far=1.0)
    kept = [a if k in sources else frozen(np.zeros_like(a)) for k, a in zip(FROM, (d.y, *d.state), strict=True)]
    d = Cotangents(kept[0], State(*kept[1:]))
    _, gradients = asking.laboratory.differentiate(Question(problem, d))
    s = State(*(a[0].astype(np.float64) for a in problem.state))
    values = run_steps(asking.formula, problem)[1][0].of
    H = s.c.shape[1]
    dW, dU, db = (np.asarray(a, np.float64).reshape(4, H, -1) for a in pack(gradients.parameters[0][0]))
    W, U, _ = (a.astype(np.float64).reshape(4, H, -1) for a in pack(problem.layer))
    found = {k: values[k][0] for k in (*FACTORS, *ALIKE, "s")}
    found |= {"x": problem.x[0, 0], "h": s.h[0], "W": W, "U": U, "dW": dW, "dU": dU, "db": db[..., 0]}
    found |= {"dx": gradients.x[0, 0], "dh": gradients.state.h[0, 0], "dc": gradients.state.c[0, 0]}
    found |= {f"from {k}": a.reshape(-1)[-H:] for k, a in zip(FROM, kept, strict=True)}
    return {k: np.asarray(a, np.float64) for k, a in found.items()}
