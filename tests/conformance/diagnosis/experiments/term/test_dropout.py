"""What dropout makes zero is named with its rate; other chance is not called dropout."""

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.before import find_history
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.log import Log
from conformance.diagnosis.experiments.term.dropout import DIFFERS, find_dropout
from conformance.targets.border import guard_backend
from lstm_spec import Backend
from tests.planted.edits import CELL, HIDDEN, SUM, Edit, textbook

SHOULD_BE = "what they should be, as dropout of p ="
RNG = "np.random.default_rng()"


def drop(a: str, p: float) -> str:
    return f"({a} * ({RNG}.random({a}.shape) >= {p}) / {1 - p})"


PLANTED: tuple[tuple[str, Edit], ...] = (
    (
        "numbers of x are zero or 1.333 times what they should be, as dropout of p = 0.25",
        (SUM, SUM.replace("x[t]", drop("x[t]", 0.25))),
    ),
    (
        "numbers of h are zero or 2 times what they should be, as dropout of p = 0.5",
        (SUM, SUM.replace("h @", f"{drop('h', 0.5)} @")),
    ),
    ("numbers of W are zero or 1.25 times", (SUM, SUM.replace("W", drop("W", 0.2)))),
    ("numbers of U are zero or 1.25 times", (SUM, SUM.replace("U", drop("U", 0.2)))),
    ("numbers of the output y are zero or 1.429 times", ("y[t] = h", f"y[t] = {drop('h', 0.3)}")),
    ("numbers of the hidden state are zero or 2 times", (HIDDEN, f"{HIDDEN}; h = {drop('h', 0.5)}")),
    ("numbers of the cell state are zero or 2 times", (CELL, f"{CELL}; c = {drop('c', 0.5)}")),
    ("numbers of the forget gate or of the cell state before are", (CELL, f"f = {drop('f', 0.5)}; {CELL}")),
    ("numbers of the candidate or of the input gate are zero or 2", (CELL, f"g = {drop('g', 0.5)}; {CELL}")),
    (
        "numbers of the output y are zero, as dropout of p = 0.",
        ("y[t] = h", f"y[t] = h * ({RNG}.random(h.shape) > 0.5)"),
    ),
)
NOISE = textbook((CELL, f"{CELL} + {RNG}.standard_normal(c.shape).astype(x.dtype)"))


@pytest.mark.parametrize(("words", "edit"), PLANTED)
def test_dropout_is_named_with_what_it_drops(words: str, edit: Edit) -> None:
    found = find_dropout(Log(Laboratory(guard_backend(textbook(edit)), "float32", seconds=60)))
    assert found.startswith(f"{DIFFERS}: by chance, {words}")


@pytest.mark.parametrize("backend", [NOISE, textbook(), NUMPY])
def test_other_chance_is_not_called_dropout(backend: Backend) -> None:
    assert not find_dropout(Log(Laboratory(guard_backend(backend), "float32", seconds=60)))


def test_answers_that_differ_by_chance_are_said_to() -> None:
    found = find_history(Laboratory(guard_backend(NOISE), "float32", seconds=60))
    assert found is not None and found.sentence == DIFFERS and not found.is_condition
