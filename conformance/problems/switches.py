"""Problems with a feature, and the same problems without it."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from conformance.outcome import NotClaimed
from conformance.problems.build import build_problem
from conformance.problems.form import BOTH, REVERSE, Form
from conformance.problems.question import Context, Recipe, collect_gates, with_gates
from conformance.problems.recipes import SEEDS
from conformance.problems.sizes import ALONE, nearest_sizes
from lstm_spec import Feature, Problem, State, Variant
from lstm_spec.types import GATES
from lstm_spec.variants import KINDS


class Switched(NamedTuple):
    """A problem with a feature and one without it, whose y is compared with the columns of y from `first` on."""

    problem: Problem
    without: Problem
    feature: Feature
    first: int = 0


Switch = Callable[[Problem, Feature], Switched]


def _end_sequences_early(problem: Problem, feature: Feature) -> Switched:
    assert problem.lengths is not None
    shorter = np.full(len(problem.lengths), len(problem.x) - 1)
    return Switched(replace(problem, lengths=frozen(shorter)), replace(problem, lengths=None), feature)


def _read_forward(problem: Problem, feature: Feature) -> Switched:
    return Switched(problem, replace(problem, directions=("forward",)), feature)


def _read_second_direction_forward(problem: Problem, feature: Feature) -> Switched:
    second = Problem(((problem.parameters[0][1],),), problem.x, State(*(a[1:] for a in problem.state)))
    return Switched(problem, second, feature, problem.P)


def _keep_first_layer(problem: Problem, feature: Feature) -> Switched:
    first = Problem(problem.parameters[:1], problem.x, State(*(a[:1] for a in problem.state)))
    return Switched(problem, first, feature)


def _change_projection(problem: Problem, feature: Feature) -> Switched:
    R = problem.layer.R
    assert R is not None
    other = problem.layer._replace(R=frozen(R + np.asarray(1, R.dtype)))
    return Switched(problem, replace(problem, parameters=((other,),)), feature)


def _use_standard_cell(problem: Problem, feature: Feature) -> Switched:
    """The standard cell has no peepholes; a gate that the kind lacks equals the last one that it has."""
    bare = with_gates(problem, lambda _, gate: gate._replace(p=None))
    *_, last = bare.layer.gates.values()
    p = collect_gates({letter: bare.layer.gates.get(letter, last) for letter in GATES}, bare.layer.R)
    return Switched(problem, replace(bare, parameters=((p,),), variant=Variant()), feature)


def _unbind_states(problem: Problem, feature: Feature) -> Switched:
    return Switched(problem, replace(problem, variant=Variant()), feature)


SWITCHES: dict[Feature, tuple[Form, Switch]] = {
    Feature.LENGTHS: (Form(lengths="full"), _end_sequences_early),
    Feature.REVERSE: (Form(directions=REVERSE), _read_forward),
    Feature.BIDIRECTIONAL: (Form(directions=BOTH), _read_second_direction_forward),
    Feature.LAYERS: (Form(layers=2), _keep_first_layer),
    Feature.PROJECTION: (Form(projection="narrow"), _change_projection),
    Feature.FULL_PROJECTION: (Form(projection="full"), _change_projection),
    **{
        kind.features[0]: (Form(kind=kind.name), _use_standard_cell)
        for kind in KINDS.values()
        if len(kind.features) == 1
    },
    Feature.CELL_CLIP: (Form(clip=0.75), _unbind_states),
    Feature.PROJECTION_CLIP: (Form(projection="narrow", projection_clip=0.1), _unbind_states),
}
SEEN_IN = {  # the size that is more than 1 where the feature matters
    Feature.LENGTHS: "T",
    Feature.REVERSE: "T",
    Feature.BIDIRECTIONAL: "T",
    Feature.PROJECTION: "H",
}
FILLED = ("dense", "dense", "by-width", "dense", "within-1", "wide")


def switches() -> Recipe:
    """One claimed feature on and off; NotClaimed if there is none."""

    def recipe(context: Context) -> st.SearchStrategy[Switched]:
        claims, shapes = context.description.features, context.description.shapes
        usual = ALONE[0] if context.description.compiles else (4, 4, 4, 4)
        sizes = tuple(nearest_sizes(k, (n,), getattr(shapes, k))[0] for k, n in zip("TBIH", usual, strict=True))
        small = {k for k, size in zip("TBIH", sizes, strict=True) if size == 1}
        able = [
            feature
            for feature, (form, _) in SWITCHES.items()
            if form.features <= claims and SEEN_IN.get(feature, "") not in small
        ]
        if not able:
            raise NotClaimed("it claims no feature that could be ignored at its shapes")

        def switch_off(feature: Feature, seed: int) -> Switched:
            form, switch = SWITCHES[feature]
            return switch(build_problem(context.dtype, form, sizes, FILLED, seed), feature)

        return st.builds(switch_off, st.sampled_from(able), SEEDS)

    return recipe
