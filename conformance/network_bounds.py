"""Whether a whole network is close enough: each layer in each direction from what the implementation itself returned.

What cannot be seen from outside is made visible by `widening`, and where that is not possible step by step: with T = 1
the final states are the outputs of all layers, and with B = 1 the gradient of a bias is a gate gradient.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance import widening
from conformance.bounds import (
    CONCLUSIVE,
    STATE,
    STEP,
    Comparison,
    assert_observed,
    assert_same,
    assert_shaped,
    assert_within,
    breaking,
    model_of,
)
from conformance.kinds import frozen
from conformance.property import Inconclusive, NotClaimed, Refuted, verifies
from conformance.readings import Read, Reading, read, reading, selected
from conformance.readings_backward import ReadBackwards, Summed, read_backwards
from conformance.rounding import Bounded, exact, with_oracle
from lstm_spec import Answer, Backend, Cotangents, ErrorModel, Gradients, Parameters, Problem, State
from lstm_spec.types import Array

DTYPES = ("float32", "float64")  # the formulas of variants and networks are those of the relative grade
verifies_further = partial(verifies, further=True, dtypes=DTYPES)
Outputs = list[Bounded]  # of each layer, (T, B, D*P)
GateGradients = list[list[Array]]  # by layer and direction, (T, B, G*H)


# ---------------------------------------------------------------- shapes


def assert_network_answer_shaped(answer: Answer, problem: Problem) -> None:
    """Refuted unless every output has the shape and the dtype that the problem gives it."""
    T, B, _, _ = problem.sizes
    y = np.empty((T, B, len(problem.directions) * problem.P), problem.dtype)
    for what, got, expected in (
        ("y", answer.y, y),
        ("the final h", answer.state.h, problem.state.h),
        ("the final c", answer.state.c, problem.state.c),
    ):
        assert_shaped(what, got, expected, "SHAPE-1")


def assert_network_gradients_shaped(gradients: Gradients, problem: Problem) -> None:
    """Refuted unless every gradient has the shape and the dtype of what it belongs to."""
    found = [len(row) for row in gradients.parameters]
    wanted = [len(row) for row in problem.parameters]
    if found != wanted:
        reason = f"the gradients of the parameters are of {found} directions by layer, expected {wanted}"
        raise Refuted(reason, clause="SHAPE-3")
    for layer, d, p in _places(problem):
        for name, expected in arrays(p).items():
            got = arrays(gradients.parameters[layer][d]).get(name)
            assert_shaped(f"the gradient of {name} of layer {layer} {problem.directions[d]}", got, expected, "SHAPE-3")
    assert_shaped("the gradient of x", gradients.x, problem.x, "SHAPE-3")
    assert_shaped("the gradient of h_0", gradients.state.h, problem.state.h, "SHAPE-3")
    assert_shaped("the gradient of c_0", gradients.state.c, problem.state.c, "SHAPE-3")


def arrays(p: Parameters) -> dict[str, Array]:
    """Those there are, by name: i.W, i.U, i.b, i.p, ..., R."""
    gates = {k: getattr(p, k) for k in "ifgo" if getattr(p, k) is not None}
    found = {f"{k}.{part}": getattr(gate, part) for k, gate in gates.items() for part in "WUbp"}
    return {name: a for name, a in (found | {"R": p.R}).items() if a is not None}


def _places(problem: Problem) -> Iterator[tuple[int, int, Parameters]]:
    for layer, row in enumerate(problem.parameters):
        for d, p in enumerate(row):
            yield layer, d, p


# ---------------------------------------------------------------- lengths and directions


def valid_steps(problem: Problem) -> Array:
    """(T, B, 1): whether the step is within the length."""
    T, B, _, _ = problem.sizes
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    return np.asarray((np.arange(T)[:, None] < lengths)[..., None])


def turned(problem: Problem, d: int, a: Array) -> Array:
    """a (T, B, ...) in the order in which the direction reads it; turned twice it is as it was."""
    if problem.directions[d] == "forward":
        return a
    T, B, _, _ = problem.sizes
    lengths, t = (np.full(B, T) if problem.lengths is None else problem.lengths), np.arange(T)[:, None]
    return np.asarray(a[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)])


def _turned(problem: Problem, d: int, q: Bounded) -> Bounded:
    return Bounded(*(turned(problem, d, a) for a in q))


def _part(problem: Problem, d: int, a: Array) -> Array:
    """The features that a direction wrote."""
    return a[..., d * problem.P : (d + 1) * problem.P]


# ---------------------------------------------------------------- forward


class Seen(NamedTuple):
    """What was asked, how it was answered, and what each layer returned on the way."""

    problem: Problem
    answer: Answer
    outputs: Outputs


def assert_network_conforms(backend: Backend, problem: Problem) -> None:
    """Refuted unless the backend's answer is that of the equations, layer by layer.

    Inconclusive where rounding may have grown too much for that to say anything.
    """
    for seen in looked_into(backend, problem):
        reads = assert_seen_conforms(seen, model_of(backend, problem))
        _conclusive(reads)


def looked_into(backend: Backend, problem: Problem) -> Iterator[Seen]:
    """The problem in a form, or in several, in which every layer can be seen."""
    if not can_pass(backend, problem):
        yield from (seen for seen, _ in step_by_step(backend, problem))
        return
    plan = widening.plan_for(backend, problem, probes=False)
    wide = widening.widened(plan) if plan.L > 1 else problem
    exactly = plan.L == 1 or widening.passes_exactly(backend, problem)
    answer = backend.forward(wide)
    assert_network_answer_shaped(answer, wide)
    yield Seen(wide, answer, widening.outputs(plan, answer.y, model_of(backend, problem), exactly))
    if plan.L > 1:
        yield from (seen for seen, _ in step_by_step(backend, problem))


def can_pass(backend: Backend, problem: Problem) -> bool:
    """Whether it is one layer, or its cells can pass on what others return."""
    grade = backend.description.grade(problem.dtype.name)
    return len(problem.parameters) == 1 or (problem.variant.kind in widening.PASSED_ON and grade == "relative")


def step_by_step(backend: Backend, problem: Problem) -> Iterator[tuple[Seen, Problem]]:
    """One step at a time of the first sequence, each from the state that the one before left; none if T = 0."""
    if 1 not in backend.description.shapes.T or 1 not in backend.description.shapes.B:
        raise NotClaimed("its shapes exclude T = 1 or B = 1, at which a stack could be looked into")
    state = State(*(frozen(a[:, :1].copy()) for a in problem.state))
    for x in problem.x[:, :1] if problem.lengths is None else problem.x[: problem.lengths[0], :1]:
        one = replace(problem, x=frozen(x[None].copy()), state=state, lengths=None)
        answer = backend.forward(one)
        assert_network_answer_shaped(answer, one)
        D = len(one.directions)
        inner = [
            exact(np.concatenate(list(answer.state.h[k : k + D]), axis=-1)[None])
            for k in range(0, len(answer.state.h) - D, D)
        ]
        yield Seen(one, answer, [*inner, exact(answer.y)]), one
        state = answer.state


def assert_seen_conforms(seen: Seen, model: ErrorModel) -> list[list[Read]]:
    """Refuted unless each layer's outputs follow from those of the layer below; the passes, by layer and direction."""
    problem, answer, outputs = seen
    valid, reads = valid_steps(problem), []
    if not len(problem.x):
        assert_same("the final h", answer.state.h, problem.state.h, STATE, "SHAPE-5")
        assert_same("the final c", answer.state.c, problem.state.c, STATE, "SHAPE-5")
        return []
    x = exact(np.where(valid, problem.x, 0))
    for layer, row in enumerate(problem.parameters):
        got = outputs[layer]
        _assert_padding_zero(f"y{_of(problem, layer)}", got.value, valid, "LEN-2")
        passes, expected = [], []
        for d, p in enumerate(row):
            r = _reading(problem, layer, d, p, x)
            mine = Bounded(*(turned(problem, d, _part(problem, d, a)) for a in got))
            passes.append(read(r, mine, model))
            expected.append(_turned(problem, d, passes[-1].steps.h))
        wanted = selected(valid, Bounded(*(np.concatenate(a, axis=-1) for a in zip(*expected, strict=True))))
        clean = selected(valid, got)
        assert_observed(
            Comparison(f"y{_of(problem, layer)}", STEP, clean.value, wanted.value, wanted.error + clean.error)
        )
        for d, passed in enumerate(passes):
            _assert_final_state(seen, layer, d, passed)
        reads.append(passes)
        x = clean
    return reads


