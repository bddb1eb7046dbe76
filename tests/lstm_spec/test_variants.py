"""That each variant is what the conventions say: the plain cell where it reduces to it, and in 50 digits."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import ACTIVATIONS, FORWARD, Form
from lstm_spec import Activations, Array, Gate, Parameters, Problem, State, equations, gradients, network
from lstm_spec.gradients import CellGradient
from lstm_spec.types import Cell
from lstm_spec.variants import KINDS, cell_of, clip, inside
from tests.helpers import network_oracle, oracle
from tests.helpers.network_oracle import Network, parts
from tests.helpers.oracle import distance, exactly

ROUNDOFFS = 30  # of the largest number; up to 4 are seen, and what is wrong is off by 1e10 and more
ALLOWED = ROUNDOFFS * 2.0**-53
DENSE = ("dense", "by-width", "by-width", "dense", "within-1", "dense")  # x, W, U, b, h, c
I, H = 2, 3
NEAR, FAR = 0.75, 1e6  # bounds of cell states around 1: about half of them are outside, and none

LINES = Activations(candidate="relu", output="identity")

of_every_kind = pytest.mark.parametrize("kind", KINDS)
with_every_seed = pytest.mark.parametrize("seed", range(5))


class Step(NamedTuple):
    """What one step reads, and a cotangent of what it leaves."""

    p: Parameters
    x: Array  # (I,)
    s: State
    ds: State


def problem_of(form: Form, seed: int, steps: int = 1) -> Problem:
    return build_problem(np.dtype("float64"), form, (steps, 1, I, H), DENSE, seed)


def step_of(form: Form, seed: int) -> Step:
    problem, rng = problem_of(form, seed), np.random.default_rng(seed)
    s = State(*(a[0, 0] for a in problem.state))
    return Step(problem.layer, problem.x[0, 0], s, State(*(rng.standard_normal(a.shape) for a in s)))


def bounded(kind: str, k: float, a: Activations = LINES) -> tuple[Cell, CellGradient]:
    """The cell of that kind, and its gradient."""
    one = KINDS[kind]
    given = {"k": k, "a": a} if one.is_configured else {"k": k}
    return partial(one.cell, **given), partial(one.gradient, **given)


def results(cell: Cell, gradient: CellGradient, step: Step) -> dict[str, Array]:
    """All that a cell and its gradient return, by name; dc is the gradient with respect to the c before."""
    after = cell(step.p, step.x, step.s)
    dp, dx, ds = gradient(*step)
    return {"h": after.h, "c": after.c, "dx": dx, "dh": ds.h, "dc": ds.c, **parts(dp)}


def without(arrays: dict[str, Array], *endings: str) -> dict[str, Array]:
    return {name: a for name, a in arrays.items() if not name.endswith(endings)}


def assert_same_bits(got: dict[str, Array], expected: dict[str, Array]) -> None:
    """But for the signs of zeros."""
    assert got.keys() == expected.keys()
    for name, a in got.items():
        np.testing.assert_array_equal(a, expected[name], err_msg=name, strict=True)


def assert_near(got: Any, exact: Any, what: str = "") -> None:
    wanted = np.asarray(exact, object)
    assert got.shape == wanted.shape, what
    assert (distance(got, wanted) <= ALLOWED * np.abs(wanted.astype(float)).max(initial=1)).all(), what


# ---------------------------------------------------------------- the plain cell


@with_every_seed
def test_the_plain_problem_has_the_cell_of_the_equations(seed: int) -> None:
    assert cell_of(problem_of(Form(), seed)) == (equations.cell, gradients.cell_gradient)


@with_every_seed
def test_a_bound_at_infinity_bounds_nothing(seed: int) -> None:
    step = step_of(Form(), seed)
    expected = results(equations.cell, gradients.cell_gradient, step)
    assert_same_bits(results(*bounded("standard", np.inf), step), expected)


@of_every_kind
@with_every_seed
def test_a_bound_that_is_far_away_changes_no_bit(kind: str, seed: int) -> None:
    step = step_of(Form(kind=kind), seed)
    assert_same_bits(results(*bounded(kind, FAR), step), results(*bounded(kind, np.inf), step))


def replace_gates(p: Parameters, change: Callable[[Gate], Gate], letters: str = "ifgo") -> Parameters:
    return p._replace(**{k: change(getattr(p, k)) for k in letters})


@pytest.mark.parametrize("k", [NEAR, np.inf])
@pytest.mark.parametrize("projection", ["", "narrow"])
@with_every_seed
def test_peepholes_of_zero_see_nothing(k: float, projection: str, seed: int) -> None:
    step = step_of(Form(projection=projection), seed)
    seeing = step._replace(p=replace_gates(step.p, lambda gate: gate._replace(p=np.zeros(H)), "ifo"))
    got = results(*bounded("peephole", k), seeing)
    assert {"i.p", "f.p", "o.p"} <= got.keys()
    assert_same_bits(without(got, ".p"), results(*bounded("standard", k), step))


@pytest.mark.parametrize("k", [NEAR, np.inf])
@of_every_kind
@with_every_seed
def test_projected_by_the_identity_is_not_projected(kind: str, k: float, seed: int) -> None:
    step = step_of(Form(kind=kind), seed)
    plain, projected = bounded(kind, k), step._replace(p=step.p._replace(R=np.eye(H)))
    got, expected = results(*plain, projected), results(*plain, step)
    assert_same_bits(got, {**expected, "R": np.outer(step.ds.h, expected["h"])})


@with_every_seed
def test_coupled_is_standard_with_a_forget_gate_that_mirrors_the_input_gate(seed: int) -> None:
    step = step_of(Form(kind="coupled"), seed)
    mirrored = step._replace(p=step.p._replace(f=Gate(*(-a for a in step.p.i[:3]))))
    got, expected = results(*bounded("coupled", NEAR), step), results(*bounded("standard", NEAR), mirrored)
    twice = {f"i.{part}": expected[f"i.{part}"] - expected[f"f.{part}"] for part in "WUb"}
    expected = {**without(expected, "f.W", "f.U", "f.b"), **twice}
    assert got.keys() == expected.keys()
    for name, a in got.items():
        assert_near(a, exactly(expected[name]), name)


@pytest.mark.parametrize("k", [NEAR, np.inf])
@with_every_seed
def test_without_a_forget_gate_it_is_as_if_it_were_open(k: float, seed: int) -> None:
    step = step_of(Form(kind="no forget gate"), seed)
    standing_open = Gate(*step.p.i[:2], np.full(H, 1000.0))
    got = results(*bounded("standard", k), step._replace(p=step.p._replace(f=standing_open)))
    assert not any(got[name].any() for name in ("f.W", "f.U", "f.b"))
    assert_same_bits(without(got, "f.W", "f.U", "f.b"), results(*bounded("no forget gate", k), step))


@pytest.mark.parametrize("k", [NEAR, np.inf])
@with_every_seed
def test_the_cell_of_1997_is_the_one_without_forget_gate_at_twice_the_scale(k: float, seed: int) -> None:
    """2 tanh(z/2) and tanh(c/2): halve the candidate's weights and the cell state, and double what comes out."""
    step = step_of(Form(kind="1997 simplified"), seed)
    p = replace_gates(step.p, lambda gate: Gate(*(a / 2 for a in gate[:3])), "g")
    half = Step(p, step.x, step.s._replace(c=step.s.c / 2), step.ds._replace(c=step.ds.c * 2))
    expected = results(*bounded("no forget gate", k / 2), half)
    halved = {name: expected[name] / 2 for name in ("g.W", "g.U", "g.b", "dc")}
    got = results(*bounded("1997 simplified", k), step)
    assert_same_bits(got, {**expected, **halved, "c": expected["c"] * 2})


