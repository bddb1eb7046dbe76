"""Problems with a feature, and the same problems without it."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from conformance.outcome import NotClaimed
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.problems.networks import build
from conformance.problems.question import Context, Recipe
from conformance.problems.recipes import SEEDS
from conformance.problems.sizes import nearest
from lstm_spec import Feature, Gate, Parameters, Problem, State, Variant


class Switched(NamedTuple):
    """A problem with a feature, and one without; their answers are compared from this feature of the first on."""

    problem: Problem
    without: Problem
    feature: Feature
    first: int = 0


Switch = Callable[[Problem], Switched]


def _without_lengths(problem: Problem) -> Switched:
    assert problem.lengths is not None
    shorter = np.full(len(problem.lengths), len(problem.x) - 1)
    return Switched(replace(problem, lengths=frozen(shorter)), replace(problem, lengths=None), Feature.LENGTHS)


def _forward(problem: Problem) -> Switched:
    return Switched(problem, replace(problem, directions=("forward",)), Feature.REVERSE)


def _second_direction_forward(problem: Problem) -> Switched:
    alone = Problem(((problem.parameters[0][1],),), problem.x, State(*(a[1:] for a in problem.state)))
    return Switched(problem, alone, Feature.BIDIRECTIONAL, problem.P)


def _first_layer_alone(problem: Problem) -> Switched:
    alone = Problem(problem.parameters[:1], problem.x, State(*(a[:1] for a in problem.state)))
    return Switched(problem, alone, Feature.LAYERS)


def _another_projection(problem: Problem) -> Switched:
    R = problem.layer.R
    assert R is not None
    other = problem.layer._replace(R=frozen(R + np.asarray(1, R.dtype)))
    return Switched(problem, replace(problem, parameters=((other,),)), Feature.PROJECTION)


def _without_peepholes(problem: Problem) -> Switched:
    i, f, g, o = (gate._replace(p=None) for gate in problem.layer[:4] if isinstance(gate, Gate))
    plain = Parameters(i, f, g, o)
    return Switched(problem, _plain(problem, plain), Feature.PEEPHOLES)


def _with_a_forget_gate(feature: Feature) -> Switch:
    """One like the output gate."""
    return lambda problem: Switched(problem, _plain(problem, problem.layer._replace(f=problem.layer.o)), feature)


def _plain(problem: Problem, p: Parameters) -> Problem:
    return replace(problem, parameters=((p,),), variant=Variant())


def _unbounded(problem: Problem) -> Switched:
    return Switched(problem, replace(problem, variant=Variant()), Feature.CELL_CLIP)


SWITCHES: dict[Feature, tuple[Form, Switch]] = {
    Feature.LENGTHS: (Form(lengths="full"), _without_lengths),
    Feature.REVERSE: (Form(directions=REVERSE), _forward),
    Feature.BIDIRECTIONAL: (Form(directions=BOTH), _second_direction_forward),
    Feature.LAYERS: (Form(layers=2), _first_layer_alone),
    Feature.PROJECTION: (Form(projection="narrow"), _another_projection),
    Feature.FULL_PROJECTION: (Form(projection="full"), _another_projection),
    Feature.PEEPHOLES: (Form(kind="peephole"), _without_peepholes),
    Feature.COUPLED: (Form(kind="coupled"), _with_a_forget_gate(Feature.COUPLED)),
    Feature.NO_FORGET_GATE: (Form(kind="no forget gate"), _with_a_forget_gate(Feature.NO_FORGET_GATE)),
    Feature.SIMPLIFIED_1997: (Form(kind="1997 simplified"), _with_a_forget_gate(Feature.SIMPLIFIED_1997)),
    Feature.CELL_CLIP: (Form(clip=0.75), _unbounded),
}
KINDS = ("dense", "dense", "by-width", "dense", "within-1", "wide")


def switches() -> Recipe:
    """One claimed feature on and off; NotClaimed where there is none."""

    def recipe(context: Context) -> st.SearchStrategy[Switched]:
        claims, shapes = context.description.features, context.description.shapes
        able = [pair for pair in SWITCHES.values() if pair[0].features <= claims]
        if not able:
            raise NotClaimed("it claims no feature that could be ignored")
        sizes = tuple(nearest(k, (4,), getattr(shapes, k))[0] for k in "TBIH")

        def made(pair: tuple[Form, Switch], seed: int) -> Switched:
            form, switch = pair
            return switch(build(context.dtype, form, sizes, KINDS, seed))

        return st.builds(made, st.sampled_from(able), SEEDS)

    return recipe
