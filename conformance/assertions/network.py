"""Whether a whole network is close enough: its inside is made visible, and each layer judged.

What cannot be seen from outside is made visible by `widening`, or else step by step: with T = 1 the final states are
the outputs of all layers, and with B = 1 the gradient of a bias is a gate gradient.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.arrays import frozen
from conformance.assertions import widening
from conformance.assertions.backward import (
    Part,
    add_sums,
    assert_seen_gradients_conform,
    is_conclusive_enough,
    list_inputs,
    list_parts,
    take_loss,
)
from conformance.assertions.comparison import STATE, assert_same, assert_within, breaking, model_of
from conformance.assertions.forward import (
    Seen,
    assert_conclusive,
    assert_conforms_freely,
    assert_padding_zero,
    assert_runs_freely,
    assert_seen_conforms,
    read_below,
    read_layer,
)
from conformance.assertions.order import mark_valid_steps, name_place, turn
from conformance.assertions.overflow import assert_gradients_could_overflow
from conformance.assertions.probes import leave_room
from conformance.assertions.shapes import assert_answer_shaped, assert_gradients_shaped
from conformance.assertions.widening_plan import PASSED_ON, Plan, plan_for
from conformance.nouns import name_all_arrays
from conformance.outcome import Inconclusive, NotClaimed
from conformance.tolerance.cell_backward import make_sum, mark_open_slopes
from conformance.tolerance.conclusive import is_conclusive
from conformance.tolerance.layer_backward import run_free_backward
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import Bounded, exact
from lstm_spec import Answer, Backend, Cotangents, ErrorModel, Gradients, Problem, State

LONGEST, FEW = 12, 1  # steps that are looked into one at a time; few, where the wider network shows all of them
LONGEST_FREE = 40  # steps of a free run beside a wider network; it says little of more
SHORT = 4  # steps of one that widening makes up for: it changes H and I only


def assert_network_conforms(backend: Backend, problem: Problem) -> None:
    """Refuted unless the backend's answer is that of the equations, layer by layer.

    Inconclusive if rounding may have grown too much for that to say anything.
    """
    for seen in look_into(backend, problem):
        model = model_of(backend, problem)
        assert_conclusive(assert_seen_conforms(seen, model), model)
    steps = LONGEST_FREE if can_pass(backend, problem) else len(problem.x)
    if len(problem.parameters) > 1 and 0 < len(problem.x) <= steps:  # the wider network has other sizes
        assert_conforms_freely(backend, problem)


def look_into(backend: Backend, problem: Problem) -> Iterator[Seen]:
    """The problem in one or two forms in which every layer can be seen."""
    if can_pass(backend, problem):
        plan = plan_for(backend, problem, probes=False)
        wide = widening.widen_network(plan) if plan.L > 1 else problem
        model, passing = model_of(backend, problem), _watch_passing(backend, plan)
        answer = backend.forward(wide)
        assert_answer_shaped(answer, wide)
        yield Seen(wide, answer, widening.read_outputs(plan, answer.y, model, passing))
    if len(problem.parameters) > 1:
        yield from step_through(backend, problem)


def _watch_passing(backend: Backend, plan: Plan) -> widening.Passing:
    """What pass units do; asked before the answer that is judged, whose memory a later question may use again."""
    if plan.L == 1:
        return widening.Passing(True, 0.0)
    return widening.watch_passing(backend, plan.original, model_of(backend, plan.original))


def can_pass(backend: Backend, problem: Problem) -> bool:
    """Whether it is one layer, or its cells can pass on what others return: tanh has to be accurate near 0."""
    accurate = model_of(backend, problem).t_abs == 0
    return len(problem.parameters) == 1 or (problem.variant.kind in PASSED_ON and accurate)


def step_through(backend: Backend, problem: Problem) -> Iterator[Seen]:
    """One step at a time of the first sequence, each from the state that the one before left; none if T or B is 0.

    Of a long sequence these are the first steps, for in a longer one nothing more could be seen.
    """
    if 1 not in backend.description.shapes.T or 1 not in backend.description.shapes.B:
        raise NotClaimed("its shapes exclude T = 1 or B = 1, at which a stack could be looked into")
    state = State(*(frozen(a[:, :1].copy()) for a in problem.state))
    T, B, _, _ = problem.sizes
    steps = min(
        FEW if can_pass(backend, problem) else LONGEST,
        0 if not B else T if problem.lengths is None else int(problem.lengths[0]),
    )
    for x in problem.x[:steps, :1]:
        one = replace(problem, x=frozen(x[None].copy()), state=state, lengths=None)
        answer = backend.forward(one)
        assert_answer_shaped(answer, one)
        yield Seen(one, answer, _show_outputs(one, answer))
        state = answer.state


def _show_outputs(one: Problem, answer: Answer) -> list[Bounded]:
    """What each layer returned at a single step: the final hidden states."""
    D, h = len(one.directions), answer.state.h
    inner = [exact(np.concatenate(list(h[k : k + D]), axis=-1)[None]) for k in range(0, len(h) - D, D)]
    return [*inner, exact(answer.y)]


# ---------------------------------------------------------------- backward


def assert_network_gradients_conform(backend: Backend, problem: Problem, d: Cotangents, summed: bool = True) -> None:
    """Refuted unless the gradients are those of the equations, layer by layer, for the pass that was differentiated.

    Without `summed`, the parameters' gradients are not looked at; they are sums over samples. Inconclusive if rounding
    may have grown too much, or a cell state may lie on the edge of its bound.
    """
    if can_pass(backend, problem):
        problem = leave_room(backend, problem)
        try:
            plan = plan_for(backend, problem, probes=True)
        except Inconclusive:  # no room to look inside
            if not (summed and len(problem.x) and assert_network_gradients_conform_freely(backend, problem, d)):
                raise
        else:
            _assert_conform_through_probes(backend, plan, d, summed)
    if not summed:
        return
    shapes = backend.description.shapes
    has_other_sizes = not backend.description.compiles  # the wider network does, for nothing was left out for it
    if len(problem.parameters) > 1 or (has_other_sizes and 1 in shapes.T and 1 in shapes.B):
        _assert_conform_step_by_step(backend, problem, d)
    steps = SHORT if can_pass(backend, problem) else len(problem.x)
    if len(problem.parameters) > 1 and 0 < len(problem.x) <= steps:
        assert_network_gradients_conform_freely(backend, problem, d)


def _assert_conform_through_probes(backend: Backend, plan: Plan, d: Cotangents, summed: bool) -> None:
    model = model_of(backend, plan.original)
    wide, loss = widening.widen_network(plan), widening.widen_cotangents(plan, d)
    passing = _watch_passing(backend, plan)
    answer, gradients = backend.differentiate(wide, loss)
    assert_answer_shaped(answer, wide)
    assert_gradients_shaped(gradients, wide)
    seen = Seen(wide, answer, widening.read_outputs(plan, answer.y, model, passing))
    with breaking("GRAD-8"):
        passes = assert_seen_conforms(seen, model)
    if not passes:
        assert_same("the gradient of h_0", gradients.state.h, loss.state.h, STATE, "GRAD-6")
        assert_same("the gradient of c_0", gradients.state.c, loss.state.c, STATE, "GRAD-6")
        return
    dz = widening.read_gate_gradients(plan, gradients.x, model, passing)
    looked_at = gradients if summed else replace(gradients, parameters=())
    assert_seen_gradients_conform(seen, loss, passes, looked_at, dz, model)
    assert_conclusive(passes, model)
    places = [(k, n, passed) for k, row in enumerate(passes) for n, passed in enumerate(row)]
    below = [read_below(seen, k, model) for k in range(len(passes))]
    open_slopes = [mark_open_slopes(read_layer(wide, k, n, below[k]), passed).ravel() for k, n, passed in places]
    if not is_conclusive(np.concatenate(open_slopes), model):
        raise Inconclusive(
            "a number may lie on the edge of its bound, or on a kink of a function, where its derivative is anything"
            " between those of the two sides"
        )


def _assert_conform_step_by_step(backend: Backend, problem: Problem, d: Cotangents) -> None:
    """The cotangents of each step are those of its outputs, and those of the final states every time."""
    model = model_of(backend, problem)
    for t, (one, _, _) in enumerate(step_through(backend, problem)):
        loss = Cotangents(frozen(d.y[t : t + 1, :1].copy()), State(*(frozen(a[:, :1].copy()) for a in d.state)))
        answer, gradients = backend.differentiate(one, loss)
        assert_answer_shaped(answer, one)
        assert_gradients_shaped(gradients, one)
        seen = Seen(one, answer, _show_outputs(one, answer))
        with breaking("GRAD-8"):
            passes = assert_seen_conforms(seen, model)
        biases = [[[gate.b for gate in p.gates.values()] for p in row] for row in gradients.parameters]
        dz = [[exact(np.concatenate(b)[None, None]) for b in row] for row in biases]
        assert_seen_gradients_conform(seen, loss, passes, gradients, dz, model)


def assert_network_gradients_conform_freely(backend: Backend, problem: Problem, d: Cotangents) -> bool:
    """Refuted unless the gradients of a network, T >= 1, are those of its equations run freely.

    False if rounding may have grown too much for that to say anything; then nothing is refuted.
    """
    model, (answer, gradients) = model_of(backend, problem), backend.differentiate(problem, d)
    assert_gradients_shaped(gradients, problem)
    with breaking("GRAD-8"):
        seen, passes = assert_runs_freely(problem, answer, model)
    if not all(np.isfinite(a).all() for a in name_all_arrays(gradients=gradients).values()):
        assert_gradients_could_overflow(problem, d)
    assert_padding_zero("dx", gradients.x, mark_valid_steps(problem), "LEN-5")
    parts = list_free_parts(seen, passes, d, gradients, model) if passes else None
    for part in parts or ():
        with breaking(part.clause):
            assert_within(part.compare())
    return parts is not None


def list_free_parts(
    seen: Seen, passes: list[list[Trajectory]], d: Cotangents, gradients: Gradients, model: ErrorModel
) -> list[Part] | None:
    """Each gradient of a network beside what it should be, given the passes of its layers.

    None if rounding may have grown too much for that to say anything.
    """
    problem, parts = seen.problem, list[Part]()
    above = make_sum(d.y).rearrange(lambda a: np.where(mark_valid_steps(problem), a, 0))
    for layer in reversed(range(len(passes))):
        sums, x = [], read_below(seen, layer, model)
        for n, passed in enumerate(passes[layer]):
            k, loss = take_loss(problem, (layer, n), d, above)
            found = run_free_backward(read_layer(problem, layer, n, x), passed, loss, model)
            if not is_conclusive_enough(found, d, model):
                return None
            parts += list_parts(gradients, found, layer, n, k, name_place(problem, layer, n))
            sums.append(found.into_x.rearrange(partial(turn, problem, n)))
        above = add_sums(sums)
    return [*parts, list_inputs(problem, gradients, above, model)]
