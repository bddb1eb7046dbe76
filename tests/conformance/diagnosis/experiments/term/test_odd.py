"""Right implementations of odd construction, at a grade that they do not meet: no cause is named but the true one."""

import pytest

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.term.formula import NAMES
from conformance.targets.border import guard_backend
from tests.planted.backward import dW, dX
from tests.planted.edits import CELL, HIDDEN, SIGMOID, SUM, Edit, textbook

HALF = ".astype(np.float16).astype(x.dtype)"
G = "g = np.tanh(g)"
TABLE = "at = np.linspace(-20, 20, 2001, dtype=z.dtype)"
COARSE = (
    "σ is right but for its small values, of which only multiples of a unit are left: it is computed as ½ + ½ tanh(z/2)"
)
FROM_TANH = {
    "σ from tanh": (SIGMOID, "return (1 + np.tanh(z / 2)) / 2"),
    "σ as a complement": (SIGMOID, "return 1 - 1 / (1 + np.exp(z))"),
}
ODD: dict[str, Edit] = {
    "tanh from σ": (G, "g = 2 * sigmoid(2 * g) - 1"),
    "tanh from exponentials": (G, "g = np.exp(2 * np.clip(g, -40, 40)); g = (g - 1) / (g + 1)"),
    "products of 16 bits": (SUM, f"z = x[t]{HALF} @ W.T{HALF} + h{HALF} @ U.T{HALF} + b"),
    "products of float32": (SUM, SUM.replace("x[t]", "x[t].astype('f')").replace("W.T", "W.T.astype('f')")),
    "σ of 16 bits": (SIGMOID, "return (1 / (1 + np.exp(-z))).astype(np.float16).astype(z.dtype)"),
    "σ from a table": (SIGMOID, f"{TABLE}; return np.interp(z, at, 1 / (1 + np.exp(-at))).astype(z.dtype)"),
    "tanh of c by an exponential": (HIDDEN, "h = o * (1 - 2 / (np.exp(2 * np.minimum(c, 40)) + 1))"),
    "tanh of float32": (G, "g = np.tanh(g.astype('f')).astype(g.dtype)"),
    "c kept in 16 bits": (CELL, f"{CELL}\n        c = c{HALF}"),
    "gradients in 16 bits": (dW, f"dW += (dz.T @ x[t]){HALF}"),
    "gradients of x in 16 bits": (dX, f"dx[t] = (dz @ W){HALF}"),
}


@pytest.mark.parametrize("edit", ODD.values(), ids=ODD)
def test_no_cause_is_named(edit: Edit) -> None:
    inquiry = inquire(guard_backend(textbook(edit)), "float64", seconds=90.0)
    assert not inquiry.has_formula
    assert not any(name in inquiry.sentence for name in (*NAMES.values(), "the cell state is", "the hidden state is"))


@pytest.mark.parametrize("edit", ODD.values(), ids=ODD)
@pytest.mark.parametrize("backward", [False, True])
def test_no_formula_is_certain(edit: Edit, backward: bool) -> None:
    found = find_term(Laboratory(guard_backend(textbook(edit)), "float32", backward=backward, seconds=90.0))
    assert found is None or not found.is_certain


@pytest.mark.parametrize("edit", FROM_TANH.values(), ids=FROM_TANH)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sigma_that_has_lost_its_small_values_is_named(edit: Edit, dtype: str) -> None:
    inquiry = inquire(guard_backend(textbook(edit)), dtype, seconds=90.0)
    assert inquiry.has_formula and inquiry.sentence.startswith(COARSE)
