"""The contrast to the LSTM: what sees no order, what forgets, what does not. Numbers are exact where they can be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_spec import Gate, Parameters, State, contrast
from lstm_spec.clauses import CLAUSES, Level
from lstm_spec.contrast import Elman
from lstm_spec.equations import cell, run
from lstm_spec.gradients import run_gradient

SEEDS = st.integers(0, 2**32 - 1)
U = 2.0**-53


def dyadic(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers whose sums are exact, in any order."""
    return rng.integers(-64, 65, shape) / 64.0


def elman_of(rng: np.random.Generator, I: int, H: int, scale: float = 1.0) -> Elman:
    return Elman(rng.standard_normal((H, I)), scale * rng.standard_normal((H, H)) / np.sqrt(H), rng.standard_normal(H))


def lstm_of(rng: np.random.Generator, I: int, H: int) -> Parameters:
    def gate() -> Gate:
        return Gate(rng.standard_normal((H, I)), rng.standard_normal((H, H)) / np.sqrt(H), rng.standard_normal(H))

    return Parameters(gate(), gate(), gate(), gate())


def state_of(rng: np.random.Generator, H: int) -> State:
    return State(np.tanh(rng.standard_normal(H)), rng.standard_normal(H))


# ---------------------------------------------------------------- order


@given(seed=SEEDS, T=st.integers(2, 9), I=st.integers(1, 4), H=st.integers(1, 4), data=st.data())
def test_a_net_over_a_bag_sees_no_order(seed: int, T: int, I: int, H: int, data: Any) -> None:
    rng = np.random.default_rng(seed)
    x, p = dyadic(rng, T, I), elman_of(rng, I, H)
    shuffled = x[data.draw(st.permutations(range(T)))]
    assert (contrast.feed_forward(p, shuffled) == contrast.feed_forward(p, x)).all()


@given(seed=SEEDS, T=st.integers(3, 9), I=st.integers(1, 4), H=st.integers(1, 4), data=st.data())
def test_a_recurrent_net_and_an_lstm_remember_it(seed: int, T: int, I: int, H: int, data: Any) -> None:
    rng = np.random.default_rng(seed)
    x, p, q = rng.standard_normal((T, I)), elman_of(rng, I, H), lstm_of(rng, I, H)
    k = data.draw(st.integers(0, T - 3), "which two steps change places")
    other = x.copy()
    other[[k, k + 1]] = x[[k + 1, k]]
    h, s = np.zeros(H), State(np.zeros(H), np.zeros(H))
    after = slice(k + 2, T)  # both have been read: what still differs is what is remembered
    assert not (contrast.elman(p, other, h)[after] == contrast.elman(p, x, h)[after]).all()
    assert not (run(q, other, s)[0][after] == run(q, x, s)[0][after]).all()


# ---------------------------------------------------------------- the recurrent net's gradient


@given(seed=SEEDS, T=st.integers(1, 6), I=st.integers(1, 3), H=st.integers(1, 3))
def test_the_gradient_is_that_of_the_equations(seed: int, T: int, I: int, H: int) -> None:
    """Against differences at complex steps, which lose no digits."""
    rng = np.random.default_rng(seed)
    p, x, h, dy = elman_of(rng, I, H), rng.standard_normal((T, I)), rng.standard_normal(H), rng.standard_normal((T, H))
    dp, dx, dh = contrast.elman_gradient(p, x, h, dy)
    for found, position in ((dp.W, 0), (dp.U, 1), (dp.b, 2), (dx, 3), (dh, 4)):
        for at in np.ndindex(found.shape):
            parts = [a.astype(complex) for a in (*p, x, h)]
            parts[position][at] += 1e-30j
            loss = (contrast.elman(Elman(*parts[:3]), parts[3], parts[4]) * dy).sum()
            assert found[at] == pytest.approx(loss.imag / 1e-30, rel=1e-9, abs=1e-12)


