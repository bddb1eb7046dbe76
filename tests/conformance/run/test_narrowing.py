"""With ellipsoids for the layers that nobody saw, no right stack is refuted, however its layers round."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.problems.build import build_problem
from conformance.problems.covering import DENSE
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from conformance.run.answers import judge
from conformance.run.given import Compared, measure_part
from lstm_spec import Array, ErrorModel, Problem, State, error_model, pack
from tests.helpers.adversary import NOWHERE, Adversary, Signs, aligned, forward, random_signs, uniform_signs
from tools.checks.right.backends import RIGHT

RELATIVE, COARSE = error_model("relative", "float32"), ErrorModel(2.0**-14, 2.0**-16, 2.0**-126, r_s=2.0, r_t=2.0)


def lasting_signs(seed: int) -> Signs:
    """Those of every step are the same, so that their effects add up."""
    return lambda direction: np.random.default_rng(seed).choice([-1.0, 1.0], direction.shape)


def draw(layers: int, directions: Any = FORWARD, lengths: str = "full", dtype: str = "float32") -> Problem:
    form = Form(layers, directions, lengths=lengths)
    return build_problem(np.dtype(dtype), form, (60, 2, 12, 12), DENSE, 0)


def list_ratios(problem: Problem, y: Array, model: ErrorModel) -> list[float]:
    compared = Compared(problem, (y, None, None), (), model, [], (), "narrowed")
    with np.errstate(all="ignore"):
        parts = [measure_part(one) for one in compared.list_forward()]
    assert compared.cut is None
    return [part.ratio for part in parts]


def run_stack(problem: Problem, adversaries: list[Adversary]) -> Array:
    """The outputs of the last layer, if each layer errs as its adversary does; of a stack in one direction."""
    way = slice(None, None, -1 if problem.directions == REVERSE else 1)
    x = problem.x[way]
    for k, (row, one) in enumerate(zip(problem.parameters, adversaries, strict=True)):
        layer = Problem((row,), x, State(*(a[k : k + 1] for a in problem.state)))
        x = np.stack([step.h for step in forward(layer, pack(layer.layer), one, NOWHERE)])
    return x[way]


@pytest.mark.parametrize("model", [RELATIVE, COARSE], ids=["relative", "coarse"])
@pytest.mark.parametrize(("layers", "directions"), [(2, FORWARD), (3, FORWARD), (2, REVERSE)], ids=str)
def test_a_stack_of_legal_adversaries_is_not_refuted(layers: int, directions: Any, model: ErrorModel) -> None:
    problem = draw(layers, directions, dtype="float64")
    for k, below in enumerate((aligned, random_signs(1), uniform_signs(2), *map(lasting_signs, range(5)))):
        signs = [below] * (layers - 1) + [(aligned, lasting_signs(9))[k % 2]]
        y = run_stack(problem, [Adversary(model, one) for one in signs])
        ratios = list_ratios(problem, y, model)
        assert ratios and max(ratios) <= 1, (k, ratios)
    wrong = y.copy()
    wrong[50] += 0.05
    assert max(list_ratios(problem, wrong, model)) > 1


def draw_lost(directions: Any, seed: int) -> Problem:
    """A stack of two layers: rounding is lost late in time, and the layer above forgets little.

    Where a direction reads forward its large weights lose it; where both read backward, gates that shut on the first
    20 steps of x make all of it known again.
    """
    problem = build_problem(np.dtype("float32"), Form(2, directions), (60, 1, 4, 8), DENSE, seed)
    rng, x = np.random.default_rng(seed), problem.x.copy()
    x[:, :, 0] = 0
    x[:20, :, 0] = 2

    def scale(layer: Any, size: float) -> Any:
        def draw_gate(shape: tuple[int, ...], of_first: float | None) -> Array:
            a = (rng.standard_normal(shape) * size).astype(np.float32)
            if of_first is not None:
                a[:, 0] = of_first
            return a

        shuts = {k: None if size < 1 else 0.0 if k == "g" else -60.0 for k in layer.gates}
        gates = {
            k: g._replace(W=draw_gate(g.W.shape, shuts[k]), U=draw_gate(g.U.shape, None), b=draw_gate(g.b.shape, None))
            for k, g in layer.gates.items()
        }
        return layer._replace(**gates)

    below, above = problem.parameters
    sizes = [2.0 if name == directions[0] else 0.05 for name in directions]
    lower = tuple(map(scale, below, sizes))
    return replace(problem, parameters=(lower, tuple(scale(layer, 0.3) for layer in above)), x=x)


@pytest.mark.parametrize("directions", [BOTH, REVERSE], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_layer_that_reads_backward_is_not_judged_if_its_first_steps_are_unknown(directions: Any, seed: int) -> None:
    """It was judged as if it began where the layer below is no longer known: every right answer was refuted."""
    problem = draw_lost(directions, seed)
    judged = judge(problem, RIGHT["fused"]().forward(problem).y)
    assert judged.holds or not judged.parts, judged


@pytest.mark.parametrize("runtime", sorted(RIGHT))
@pytest.mark.parametrize("lengths", ["full", "any"])
def test_right_runtimes_hold_in_both_directions(lengths: str, runtime: str) -> None:
    problem = draw(3, BOTH, lengths)
    y = RIGHT[runtime]().forward(problem).y
    assert max(list_ratios(problem, y, error_model("absolute", "float32"))) <= 1
    shifted = replace(problem, x=np.roll(problem.x, 1, axis=0))
    assert max(list_ratios(shifted, y, error_model("absolute", "float32"))) > 1
