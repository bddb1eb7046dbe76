"""Whether V12 is sound and sharp: legal adversaries never leave the ellipsoids, and with one unit they come near."""

from dataclasses import replace

import numpy as np
import pytest

from conformance.run.narrowing import narrow_free_run
from conformance.tolerance import ellipsoids
from conformance.tolerance.ellipsoids import bound_free_run, can_bound
from conformance.tolerance.layer import run_free
from conformance.tolerance.trajectories import read_plain
from lstm_spec import Activations, Array, ErrorModel, Problem, Variant, error_model, pack
from tests.helpers.adversary import NOWHERE, Adversary, Signs, aligned, forward, random_signs, uniform_signs
from tests.helpers.problems import make_problem

RELATIVE = error_model("relative", "float32")
MODELS = {
    "relative": RELATIVE,
    "absolute": error_model("absolute", "float32"),
    # Nobody's grade: so coarse that what is left out of second order would show.
    "coarse": ErrorModel(2.0**-9, 2.0**-12, 2.0**-126, r_s=2.0, r_t=2.0),
    "coarser": ErrorModel(2.0**-6, 2.0**-10, 2.0**-126, r_s=2.0, r_t=2.0),
}


def lasting_signs(seed: int) -> Signs:
    """Those of every step are the same, so that their effects add up."""
    return lambda direction: np.random.default_rng(seed).choice([-1.0, 1.0], direction.shape)


SIGNS = [aligned, random_signs(1), uniform_signs(2), *map(lasting_signs, range(8))]


def draw(T: int, B: int, I: int, H: int, scale: float) -> Problem:
    """A problem of which the float64 oracle makes nothing up: W and U multiplied by `scale`."""
    problem = make_problem(T, B, I, H, dtype="float64")
    layer = problem.layer
    gates = ((k, getattr(layer, k)) for k in layer.gates)
    scaled = {k: p._replace(W=p.W * scale, U=p.U * scale) for k, p in gates}
    return replace(problem, parameters=((layer._replace(**scaled),),))


def measure_ratios(problem: Problem, model: ErrorModel, signs: Signs) -> dict[str, Array]:
    """Errors of an adversary in units of what V12 allows, by what is bounded."""
    r, readers = read_plain(problem), np.random.default_rng(3).standard_normal((5, problem.sizes[3]))
    readers *= np.array([1, 1e-19, 1e-22, 1e-30, 1e-160])[:, None]
    free = run_free(r, model)
    reach = bound_free_run(r, free, model, readers)
    steps = forward(problem, pack(problem.layer), Adversary(model, signs), NOWHERE)
    h, c, before = (np.stack([getattr(step, name) for step in steps]) for name in ("h", "c", "h_before"))
    errors = {"h": h - free.h.value, "c": c - free.c.value, "of_U": (before - free.h_before.value) @ r.w.U.T}
    errors["of_readers"] = errors["h"] @ readers.T
    narrowed, _ = narrow_free_run(r, free, model, readers)
    ratios = {name: divide(e[1:], getattr(reach, name)[1:]) for name, e in errors.items()}
    return ratios | {"narrowed": divide(errors["h"], narrowed.h.error)}


def divide(errors: Array, allowed: Array) -> Array:
    """Errors in units of what is allowed; 0 where there is none."""
    return np.divide(np.abs(errors), allowed, out=np.zeros_like(errors), where=errors != 0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "sizes", [(40, 2, 3, 8, 0.4), (12, 1, 2, 3, 1.0), *((9, 3, I, 1, 1.0) for I in range(1, 7))], ids=str
)
def test_no_legal_adversary_leaves_the_ellipsoids(sizes: tuple[int, int, int, int, float], name: str) -> None:
    problem = draw(*sizes)
    for signs in SIGNS:
        for what, ratio in measure_ratios(problem, MODELS[name], signs).items():
            assert ratio.max() <= 1, (what, signs)


@pytest.mark.parametrize("scale", [1e-100, 1e-143, 1e-150, 1e-155, 0.0])
def test_errors_whose_squares_are_no_numbers_are_bounded(scale: float) -> None:
    """Each unit adds less than the one before, and forgets little: what is added up is one part in so many."""
    problem = draw(40, 1, 2, 4, 0.4)
    layer, sizes = problem.layer, scale * np.array([1, 1e-6, 1e-10, 1e-12])[:, None]
    assert layer.f and layer.g
    g = layer.g._replace(W=layer.g.W * sizes, U=layer.g.U * 0, b=layer.g.b * 0)
    remembering = layer._replace(g=g, f=layer.f._replace(b=layer.f.b + 6))
    nothing = problem.state._replace(h=problem.state.h * 0, c=problem.state.c * 0)
    problem = replace(problem, parameters=((remembering,),), state=nothing)
    for signs in SIGNS:
        for what, ratio in measure_ratios(problem, error_model("relative", "float64"), signs).items():
            assert ratio.max() <= 1, (what, signs)


@pytest.mark.parametrize("name", MODELS)
def test_with_one_unit_the_bound_is_nearly_reached(name: str) -> None:
    """There is nothing that an ellipsoid cannot follow."""
    found = [measure_ratios(draw(4, 2, 1, 1, 0.5), MODELS[name], signs) for signs in SIGNS]
    for what in found[0]:
        assert max(one[what][-1].max() for one in found) > 0.8, what


def test_what_grows_without_signs_stays_small_with_them() -> None:
    problem = draw(60, 1, 30, 30, 0.2)
    r, none = read_plain(problem), np.zeros((0, 30))
    free = run_free(r, RELATIVE)
    narrowed, _ = narrow_free_run(r, free, RELATIVE, none)
    assert free.h.error[-1].min() > 1 and narrowed.h.error.max() < 1e-3


def test_what_is_lost_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """In chaos, and beyond the work that is worth while."""
    wild = draw(80, 1, 5, 20, 3.0)
    r, none = read_plain(wild), np.zeros((0, 20))
    reach = bound_free_run(r, run_free(r, RELATIVE), RELATIVE, none)
    known = np.asarray(np.isfinite(reach.h).all(axis=(1, 2)))
    assert known[0] and not known[-1] and (np.diff(known.astype(int)) <= 0).all()
    assert np.isinf(reach.of_U[-1]).all() and reach.h[known].max() <= ellipsoids.LARGEST
    monkeypatch.setattr(ellipsoids, "WORK", 22 * 20.0**3 * 2)
    assert np.isfinite(bound_free_run(r, run_free(r, RELATIVE), RELATIVE, none).h).all(axis=(1, 2)).sum() == 2


def test_only_the_standard_cell_without_narrow_numbers_inside_has_ellipsoids() -> None:
    problem, hard = make_problem(), Variant(activations=Activations("hard_sigmoid", "tanh", "tanh", 0.2, 0.5))
    assert can_bound(read_plain(problem), RELATIVE)
    assert not can_bound(read_plain(replace(problem, variant=hard)), RELATIVE)
    assert not can_bound(read_plain(replace(problem, variant=Variant(clip=1.0))), RELATIVE)
    assert not any(can_bound(read_plain(problem), error_model(grade, "float16")) for grade in ("op-by-op", "wide"))
