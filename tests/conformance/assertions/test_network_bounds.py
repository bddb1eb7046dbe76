"""The bounds of networks and variants: no legal implementation is refuted, and one that errs by more is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.assertions import network, widening, widening_plan
from conformance.assertions.backward import assert_seen_gradients_conform
from conformance.assertions.comparison import recorded_ratios
from conformance.assertions.forward import Seen, assert_seen_conforms
from conformance.assertions.network import (
    assert_network_conforms,
    assert_network_gradients_conform,
    assert_network_gradients_conform_freely,
)
from conformance.assertions.order import mark_valid_steps
from conformance.outcome import Inconclusive, Refuted
from conformance.problems.form import ACTIVATIONS, BOTH, FORWARD, REVERSE, Form
from conformance.problems.question import with_gates
from conformance.tolerance.rounding import exact
from lstm_spec import (
    REFERENCE,
    Activations,
    Answer,
    Array,
    Cotangents,
    ErrorModel,
    Problem,
    State,
    checked,
    error_model,
)
from lstm_spec.variants import KINDS
from tests.helpers import network_adversary
from tests.helpers.network_adversary import Adversary
from tests.helpers.network_questions import LOUD, MODELS, NARROW, asked, question, random_form, signs

MODEL = LOUD["relative, float32"]


def judged(adversary: Adversary, problem: Problem, d: Cotangents, judge: ErrorModel | None = None) -> None:
    """By its own model, unless by another."""
    model = judge or adversary.model
    shown = network_adversary.answer(adversary, problem, d)
    seen = Seen(problem, shown.answer, [exact(y) for y in shown.outputs])
    passes = assert_seen_conforms(seen, model)
    assert_seen_gradients_conform(seen, d, passes, shown.gradients, shown.dz_exactly(), model)


def is_refuted(adversary: Adversary, problem: Problem, d: Cotangents, judge: ErrorModel | None = None) -> bool:
    try:
        judged(adversary, problem, d, judge)
    except Refuted:
        return True
    return False


def reached(model: ErrorModel, seeds: range, **fixed: Any) -> dict[str, float]:
    """The largest error/bound of each quantity, over all layers; raises Refuted if one is above 1."""
    worst: dict[str, float] = {}
    for seed in seeds:
        with recorded_ratios() as ratios:
            judged(*asked(model, seed, **fixed))
        for name, values in ratios.items():
            worst[name.split(" of ")[0]] = max(worst.get(name.split(" of ")[0], 0), *values)
    return worst


@pytest.mark.parametrize("model", LOUD)
def test_no_legal_network_is_refuted_and_every_bound_is_reached(model: str) -> None:
    worst = reached(LOUD[model], range(150))
    assert {"y", "c_T", "dz", "dx", "dR", "dp_i", "dp_f", "dp_o"} < worst.keys()
    assert min(worst.values()) >= 0.99, worst


@pytest.mark.parametrize("model", LOUD)
def test_no_legal_network_is_refuted_that_is_run_freely_and_one_that_errs_by_more_is(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with peepholes, through which errors go from step to step."""
    judge, said = LOUD[model], {True: 0, False: 0}
    monkeypatch.setattr(network, "model_of", lambda *_: judge)
    for seed in range(120):
        adversary, problem, d = asked(LOUD[model], seed, kind=("peephole", *KINDS)[seed % (len(KINDS) + 1)])
        problem = with_gates(problem, lambda _, gate: gate._replace(W=gate.W / 4, U=gate.U / 64))
        for greedy in (False, True):
            judge = LOUD[model]
            if greedy:
                judge = replace(judge, u=judge.u / 8, u_h=judge.u_h / 8, u_c=judge.u_c / 8, u_acc=judge.u_acc / 8)
            shown = network_adversary.answer(adversary, problem, d)
            target = replace(REFERENCE, gradients=lambda *_, shown=shown: (shown.answer, shown.gradients))
            try:
                said[greedy] += assert_network_gradients_conform_freely(target, problem, d)
            except Refuted:
                assert greedy, (seed, problem.variant)
                said[greedy] -= 1
    assert said[False] > 30 and said[True] < said[False] / 2, said