def _reading(problem: Problem, layer: int, d: int, p: Parameters, x: Bounded) -> Reading:
    k = layer * len(problem.directions) + d
    state = State(*(a[k] for a in problem.state))
    return reading(p, problem.variant, problem.dtype, _turned(problem, d, x), state, valid_steps(problem))


def _of(problem: Problem, layer: int, d: int | None = None) -> str:
    """Of which layer and direction, in words; nothing where there is one only."""
    of = [f"layer {layer}"] if len(problem.parameters) > 1 else []
    of += [problem.directions[d]] if d is not None and len(problem.directions) > 1 else []
    return f" of {' '.join(of)}" if of else ""


def _assert_padding_zero(quantity: str, a: Array, valid: Array, clause: str) -> None:
    beyond = np.where(valid, 0, a)
    with breaking(clause):
        assert_within(Comparison(f"{quantity} beyond the length", STEP, beyond, np.zeros(()), np.zeros(())))


def _assert_final_state(seen: Seen, layer: int, d: int, passed: Read) -> None:
    """h is the last output that was read, to the last bit where that is known; c follows from the pass."""
    problem, answer, outputs = seen
    k, B = layer * len(problem.directions) + d, problem.x.shape[1]
    lengths = valid_steps(problem).sum(axis=0)[:, 0]
    last, rows = np.maximum(lengths - 1, 0), np.arange(B)
    mine = Bounded(*(turned(problem, d, _part(problem, d, a)) for a in outputs[layer]))
    h, room = mine.value[last, rows], mine.error[last, rows]
    some = (lengths > 0)[:, None]
    h, room = np.where(some, h, problem.state.h[k]), np.where(some, room, 0.0)
    place = _of(problem, layer, d)
    with breaking(
        "DIR-3" if problem.directions[d] == "reverse" else "LEN-3" if problem.lengths is not None else "SEQ-3"
    ):
        assert_within(Comparison(f"the final h{place}", ("batch", "unit"), answer.state.h[k], h, room))
    empty = Bounded(np.where(some, passed.last.value, problem.state.c[k]), np.where(some, passed.last.error, 0))
    assert_observed(Comparison(f"c_T{place}", ("batch", "unit"), answer.state.c[k], *empty))


