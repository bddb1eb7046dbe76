"""examples/long_lags: the tasks are those of 1997, the nets those of the specification, and they learn."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND
from lstm_spec import Cotangents, Gate, Parameters, Problem, State, contrast
from tests.helpers.root import ROOT

sys.path.insert(0, str(ROOT / "examples"))
from long_lags import learning, nets, tasks  # noqa: E402  an example, not a package of ours
from long_lags.nets import H  # noqa: E402

sys.path.pop(0)

LAGS = (10, 40, 50, 100)


@pytest.mark.parametrize("lag", LAGS)
def test_adding_is_that_of_1997(lag: int) -> None:
    rng, first, second, lengths, lags = np.random.default_rng(lag), set(), set(), set(), set()
    values, spread = [], []
    for _ in range(100):
        x, target = tasks.adding(rng, lag, 100)
        T = len(x)
        lengths.add(T)
        values.append(x[..., 0])
        spread.append(x[..., 0].std())
        assert set(np.unique(x[..., 1])) <= {-1, 0, 1} and (x[-1, :, 1] == -1).all()
        assert (x[1:-1, :, 1] >= 0).all()
        for k in range(100):
            one, two = marked = np.flatnonzero(x[:, k, 1] == 1)  # exactly two
            first.add(int(one))
            second.add(int(two))
            lags.add(T - 1 - int(two))
            assert x[0, k, 1] == (1 if one == 0 else -1)
            counted = [0 if t == 0 else float(x[t, k, 0]) for t in marked]
            assert target[k] == pytest.approx(0.5 + sum(counted) / 4, abs=1e-6)
    assert (min(lengths), max(lengths)) == (2 * lag, 2 * lag + 2 * lag // 10)
    assert (min(first), max(second), min(lags)) == (0, lag - 1, lag) and max(first) >= 8
    assert min(v.min() for v in values) < -0.99 and max(v.max() for v in values) > 0.99
    assert np.mean(spread) == pytest.approx(3**-0.5, rel=0.02)  # as uniform numbers have it


@pytest.mark.parametrize("lag", LAGS)
def test_temporal_order_is_that_of_1997(lag: int) -> None:
    rng, least = np.random.default_rng(lag), -(-5 * lag // 2)
    firsts, seconds, lengths, lags, noise, classes = set(), set(), set(), set(), set(), set()
    for _ in range(100):
        x, target = tasks.temporal_order(rng, lag, 100)
        T, symbols = len(x), x.argmax(axis=2)
        lengths.add(T)
        assert (x.sum(axis=2) == 1).all() and set(np.unique(x)) == {0, 1}
        assert (symbols[0] == 0).all() and (symbols[-1] == 1).all()
        for k in range(100):
            (first, second) = np.flatnonzero((symbols[:, k] == 2) | (symbols[:, k] == 3))
            firsts.add(int(first) + 1)  # counted from 1, as the paper does: at 40 it is its Table 10
            seconds.add(int(second) + 1)
            lags.add(T - 1 - int(second))
            assert target[k] == 2 * (symbols[first, k] - 2) + symbols[second, k] - 2
        noise |= set(symbols[1:-1].ravel().tolist()) - {2, 3}
        classes |= set(target.tolist())
    assert (min(lengths), max(lengths)) == (least, least + least // 10)
    assert (min(firsts), max(firsts)) == (max(2, least // 10), least // 5)
    assert (min(seconds), max(seconds), min(lags)) == (least // 2, 3 * least // 5, lag)
    assert classes == {0, 1, 2, 3} and noise == {4, 5, 6, 7}


def test_the_rnn_is_that_of_the_contrast() -> None:
    rng = np.random.default_rng(0)
    net, x = nets.elman(), rng.standard_normal((6, 3, 2)).astype("float32")
    w = net.new(rng, 2, 6)
    p = contrast.Elman(*(w[k].astype(float) for k in ("W", "U", "b")))
    dh = rng.standard_normal((3, H)).astype("float32")
    found, sums, zero = net.learn(w, x, lambda h: dh), [0.0, 0.0, 0.0], np.zeros(H)
    for k in range(3):
        y = contrast.elman(p, x[:, k].astype(float), zero)
        np.testing.assert_allclose(net.last(w, x)[k], y[-1], rtol=1e-5, atol=1e-6)
        dy = np.zeros_like(y)
        dy[-1] = dh[k]
        sums = [
            a + b for a, b in zip(sums, contrast.elman_gradient(p, x[:, k].astype(float), zero, dy)[0], strict=True)
        ]
    for name, right in zip(("W", "U", "b"), sums, strict=True):
        np.testing.assert_allclose(found[name], right, rtol=1e-4, atol=1e-5)


def test_a_gradient_that_is_cut_off_sees_the_last_steps_alone() -> None:
    rng = np.random.default_rng(0)
    x, dh = rng.standard_normal((8, 2, 2)).astype("float32"), rng.standard_normal((2, H)).astype("float32")
    w = nets.lstm(BACKEND).new(rng, 2, 8)
    whole, never, short = (
        nets.lstm(b).learn(w, x, lambda h: dh) for b in (BACKEND, nets.cut_off(BACKEND, 8), nets.cut_off(BACKEND, 3))
    )
    assert all((whole[k] == never[k]).all() for k in whole)
    late = nets.lstm(BACKEND).last(w, x)
    assert (late == nets.lstm(nets.cut_off(BACKEND, 3)).last(w, x)).all()  # the forward pass is as it was
    # the gradient of the last three steps alone, from where the others left the state
    middle = BACKEND.forward(asked(w, x[:5])).state
    d = Cotangents(np.zeros((3, 2, H), "float32"), State(dh[None], np.zeros_like(dh[None])))
    (p,) = BACKEND.differentiate(replace(asked(w, x[5:]), state=middle), d)[1].parameters[0]
    for k in "ifgo":
        for part in "WUb":
            assert (short[f"{part}_{k}"] == getattr(getattr(p, k), part)).all()
    assert not np.allclose(short["W_g"], whole["W_g"])


def asked(w: Any, x: Any) -> Problem:
    p = Parameters(*(Gate(w[f"W_{k}"], w[f"U_{k}"], w[f"b_{k}"]) for k in "ifgo"))
    zero = np.zeros((1, x.shape[1], H), "float32")
    return Problem(((p,),), x, State(zero, zero))


@pytest.mark.parametrize("task", tasks.TASKS.values(), ids=lambda task: task.name)
def test_the_gradient_of_a_loss_is_its_own(task: Any) -> None:
    rng = np.random.default_rng(1)
    out = rng.standard_normal((5, task.outputs))
    _, target = task.draw(rng, 10, 5)
    _, d = task.loss(out, target)
    for at in np.ndindex(out.shape):
        step = np.zeros_like(out)
        step[at] = 1e-6
        slope = (task.loss(out + step, target)[0] - task.loss(out - step, target)[0]) / 2e-6
        assert d[at] == pytest.approx(slope, abs=1e-6)


def test_each_net_begins_where_it_remembers() -> None:
    rng = np.random.default_rng(0)
    U, w = nets.elman().new(rng, 2, 100)["U"], nets.lstm(BACKEND).new(rng, 2, 100)
    np.testing.assert_allclose(U @ U.T, np.eye(H), atol=1e-5)
    assert (w["b_i"] == -w["b_f"]).all() and w["b_f"].min() >= 0 and w["b_f"].max() <= np.log(99)


def test_adam_is_that_of_the_paper_and_shortens_what_is_too_long() -> None:
    """Kingma & Ba 2015: means of the gradients and of their squares, by powers of 0.9 and 0.999, in closed form."""
    gradients = [np.array([0.5, -0.25]), np.array([-0.125, 0.5]), np.array([6.0, 8.0])]
    w, rate, seen = {"w": np.array([1.0, 2.0], "float32")}, 0.1, []
    expected, adam = np.array([1.0, 2.0]), learning.Adam(w, rate)
    for t, g in enumerate(gradients, 1):
        adam.move(w, {"w": g.astype("float32")})
        seen.append(g / max(1.0, np.linalg.norm(g)))
        m, v = (
            sum(beta ** (t - k) * a**power for k, a in enumerate(seen, 1)) / sum(beta**k for k in range(t))
            for beta, power in ((0.9, 1), (0.999, 2))
        )
        expected = expected - rate * (1 - t / learning.LEARNING.updates) * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(w["w"], expected, rtol=1e-5)


def test_an_lstm_remembers_over_a_lag_of_ten() -> None:
    """As the page says: in a hundred updates or two."""
    found = learning.trained(learning.Asked(tasks.TASKS["temporal order"], nets.lstm(BACKEND), 10, 1), lambda *_: None)
    assert found["solved"] and found["updates"] <= 300 and found["right"] >= 0.99


def test_the_nets_learn_a_lag_of_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss goes down: a short run, by no clock."""
    monkeypatch.setattr(learning, "LEARNING", learning.LEARNING._replace(updates=60, ask_every=30, fresh=200))
    order = tasks.TASKS["temporal order"]
    for net in (nets.lstm(BACKEND), nets.elman()):
        losses: list[float] = []
        learning.trained(
            learning.Asked(order, net, 10, 1), lambda update, loss, share, losses=losses: losses.append(loss)
        )
        assert losses[-1] < losses[0]