# ---------------------------------------------------------------- in 50 digits

FORMS = [Form(kind=kind, projection=R, clip=k) for kind in KINDS for R in ("", "narrow") for k in (None, NEAR)]
FORMS += [Form(kind=kind, activations=a) for kind in ("configured", "configured peephole") for a in ACTIVATIONS]
TOGETHER = {
    "peephole and projection": Form(kind="peephole", projection="narrow"),
    "peephole and clip": Form(kind="peephole", clip=NEAR),
    "projection and clip": Form(projection="narrow", clip=NEAR),
    "peephole, projection and clip": Form(kind="peephole", projection="narrow", clip=NEAR),
    "clip of the projection": Form(projection="narrow", projection_clip=0.2),
    "peephole, clip and clip of the projection": Form(
        kind="peephole", projection="narrow", clip=NEAR, projection_clip=0.2
    ),
    "peepholes and functions": Form(kind="configured peephole", projection="narrow", clip=NEAR, activations=LINES),
    "configured and clip of the projection": Form(
        kind="configured", projection="full", activations=LINES, projection_clip=0.2
    ),
}


def said(form: Form) -> str:
    """The id of a test."""
    a = form.activations
    functions = [] if a == Activations() else [f"{a.gate} {a.alpha:.2g} {a.beta:.2g} {a.candidate} {a.output}"]
    return " ".join(
        [form.kind, *functions, *[f"{form.projection} projection"] * bool(form.projection), *["clip"] * bool(form.clip)]
    )