def _conclusive(reads: list[list[Read]]) -> None:
    if any(
        np.nan_to_num(passed.steps.h.error, nan=np.inf).max(initial=0) > CONCLUSIVE for row in reads for passed in row
    ):
        raise Inconclusive("rounding may have grown too much")


# ---------------------------------------------------------------- backward


def assert_network_gradients_conform(backend: Backend, problem: Problem, d: Cotangents) -> None:
    """Refuted unless the gradients are those of the equations, layer by layer, for the pass that was differentiated.

    Inconclusive where rounding may have grown too much, or a cell state may lie on the edge of its bound.
    """
    if can_pass(backend, problem):
        _assert_conform_through_probes(backend, problem, d)
    if len(problem.parameters) > 1:
        _assert_conform_step_by_step(backend, problem, d)


def _assert_conform_through_probes(backend: Backend, problem: Problem, d: Cotangents) -> None:
    model, plan = model_of(backend, problem), widening.plan_for(backend, problem, probes=True)
    wide, loss = widening.widened(plan), widening.widened_cotangents(plan, d)
    exactly = plan.L == 1 or widening.passes_exactly(backend, problem)
    answer, gradients = backend.gradients(wide, loss)  # type: ignore[misc]
    assert_network_answer_shaped(answer, wide)
    assert_network_gradients_shaped(gradients, wide)
    seen = Seen(wide, answer, widening.outputs(plan, answer.y, model, exactly))
    with breaking("GRAD-8"):
        reads = assert_seen_conforms(seen, model)
    if not reads:
        assert_same("the gradient of h_0", gradients.state.h, loss.state.h, STATE, "GRAD-6")
        assert_same("the gradient of c_0", gradients.state.c, loss.state.c, STATE, "GRAD-6")
        return
    dz = widening.gate_gradients(plan, gradients.x)
    assert_seen_gradients_conform(seen, loss, reads, gradients, dz, model)
    _unambiguous(reads)


def _assert_conform_step_by_step(backend: Backend, problem: Problem, d: Cotangents) -> None:
    """The cotangents of the steps are those of the outputs there, and of the final states each time."""
    model = model_of(backend, problem)
    for t, (_, one) in enumerate(step_by_step(backend, problem)):
        loss = Cotangents(frozen(d.y[t : t + 1, :1].copy()), State(*(frozen(a[:, :1].copy()) for a in d.state)))
        answer, gradients = backend.gradients(one, loss)  # type: ignore[misc]
        assert_network_answer_shaped(answer, one)
        assert_network_gradients_shaped(gradients, one)
        D = len(one.directions)
        hs = answer.state.h
        inner = [exact(np.concatenate(list(hs[k : k + D]), axis=-1)[None]) for k in range(0, len(hs) - D, D)]
        seen = Seen(one, answer, [*inner, exact(answer.y)])
        with breaking("GRAD-8"):
            reads = assert_seen_conforms(seen, model)
        gates = "igo" if one.layer.f is None else "ifgo"
        dz = [
            [np.concatenate([getattr(p, k).b for k in gates])[None, None] for p in row] for row in gradients.parameters
        ]
        assert_seen_gradients_conform(seen, loss, reads, gradients, dz, model)


