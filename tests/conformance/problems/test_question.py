"""Problems are changed gate by gate and part by part, and described in one line."""

import numpy as np

from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, Form
from conformance.problems.question import (
    Question,
    Split,
    describe_example,
    problem_of,
    redraw_numbers,
    with_gates,
)
from lstm_spec import pack
from tests.helpers.examples import FLOAT32

DENSE = ("dense",) * 6
PLAIN = build_problem(FLOAT32, Form(), (3, 2, 3, 4), DENSE, 0)
NETWORK = build_problem(FLOAT32, Form(2, BOTH, "peephole", "full", 0.75, "full"), (3, 2, 3, 4), DENSE, 0)
LOSS = build_loss(PLAIN, ("dense",) * 3, 0)


def test_a_redrawn_problem_has_the_same_shapes_and_other_numbers() -> None:
    other = redraw_numbers(PLAIN, 5)
    assert other.sizes == PLAIN.sizes and other.dtype == PLAIN.dtype
    assert not np.array_equal(pack(other.layer).W, pack(PLAIN.layer).W)


def test_only_the_named_parts_are_redrawn() -> None:
    other = redraw_numbers(PLAIN, 5, "Wc")
    assert np.array_equal(pack(other.layer).U, pack(PLAIN.layer).U) and np.array_equal(other.x, PLAIN.x)
    assert np.array_equal(other.state.h, PLAIN.state.h) and not np.array_equal(other.state.c, PLAIN.state.c)
    assert not np.array_equal(pack(other.layer).W, pack(PLAIN.layer).W)


def test_gates_are_changed_one_by_one_in_every_layer_and_direction() -> None:
    changed = with_gates(NETWORK, lambda k, gate: gate._replace(b=gate.b + "ifgo".index(k)))
    rows = zip(changed.parameters, NETWORK.parameters, strict=True)
    for new, old in (pair for row in rows for pair in zip(*row, strict=True)):
        moved = [float((new.gates[k].b - old.gates[k].b).round()[0]) for k in "ifgo"]
        assert moved == [0, 1, 2, 3] and new.R is old.R and new.gates["i"].p is old.gates["i"].p


def test_the_problem_of_an_example_is_found_at_any_depth() -> None:
    question = Question(PLAIN, LOSS)
    assert all(problem_of(example) is PLAIN for example in (PLAIN, question, (question, 7), Split(PLAIN, 1, LOSS)))


def test_the_description_has_the_sizes_and_what_differs_from_a_plain_problem() -> None:
    assert describe_example((PLAIN, 7)) == "T = 3, B = 2, I = 3, H = 4, non-zero numbers: 162"
    said = describe_example(NETWORK)
    assert said.startswith("T = 3, B = 2, I = 3, H = 4, 2 layers, forward and reverse, peephole, P = 4, clip = 0.75,")
    assert ", lengths 3 3, non-zero numbers: " in said