FORMS: tuple[dict[str, object], ...] = (
    *({"kind": kind} for kind in KINDS),
    *({"kind": "configured", "activations": a} for a in ACTIVATIONS),
    {"projection": "narrow", "projection_clip": 0.4},
    *({"projection": projection} for projection in ("", "narrow", "full")),
    *({"directions": directions} for directions in (FORWARD, REVERSE, BOTH)),
    *({"layers": layers} for layers in (1, 2, 3)),
    *({"clip": clip} for clip in (None, 0.75)),
    *({"lengths": lengths} for lengths in ("", "any", "zeros")),
)


@pytest.mark.soak
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("model", LOUD)
def test_every_bound_is_reached_in_every_form(model: str, form: dict[str, object]) -> None:
    worst = reached(LOUD[model], range(240), **form)
    assert min(worst.values()) >= 0.99, worst


@pytest.mark.parametrize("model", NARROW)
def test_no_legal_network_is_refuted_where_numbers_underflow(model: str) -> None:
    assert max(reached(NARROW[model], range(90)).values()) <= 1


FIELDS = [
    *(("op-by-op, bfloat16", field) for field in ("u", "pre", "r_s", "r_t", "acc_steps")),
    *(("op-by-op, float16", field) for field in ("u", "pre", "acc_steps", "eta")),
    *(("wide, bfloat16", field) for field in ("u_h", "wide_h", "wide_d")),
    *(("wide, float16", field) for field in ("u_h", "wide_h", "wide_d", "eta")),
]