def assert_seen_gradients_conform(
    seen: Seen, d: Cotangents, reads: list[list[Read]], gradients: Gradients, dz: GateGradients, model: ErrorModel
) -> None:
    """Refuted unless each layer's gradients follow from its own gate gradients, and those of the layer above."""
    problem, valid = seen.problem, valid_steps(seen.problem)
    dy = np.where(valid, d.y.astype(np.float64), 0.0)
    above = Summed(dy, np.abs(dy), 1)
    for layer in reversed(range(len(problem.parameters))):
        x = exact(np.where(valid, problem.x, 0)) if layer == 0 else selected(valid, seen.outputs[layer - 1])
        sums = []
        for direction, p in enumerate(problem.parameters[layer]):
            r = _reading(problem, layer, direction, p, x)
            shown = dz[layer][direction].astype(np.float64)
            place = _of(problem, layer, direction)
            _assert_padding_zero(f"dz{place}", shown, valid, "LEN-5")
            if not np.isfinite(shown).all():
                raise Refuted(f"dz{place} is not finite", clause="GRAD-2")
            mine = _summed(problem, direction, above)
            k = layer * len(problem.directions) + direction
            d_last = State(*(a[k].astype(np.float64) for a in d.state))
            found = read_backwards(r, reads[layer][direction], mine, d_last, turned(problem, direction, shown), model)
            _assert_parts(seen.problem, layer, direction, gradients, turned(problem, direction, shown), found)
            sums.append(
                found.dx._replace(**{k: turned(problem, direction, getattr(found.dx, k)) for k in ("value", "size")})
            )
        above = Summed(*(np.sum(column, axis=0) for column in zip(*sums, strict=True)))
    m = with_oracle(model)
    _assert_padding_zero("dx", gradients.x, valid, "LEN-5")
    n = above.terms + 2
    allowed = (n * m.u_acc * above.size + 2 * n * m.eta) * (1 + 1e-9)
    with breaking("GRAD-5"):
        got = np.where(valid, gradients.x, 0)
        assert_observed(Comparison("dx", ("t", "batch", "input"), got, above.value, allowed, backwards=True))


def _summed(problem: Problem, d: int, above: Summed) -> Summed:
    """The part of a direction, in the order in which it reads."""
    value, size = (turned(problem, d, _part(problem, d, a)) for a in above[:2])
    return Summed(value, size, above.terms if isinstance(above.terms, int) else _part(problem, d, above.terms))


def _assert_parts(problem: Problem, layer: int, d: int, gradients: Gradients, dz: Array, found: ReadBackwards) -> None:
    """The gate gradients, in the order in which they are read; then everything that follows from them."""
    place, k = _of(problem, layer, d), layer * len(problem.directions) + d
    with breaking("GRAD-3"):
        assert_observed(Comparison(f"dz{place}", ("t", "batch", "gate row"), dz, *found.dz, backwards=True))
    got = gradients.parameters[layer][d]
    gates = [gate for gate in got[:4] if gate is not None]
    stacked = [np.concatenate([getattr(gate, part) for gate in gates]) for part in "WUb"]
    with breaking("GRAD-4"):
        for name, axes, one, expected in zip(
            ("dW", "dU", "db"),
            (("gate row", "input"), ("gate row", "unit"), ("gate row",)),
            stacked,
            (found.dW, found.dU, found.db),
            strict=True,
        ):
            assert_observed(Comparison(f"{name}{place}", axes, one, *expected))
    with breaking("VAR-1"):
        for letter, expected in found.dp.items():
            assert_observed(Comparison(f"dp_{letter}{place}", ("unit",), getattr(got, letter).p, *expected))
    with breaking("VAR-4"):
        if found.dR is not None and got.R is not None:
            assert_observed(Comparison(f"dR{place}", ("projected", "unit"), got.R, *found.dR))
    with breaking("GRAD-6"):
        assert_observed(Comparison(f"dh_0{place}", ("batch", "unit"), gradients.state.h[k], *found.dh))
        assert_observed(Comparison(f"dc_0{place}", ("batch", "unit"), gradients.state.c[k], *found.dc))


def _unambiguous(reads: list[list[Read]]) -> None:
    _conclusive(reads)
    if any(passed.steps.slope.error.any() for row in reads for passed in row):
        raise Inconclusive(
            "a cell state may lie on the edge of its bound, where its derivative is anything from 0 to 1"
        )