@given(seed=SEEDS, T=st.integers(1, 30), H=st.integers(1, 4), scale=st.floats(0.1, 3))
def test_the_jacobian_is_what_the_gradient_says_and_within_the_bound(seed: int, T: int, H: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    p, x, h = elman_of(rng, 2, H, scale), rng.standard_normal((T, 2)), rng.standard_normal(H)
    J = contrast.elman_jacobian(p, x, h)
    for k in range(H):
        dy = np.zeros((T, H))
        dy[-1, k] = 1
        np.testing.assert_allclose(contrast.elman_gradient(p, x, h, dy)[2], J[k], rtol=1e-9, atol=1e-300)
    rounding = 1 + 4 * (H + 4) * (T + 1) * U  # of a product of H terms and two factors, step by step
    assert np.linalg.norm(J, 2) <= contrast.elman_bound(p, T) * rounding


def turned(H: int, scale: float) -> Elman:
    """U is a permutation, scaled: orthogonal, and every product with it is exact."""
    return Elman(np.zeros((H, 1)), scale * np.roll(np.eye(H), 1, axis=0), np.zeros(H))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("T", [1, 7, 50, 1000])
def test_at_rest_a_scaled_orthogonal_net_attains_the_bound(T: int, scale: float) -> None:
    """It vanishes, is kept, or explodes as predicted, to the last bit: at h = 0 the slope of tanh is 1."""
    p = turned(3, scale)
    J = contrast.elman_jacobian(p, np.zeros((T, 1)), np.zeros(3))
    assert (np.abs(J).sum(axis=0) == scale**T).all() and np.linalg.norm(J, 2) == contrast.elman_bound(p, T) == scale**T


@given(seed=SEEDS, H=st.integers(2, 5), scale=st.floats(1.1, 2))
def test_any_scaled_orthogonal_net_explodes_as_predicted(seed: int, H: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    p = Elman(np.zeros((H, 1)), scale * np.linalg.qr(rng.standard_normal((H, H)))[0], np.zeros(H))
    J = contrast.elman_jacobian(p, np.zeros((100, 1)), np.zeros(H))
    assert np.linalg.norm(J, 2) == pytest.approx(scale**100, rel=1e-10)


@given(seed=SEEDS, H=st.integers(1, 5), largest=st.floats(0.05, 0.95))
def test_below_one_it_vanishes_whatever_is_read(seed: int, H: int, largest: float) -> None:
    rng = np.random.default_rng(seed)
    p = elman_of(rng, 2, H)
    p = p._replace(U=largest * p.U / np.linalg.norm(p.U, 2))
    lag = int(np.ceil(np.log(1e-6) / np.log(largest)))
    assert np.linalg.norm(contrast.elman_jacobian(p, rng.standard_normal((lag, 2)), np.zeros(H)), 2) < 1.0001e-6


def test_a_spectral_radius_below_one_does_not_keep_it_from_growing_first() -> None:
    p = Elman(np.zeros((2, 1)), np.array([[0.5, 8.0], [0.0, 0.5]]), np.zeros(2))
    assert np.abs(np.linalg.eigvals(p.U)).max() == 0.5
    norms = [np.linalg.norm(contrast.elman_jacobian(p, np.zeros((T, 1)), np.zeros(2)), 2) for T in range(60)]
    assert norms[0] == 1 and max(norms) > 8 and norms[59] < 1e-13


def test_a_largest_singular_value_above_one_need_not_explode() -> None:
    """It is necessary, not sufficient: what is saturated passes nothing on."""
    p = turned(2, 2.0)._replace(b=np.full(2, 9.0))
    assert np.linalg.norm(contrast.elman_jacobian(p, np.zeros((20, 1)), np.zeros(2)), 2) < 1e-100


# ---------------------------------------------------------------- the LSTM's


@given(seed=SEEDS, T=st.integers(0, 12), I=st.integers(1, 3), H=st.integers(1, 4))
def test_the_full_jacobian_is_what_the_gradient_says(seed: int, T: int, I: int, H: int) -> None:
    rng = np.random.default_rng(seed)
    p, x, s = lstm_of(rng, I, H), rng.standard_normal((T, I)), state_of(rng, H)
    J = contrast.jacobian(p, x, s)
    for k in range(2 * H):
        d = np.eye(2 * H)[k]
        _, _, ds = run_gradient(p, x, s, np.zeros((T, H)), State(d[:H], d[H:]))
        np.testing.assert_allclose(np.concatenate(ds), J[k], rtol=1e-9, atol=1e-12)


@given(seed=SEEDS, T=st.integers(0, 12), H=st.integers(1, 4))
def test_without_the_path_through_h_it_is_the_product_of_the_forget_gates(seed: int, T: int, H: int) -> None:
    rng = np.random.default_rng(seed)
    p = lstm_of(rng, 2, H)
    p = Parameters(*(gate._replace(U=np.zeros((H, H))) for gate in p[:4] if gate))
    x, s = rng.standard_normal((T, 2)), state_of(rng, H)
    np.testing.assert_allclose(
        contrast.jacobian(p, x, s)[H:, H:], np.diag(contrast.carousel(p, x, s)), rtol=1e-12, atol=1e-300
    )


def kept(H: int, forget: float) -> Parameters:
    """Nothing is read; the forget gate is σ(forget), whatever comes."""
    shut, open_ = Gate(np.zeros((H, 1)), np.zeros((H, H)), np.full(H, -1000.0)), np.full(H, forget)
    return Parameters(shut, shut._replace(b=open_), shut._replace(b=np.zeros(H)), shut)


def test_an_open_gate_carries_memory_and_gradient_over_ten_thousand_steps_to_the_last_bit() -> None:
    p, x, s = kept(3, 1000.0), np.zeros((10_000, 1)), State(np.zeros(3), np.array([0.1, -7.25, 1e-300]))
    d = State(np.zeros(3), np.array([1.0, 1 / 3, -1e-12]))
    assert (contrast.carousel(p, x, s) == 1).all()
    assert (run(p, x, s)[1].c == s.c).all()
    assert (run_gradient(p, x, s, np.zeros((10_000, 3)), d)[2].c == d.c).all()


@pytest.mark.parametrize("n", [1, 10, 500, 1000])
def test_a_half_open_gate_halves_the_gradient_exactly(n: int) -> None:
    p, x, s = kept(2, 0.0), np.zeros((n, 1)), State(np.zeros(2), np.array([0.3, -2.0]))
    assert (contrast.carousel(p, x, s) == 2.0**-n).all()
    d = State(np.zeros(2), np.array([1.0, -1.0]))
    assert (run_gradient(p, x, s, np.zeros((n, 2)), d)[2].c == d.c * 2.0**-n).all()


@settings(max_examples=20)
@given(seed=SEEDS, T=st.integers(1, 6))
def test_a_state_is_made_of_nothing_but_the_two_memories_and_the_input(seed: int, T: int) -> None:
    """The history does not matter: what is read next depends on it through (h, c) alone."""
    rng = np.random.default_rng(seed)
    p, x, s = lstm_of(rng, 2, 3), rng.standard_normal((T, 2)), state_of(rng, 3)
    _, after = run(p, x, s)
    again = s
    for x_t in x[:-1]:
        again = cell(p, x_t, again)
    forgotten = State(again.h.copy(), again.c.copy())
    for a, b in zip(cell(p, x[-1], forgotten), after, strict=True):
        assert (a == b).all()


def test_the_notes_are_cited_where_they_are_computed() -> None:
    notes = {clause.id for clause in CLAUSES.values() if clause.level is Level.NOTE}
    text = Path(contrast.__file__).read_text(encoding="utf-8")
    assert notes == {"FLOW-4", "FLOW-5", "FLOW-6", "FLOW-7"} and all(f"# {id}" in text for id in notes)
    assert all(CLAUSES[id].source for id in notes)
