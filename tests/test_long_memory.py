"""examples/long_memory.py: the tasks are those of 1997, the nets those of the specification, nothing is run twice."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from backends.numpy_backend import BACKEND
from lstm_spec import Cotangents, Gate, Parameters, Problem, State, contrast
from tests.specimens import target

PATH = Path(__file__).parent.parent / "examples" / "long_memory.py"


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("long_memory", PATH)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


lm = loaded()
LAGS = (10, 40, 50, 100)


@pytest.mark.parametrize("lag", LAGS)
def test_adding_is_that_of_1997(lag: int) -> None:
    rng, first, second, lengths, lags = np.random.default_rng(lag), set(), set(), set(), set()
    values, spread = [], []
    for _ in range(100):
        x, target = lm.adding(rng, lag, 100)
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
        x, target = lm.temporal_order(rng, lag, 100)
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
    net, x = lm.elman(), rng.standard_normal((6, 3, 2)).astype("float32")
    w = net.new(rng, 2, 6)
    p = contrast.Elman(*(w[k].astype(float) for k in ("W", "U", "b")))
    dh = rng.standard_normal((3, lm.LEARNING.H)).astype("float32")
    found, sums, zero = net.learn(w, x, lambda h: dh), [0.0, 0.0, 0.0], np.zeros(lm.LEARNING.H)
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
    x, dh = rng.standard_normal((8, 2, 2)).astype("float32"), rng.standard_normal((2, lm.LEARNING.H)).astype("float32")
    w = lm.lstm(BACKEND).new(rng, 2, 8)
    whole, never, short = (
        lm.lstm(b).learn(w, x, lambda h: dh) for b in (BACKEND, lm.cut_off(BACKEND, 8), lm.cut_off(BACKEND, 3))
    )
    assert all((whole[k] == never[k]).all() for k in whole)
    late = lm.lstm(BACKEND).last(w, x)
    assert (late == lm.lstm(lm.cut_off(BACKEND, 3)).last(w, x)).all()  # the forward pass is as it was
    # the gradient of the last three steps alone, from where the others left the state
    middle = BACKEND.forward(asked(w, x[:5])).state
    d = Cotangents(np.zeros((3, 2, lm.LEARNING.H), "float32"), State(dh[None], np.zeros_like(dh[None])))
    (p,) = BACKEND.gradients(replace(asked(w, x[5:]), state=middle), d)[1].parameters[0]
    for k in "ifgo":
        for part in "WUb":
            assert (short[f"{part}_{k}"] == getattr(getattr(p, k), part)).all()
    assert not np.allclose(short["W_g"], whole["W_g"])


def asked(w: Any, x: Any) -> Problem:
    p = Parameters(*(Gate(w[f"W_{k}"], w[f"U_{k}"], w[f"b_{k}"]) for k in "ifgo"))
    zero = np.zeros((1, x.shape[1], lm.LEARNING.H), "float32")
    return Problem(((p,),), x, State(zero, zero))


@pytest.mark.parametrize("task", lm.TASKS.values(), ids=lambda task: task.name)
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


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(lm.main, ["--out", str(folder), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_what_is_finished_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=4, ask_every=2, fresh=40))
    first = run(tmp_path, "--lag", "10", "--seed", "1", "--seed", "2")
    assert first.count("0 of 2") == 4 and (tmp_path / "long-memory.svg").exists()
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["generated by"] == "examples/long_memory.py" and len(summary["rows"]) == 4
    monkeypatch.setattr(lm, "trained", lambda *_: pytest.fail("it was run again"))
    assert run(tmp_path, "--lag", "10", "--seed", "1", "--seed", "2") == first


def test_the_table_is_of_all_that_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=2, ask_every=1, fresh=40))
    run(tmp_path, "--lag", "10", "--seed", "1", "--task", "adding")
    run(tmp_path, "--lag", "10", "--seed", "2", "--task", "adding", "--net", "RNN")
    run(tmp_path, "--lag", "11", "--seed", "1", "--task", "adding", "--net", "cut off")
    rows = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["rows"]
    cut_off = "LSTM, gradient cut off after 50 steps"
    assert [(row["lag"], row["net"], row["seeds"]) for row in rows] == [
        (10, "LSTM", 1),
        (10, "RNN", 2),
        (11, cut_off, 1),
    ]
    page = (tmp_path / "long-memory.md").read_text(encoding="utf-8")
    assert "0.02 (LSTM), 0.01 (RNN)" in page and "is that of numpy" in page


def test_each_net_begins_where_it_remembers() -> None:
    rng = np.random.default_rng(0)
    U, w = lm.elman().new(rng, 2, 100)["U"], lm.lstm(BACKEND).new(rng, 2, 100)
    np.testing.assert_allclose(U @ U.T, np.eye(lm.LEARNING.H), atol=1e-5)
    assert (w["b_i"] == -w["b_f"]).all() and w["b_f"].min() >= 0 and w["b_f"].max() <= np.log(99)


def test_what_was_learnt_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=2, ask_every=1, fresh=40))
    run(tmp_path, "--lag", "10", "--seed", "1", "--net", "RNN", "--task", "adding")
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=3))
    done = CliRunner().invoke(lm.main, ["--out", str(tmp_path), "--lag", "10", "--seed", "1", "--net", "RNN"])
    assert done.exit_code == 1 and "was learnt otherwise" in done.output and "name another --out" in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--target", "nothing"), "'nothing' is not an installed backend"),
        (("--lag", "9"), "9 is not in the range x>=10"),
        (("--lag", "10", "--out", str(PATH)), "cannot be written (File exists); name another --out"),
        (("--lag", "10", "--out", "/proc/self"), "cannot be written ("),
        (("--rate", "nan"), "nan is no rate, expected a number above 0"),
        (("--target", target("forward_only")), "claims no gradients, without which nothing is learnt"),
        (("--target", target("returns_only_gradients")), "does not learn (TypeError: "),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = CliRunner().invoke(lm.main, arguments)
    assert isinstance(done.exception, SystemExit) and sentence in done.output and "Traceback" not in done.output


@pytest.mark.parametrize("text", ["", "{", "[]", '{"net": "RNN"}'])
def test_a_file_that_is_no_result_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "RNN-adding-10-1.json").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(lm.main, ["--out", str(tmp_path), "--lag", "10"])
    assert done.exit_code == 1 and "RNN-adding-10-1.json is no result of this program; remove it" in done.output


def test_without_matplotlib_nothing_is_learnt_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(lm.main, ["--out", str(tmp_path / "never")])
    assert done.exit_code == 1 and 'pip install "lstm-spec[plot]"' in done.output and not (tmp_path / "never").exists()


def test_another_target_does_not_take_these_results_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=2, ask_every=1, fresh=40))
    run(tmp_path, "--lag", "10", "--seed", "1", "--task", "adding")
    done = CliRunner().invoke(lm.main, ["--out", str(tmp_path), "--lag", "10", "--target", "lstm_spec:REFERENCE"])
    assert done.exit_code == 1 and "was learnt otherwise, by {'of': 'numpy'" in done.output


def test_one_task_alone_is_drawn_alone_and_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=2, ask_every=1, fresh=40))
    drawn = []
    for _ in range(2):
        run(tmp_path, "--lag", "10", "--seed", "1", "--task", "temporal order")
        drawn.append((tmp_path / "long-memory.svg").read_text(encoding="utf-8"))
    assert drawn[0] == drawn[1] and "<!-- temporal order -->" in drawn[0] and "<!-- adding -->" not in drawn[0]


def test_the_figures_of_the_page_are_of_this_learning_and_say_what_why_says() -> None:
    page = (PATH.parent.parent / "docs" / "long-memory.md").read_text(encoding="utf-8")
    assert ", ".join(f"{name} {value}" for name, value in lm.LEARNING._asdict().items()) in page
    assert f"{lm.lstm(BACKEND).rate} (LSTM), {lm.elman().rate} (RNN)" in page
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    solved = {tuple(row[:3]): int(row[3].split()[0]) for row in rows[2:] if row[3].endswith("of 5")}
    assert len(solved) == len(rows) - 2 == 2 * (2 * 4 + 1)
    for task in lm.TASKS:
        assert all(solved[task, lag, "LSTM"] >= 4 for lag in ("10", "50", "100", "500"))
        assert not any(solved[task, lag, "RNN"] for lag in ("50", "100", "500"))
        assert not solved[task, "100", lm.CUT_OFF]


def test_an_lstm_remembers_over_a_lag_of_ten() -> None:
    """As the page says: in a hundred updates or two."""
    found = lm.trained(lm.Asked(lm.TASKS["temporal order"], lm.lstm(BACKEND), 10, 1), lambda *_: None)
    assert found["solved"] and found["updates"] <= 300 and found["right"] >= 0.99


def test_the_nets_learn_a_lag_of_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss goes down: a short run, by no clock."""
    monkeypatch.setattr(lm, "LEARNING", lm.LEARNING._replace(updates=60, ask_every=30, fresh=200))
    order = lm.TASKS["temporal order"]
    for net in (lm.lstm(BACKEND), lm.elman()):
        losses: list[float] = []
        lm.trained(lm.Asked(order, net, 10, 1), lambda update, loss, share, losses=losses: losses.append(loss))
        assert losses[-1] < losses[0]