@pytest.mark.parametrize("form", FORMS, ids=said)
@pytest.mark.parametrize("seed", range(2))
def test_a_cell_and_its_gradient_are_those_of_exact_arithmetic(form: Form, seed: int) -> None:
    step = step_of(form, seed)
    a = {
        name: exactly(array) for name, array in {**parts(step.p), "dx": step.x, "dh": step.s.h, "dc": step.s.c}.items()
    }
    asked = Network(1, FORWARD, form.kind, form.clip, [1], form.activations)
    d = exactly(np.concatenate(step.ds))

    def after() -> list[oracle.Number]:
        h, c = network_oracle.cell(asked, a, a["dx"], a["dh"], a["dc"])
        return [*h, *c]

    got = results(*bounded(form.kind, form.clip or np.inf, form.activations), step)
    assert_near(np.concatenate([got.pop("h"), got.pop("c")]), after())
    assert got.keys() == a.keys()
    for name, array in got.items():
        assert_near(array, oracle.gradient(lambda: oracle.EXACT.fdot(zip(d, after(), strict=True)), a[name]), name)


@pytest.mark.parametrize("form", TOGETHER.values(), ids=TOGETHER)
@with_every_seed
def test_options_act_together_as_each_does_alone(form: Form, seed: int) -> None:
    """For three steps, so that what is bounded, projected and seen is carried on."""
    problem = problem_of(form, seed, steps=3)
    d, rng = build_loss(problem, ("dense",) * 3, seed), np.random.default_rng(seed)
    answer, found = network.gradients(problem, d)
    asked = network_oracle.network_of(problem)
    numbers = {name: exactly(a) for name, a in network_oracle.named(problem).items()}
    for got, exact in zip((answer.y, *answer.state), network_oracle.forward(asked, numbers), strict=True):
        assert_near(got, exact)
    way = {name: exactly(rng.standard_normal(a.shape)) for name, a in numbers.items()}
    terms = np.concatenate([(exactly(a) * way[name]).ravel() for name, a in network_oracle.named(found).items()])
    slope = network_oracle.slope(asked, numbers, way, [exactly(a) for a in (d.y, *d.state)])
    assert abs(terms.sum() - slope) <= ALLOWED * np.abs(terms).sum()


# ---------------------------------------------------------------- the bound


def test_the_derivative_of_the_bound_is_1_inside_and_0_outside() -> None:
    c = np.array([-np.inf, -2, -0.76, -0.74, 0, 0.74, 0.76, 2, np.inf])
    np.testing.assert_array_equal(clip(c, NEAR), [-NEAR, -NEAR, -NEAR, -0.74, 0, 0.74, NEAR, NEAR, NEAR])
    np.testing.assert_array_equal(inside(c, NEAR), [0, 0, 0, 1, 1, 1, 0, 0, 0])


@of_every_kind
@with_every_seed
def test_no_gradient_comes_through_the_bound_and_all_of_it_comes_inside(kind: str, seed: int) -> None:
    step = step_of(Form(kind=kind), seed)
    uncut = Activations("sigmoid", output="identity")
    free, held = (results(*bounded(kind, k, uncut), step) for k in (np.inf, NEAR))
    beyond = np.abs(free["c"]) > NEAR
    stopped = ["dc", "i.b", "g.b"] if "f" not in KINDS[kind].gates else ["dc", "i.b", "f.b", "g.b"]
    assert not any(held[name][beyond].any() for name in stopped)
    assert held["o.b"][beyond].all()
    for name in (*stopped, "o.b"):
        np.testing.assert_array_equal(held[name][~beyond], free[name][~beyond], err_msg=name)


@of_every_kind
def test_some_cell_states_are_inside_of_the_bound_and_some_outside(kind: str) -> None:
    states = [results(*bounded(kind, np.inf), step_of(Form(kind=kind), seed))["c"] for seed in range(8)]
    assert 3 <= np.count_nonzero(np.abs(states) > NEAR) <= 8 * H - 3


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@of_every_kind
def test_the_bound_is_the_nearest_number_of_the_dtype(kind: str, dtype: str) -> None:
    problem = build_problem(np.dtype(dtype), Form(kind=kind), (3, 2, I, H), DENSE, 1)
    c = network.forward(replace(problem, variant=replace(problem.variant, clip=0.1))).state.c
    assert np.abs(c).max() == np.dtype(dtype).type(0.1) and c.dtype == dtype
