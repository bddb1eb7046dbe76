"""Each claimed feature switched on and off: what is accepted has to be seen in the answer."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from conformance.kinds import frozen
from conformance.network_bounds import assert_network_answer_shaped
from conformance.networks import BOTH, REVERSE, Form, build
from conformance.problems import SEEDS, Context, Recipe, nearest
from conformance.property import Inconclusive, NotClaimed, Refuted
from lstm_spec import REFERENCE, Backend, Feature, Gate, Parameters, Problem, State, Variant
from lstm_spec.types import Array

SEEN = 2.0**-5  # a difference between two answers, at least, that is looked for


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


def assert_not_ignored(backend: Backend, switched: Switched) -> None:
    """Refuted where the answer moves less than half as far as that of the equations does, where that moves most."""
    moved, expected = (_moved(asked, switched) for asked in (backend, REFERENCE))
    where = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    if not abs(expected[where]) >= SEEN:
        raise Inconclusive("the feature happens not to matter here")
    if not abs(moved[where] - expected[where]) < abs(expected[where]) / 2:
        raise Refuted(f"{switched.feature} is claimed, and switching it does not change the answer as it should")


def _moved(backend: Backend, switched: Switched) -> Array:
    """How far y moves when the feature is switched on, in float64."""
    on, off = (_outputs(backend, asked) for asked in (switched.problem, switched.without))
    return np.asarray(on[..., switched.first :] - off)


def _outputs(backend: Backend, problem: Problem) -> Array:
    answer = backend.forward(problem)
    assert_network_answer_shaped(answer, problem)
    return answer.y.astype(np.float64)