@pytest.mark.parametrize(("model", "field"), FIELDS)
def test_a_network_exceeds_a_model_of_which_a_field_is_halved(model: str, field: str) -> None:
    value = getattr(MODELS[model], field)
    judge = replace(MODELS[model], **{field: value // 2 if isinstance(value, int) else value / 2})
    assert any(is_refuted(*asked(MODELS[model], seed), judge) for seed in range(60))


def test_an_output_beyond_the_length_is_zero_or_refuted() -> None:
    problem, _ = question(Form(lengths="zeros"), 3)
    assert problem.lengths is not None and problem.lengths.min() < len(problem.x)

    def leave_dust(asked: Problem) -> Answer:
        answer = REFERENCE.forward(asked)
        return replace(answer, y=np.where(mark_valid_steps(asked), answer.y, 1e-300))

    assert_network_conforms(REFERENCE, problem)
    with pytest.raises(Refuted):
        assert_network_conforms(replace(REFERENCE, forward=leave_dust), problem)


GREEDY = {
    "pre-activation": {},
    "sigmoid": {"kind": "standard"},
    "line": {"kind": "configured", "activations": Activations()},
    "slope of a line": {"kind": "configured", "activations": Activations()},
    "tanh": {"kind": "standard"},
    "cell": {"kind": "standard"},
    "sum": {},
    "shown": {},
    "peephole": {"kind": "peephole"},
    "1 - i": {"kind": "coupled", "clip": None},
    "stretched": {"kind": "1997 simplified"},
    "projection": {"projection": "narrow"},
    "dh": {},
    "dm": {"projection": "narrow"},
    "dz": {},
    "dc": {},
    "dc sum": {},
    "carried": {"kind": "standard"},
    "carried sum": {"kind": "peephole"},
    "1 - s": {},
    "1 - y*y": {"kind": "standard"},
    "slope": {"kind": "1997 simplified"},
    "sum over time": {},
    "dx": {},
    "dh_0": {},
}


@pytest.mark.parametrize("kind", GREEDY)
def test_an_operation_that_is_off_by_far_more_is_refuted(kind: str) -> None:
    way = {"1 - i": "", "slope": "by sigmoid"}.get(kind, "")
    forms = (random_form(np.random.default_rng(seed), **GREEDY[kind]) for seed in range(120))
    greedy = (
        (Adversary(MODEL, signs(seed), way, kind), *question(form, seed + seed // 3)) for seed, form in enumerate(forms)
    )
    off = f"{kind} was off by {network_adversary.GREED} times what is allowed"
    assert any(is_refuted(*each) for each in greedy), f"nobody noticed that {off}"


# ---------------------------------------------------------------- what is added to a network


STACKS = [
    (layers, directions, kind, projection)
    for layers in (1, 2, 3)
    for directions in (FORWARD, BOTH)
    for kind in widening_plan.PASSED_ON
    for projection in ("", "narrow")
]


@pytest.mark.parametrize("layers, directions, kind, projection", STACKS)
def test_a_wider_network_answers_as_the_original_and_shows_its_insides(
    layers: int, directions: tuple[str, ...], kind: str, projection: str
) -> None:
    problem, d = question(Form(layers, directions, kind, projection, lengths="any"), 7)
    plan = widening_plan.plan_for(REFERENCE, problem, probes=True)
    wide = checked(widening.widen_network(plan))
    answer, gradients = REFERENCE.differentiate(wide, widening.widen_cotangents(plan, d))
    plain, wanted = REFERENCE.differentiate(problem, d)
    P, H = problem.P, problem.sizes[3]
    np.testing.assert_allclose(parted(plan, answer.y)[..., :P], parted_of(problem, plain.y), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(answer.state.c[..., :H], plain.state.c, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gradients.x[..., : problem.sizes[2]], wanted.x, rtol=1e-9, atol=1e-12)
    seen = widening.read_outputs(plan, answer.y, error_model("relative", "float64"), widening.Passing(True, 0.0))
    for layer in range(1, layers):
        lower = replace(problem, parameters=problem.parameters[:layer], state=first(problem, layer))
        np.testing.assert_allclose(
            seen[layer - 1].value.reshape(*answer.y.shape[:2], len(directions), plan.width)[..., :P],
            parted_of(problem, REFERENCE.forward(lower).y),
            rtol=1e-9,
            atol=1e-12,
        )
    exactly = error_model("relative", "float64"), widening.Passing(True, 0.0)
    for layer, row in enumerate(widening.read_gate_gradients(plan, gradients.x, *exactly)):
        for k, (dz, _) in enumerate(row):
            db = np.concatenate([gate.b for gate in wanted.parameters[layer][k][:4] if gate is not None])
            shown = dz.reshape(*dz.shape[:2], len(plan.gates), -1)[..., :H].sum(axis=(0, 1)).reshape(-1)
            np.testing.assert_allclose(shown, db, rtol=1e-9, atol=1e-12)


def parted(plan: widening_plan.Plan, y: Array) -> Array:
    return y.reshape(*y.shape[:2], plan.D, plan.width)


def parted_of(problem: Problem, y: Array) -> Array:
    return y.reshape(*y.shape[:2], len(problem.directions), problem.P)


def first(problem: Problem, layers: int) -> State:
    """The states of the first so many layers."""
    return State(*(a[: layers * len(problem.directions)] for a in problem.state))


@pytest.mark.parametrize("kind", widening_plan.PASSED_ON)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_reference_passes_on_exactly(kind: str, dtype: str) -> None:
    problem, _ = question(Form(2, FORWARD, kind), 3, dtype)
    assert widening.watch_passing(REFERENCE, problem, error_model("relative", dtype)).exactly


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_reference_conforms_to_itself(kind: str, layers: int) -> None:
    for seed, dtype in ((1, "float32"), (2, "float64"), (4, "float32")):
        form = random_form(np.random.default_rng(seed), layers, kind=kind)
        problem, d = question(form, seed, dtype)
        assert_network_conforms(REFERENCE, problem)
        try:
            assert_network_gradients_conform(REFERENCE, problem, d)
        except Inconclusive:
            assert form.clip is not None or form.projection_clip is not None or form.kind == "configured"
