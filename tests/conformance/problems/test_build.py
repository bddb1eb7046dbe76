"""What is built has the form, the sizes and the gates that were asked for, and the same numbers each time."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from conformance.arrays import fingerprint
from conformance.problems.build import build_loss, build_problem, poison_padding, tame_problem
from conformance.problems.form import ANYTHING, BOTH, Form, form_of
from lstm_spec import Array, Gate, Kind, Problem, checked
from lstm_spec.types import GATES
from lstm_spec.variants import KINDS
from lstm_spec.variants.cells import coupled_cell, coupled_gradient
from tests.helpers.examples import FLOAT32, describe_context

DENSE = ("dense",) * 6
NEW = Kind("new", coupled_cell, coupled_gradient, (), gates="ifg", peepholes="f")  # no output gate


def build(form: Form, sizes: tuple[int, ...] = (5, 3, 2, 4), seed: int = 0) -> Problem:
    return build_problem(FLOAT32, form, sizes, DENSE, seed)


TOLD = dict.fromkeys(("full", "equal", "short", "one short"), "any")
CHOICES = [dict.fromkeys(ANYTHING[k]) for k in ("kind", "projection", "lengths")]  # in a fixed order


@pytest.mark.parametrize("values", list(product(*CHOICES)), ids=str)
def test_a_problem_has_the_form_that_was_asked_for(values: tuple[str, str, str]) -> None:
    kind, projection, lengths = values
    form = Form(layers=2, directions=BOTH, kind=kind, projection=projection, lengths=lengths, clip=0.75)
    problem = checked(build(form))
    assert form_of(problem) == replace(form, lengths=TOLD.get(lengths, lengths))
    assert fingerprint(problem) == fingerprint(build(form)) != fingerprint(build(form, seed=1))


def test_gates_and_peepholes_are_those_of_the_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, NEW.name, NEW)
    for kind in KINDS.values():
        gates = build(Form(kind=kind.name)).layer.gates
        assert "".join(gates) == kind.gates
        assert "".join(letter for letter, gate in gates.items() if gate.p is not None) == kind.peepholes


def test_kinds_without_peepholes_get_the_same_numbers() -> None:
    standard = build(Form()).layer.gates
    for kind in (kind for kind in KINDS.values() if not kind.peepholes):
        for letter, gate in build(Form(kind=kind.name)).layer.gates.items():
            assert fingerprint(gate) == fingerprint(standard[letter])


def test_a_bound_is_a_number_of_the_dtype() -> None:
    assert build(Form(clip=0.7)).variant.clip == float(np.float32(0.7)) != 0.7


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_smallest_cell_states_reach_a_large_bound_and_are_numbers(dtype: str) -> None:
    for seed in range(200):
        fillings = (*("dense",) * 5, "small")
        problem = build_problem(np.dtype(dtype), Form(clip=65.3), (2, 1, 1, 1), fillings, seed)
        assert problem.state.c == 0 or np.isclose(np.abs(problem.state.c.astype(float)), 130.6, rtol=0.01)


def test_a_projection_may_have_a_given_width() -> None:
    assert build(Form(projection="narrow"), (2, 3, 4, 7, 5)).P == 5
    assert build(Form(projection="narrow"), (2, 3, 4, 5, 9)).P == 4
    assert build(Form(), (2, 3, 4, 7, 5)).P == 7


WISHES: dict[str, Callable[[Array], Any]] = {
    "full": lambda lengths: (lengths == 5).all(),
    "any": lambda lengths: lengths.min() >= 1 and (len(lengths) == 1 or lengths.min() < lengths.max() == 5),
    "short": lambda lengths: lengths.min() >= 1 and lengths.max() < 5 and (len(lengths) == 1 or len(set(lengths)) > 1),
    "one short": lambda lengths: sorted(lengths) == [4, *[5] * (len(lengths) - 1)],
    "equal": lambda lengths: len(set(lengths)) == 1 and 1 <= lengths[0] < 5,
    "zeros": lambda lengths: lengths.min() == 0,
    "nothing": lambda lengths: not lengths.any(),
}


@pytest.mark.parametrize("lengths", WISHES)
def test_lengths_are_those_of_the_form(lengths: str) -> None:
    for seed in range(20):
        drawn = build(Form(lengths=lengths), (5, 1 + seed % 4, 2, 4), seed).lengths
        assert drawn is not None and 0 <= drawn.min() <= drawn.max() <= 5 and WISHES[lengths](drawn)


@pytest.mark.parametrize("lengths", WISHES)
def test_a_single_step_is_not_shortened_unless_that_is_wished(lengths: str) -> None:
    drawn = build(Form(lengths=lengths), (1, 3, 2, 4)).lengths
    assert drawn is not None and (drawn.min() == 0) == (lengths in ("zeros", "nothing"))


def test_a_single_sequence_of_any_length_is_mostly_short() -> None:
    lengths = [int(build(Form(lengths="any"), (5, 1, 2, 4), seed).lengths[0]) for seed in range(40)]  # type: ignore[index]
    assert set(lengths) == {1, 2, 3, 4, 5}


def test_only_the_padding_is_poisoned() -> None:
    problem = build(Form(lengths="any"), seed=3)
    assert problem.lengths is not None and problem.lengths.min() < 5
    poisoned = poison_padding(problem, 0)
    padding = np.arange(5)[:, None] >= problem.lengths
    assert not np.isfinite(poisoned.x[padding]).any()
    assert np.array_equal(poisoned.x[~padding], problem.x[~padding]) and np.isfinite(problem.x).all()


def test_the_numbers_of_a_loss_are_not_those_of_its_problem() -> None:
    problem = build(Form(), (4, 3, 4, 4))
    d = build_loss(problem, ("dense",) * 3, 0)
    numbers = {float(a) for a in d.y.flat}
    assert isinstance(problem.layer.i, Gate) and not numbers & {float(a) for a in problem.layer.i.W.flat}


def test_the_recurrent_weights_of_a_wild_problem_are_halved_until_it_is_tame() -> None:
    model = describe_context().model
    wild = build_problem(FLOAT32, Form(), (60, 2, 3, 8), ("dense", "dense", "very-wide", "dense", "dense", "dense"), 0)
    tame = tame_problem(wild, model)
    ratios = {float(r) for k in GATES for r in (tame.layer.gates[k].U / wild.layer.gates[k].U).flat}
    assert len(ratios) == 1 and np.log2(ratios.pop()) in range(-10, 0)
    assert tame_problem(tame, model) is tame
