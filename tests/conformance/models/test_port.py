"""Weights are carried over and compared: the same, in another order, rounded, or with a usual mistake that is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conformance.models.asked import ModelError
from conformance.models.differences import compare_networks
from conformance.models.weights import read_weights
from conformance.models.writing import write_network
from conformance.report.status import FAILED, PASSED, UNUSABLE
from tests.helpers.specimens import said

I, H = 3, 5
State = dict[str, torch.Tensor]


def make_state(layers: int = 2, D: int = 2, **more: Any) -> State:
    torch.manual_seed(0)
    return dict(torch.nn.LSTM(I, H, layers, bidirectional=D == 2, **more).state_dict())


def split_gates(a: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return a.split(H)


def reorder_units(state: State) -> State:
    """Every layer and direction in an order of its own."""
    torch.manual_seed(1)
    orders = {name.removeprefix("bias_ih"): torch.randperm(H) for name in state if name.startswith("bias_ih")}
    found = {}
    for name, a in state.items():
        place = name[name.index("_l") :]
        a = torch.cat([gate[orders[place]] for gate in split_gates(a)])
        if name.startswith("weight_hh"):
            a = a[:, orders[place]]
        elif name.startswith("weight_ih") and "l0" not in name:
            below = orders["_l0"]
            a = a[:, torch.cat([below, H + orders["_l0_reverse"]]) if "_l0_reverse" in orders else below]
        found[name] = a
    return found


def change_gates(state: State, change: Callable[[list[torch.Tensor]], list[torch.Tensor]], part: str = "") -> State:
    return {n: torch.cat(change([*split_gates(a)])) if part in n else a for n, a in state.items()}


def add_to_one(state: State) -> State:
    found = {name: a.clone() for name, a in state.items()}
    found["weight_hh_l1_reverse"][2 * H + 1, 4] += 1e-3
    return found


SAME: dict[str, tuple[Callable[[State], State], str]] = {
    "the same": (lambda state: state, "the weights are the same to the last bit"),
    "other units": (reorder_units, "the weights are the same, with the units in another order"),
    "wider": (
        lambda s: {n: a.double() for n, a in s.items()},
        "the weights of the second are those of the first, rounded to float32",
    ),
}
OTHER: dict[str, tuple[Callable[[State], State], str]] = {
    "gates": (
        lambda state: change_gates(state, lambda g: [g[1], g[0], g[2], g[3]]),
        "the second is the first with the gates i, f, g, o taken for f, i, g, o",
    ),
    "transposed": (
        lambda state: change_gates(state, lambda gates: [g.T for g in gates], "weight_hh"),
        "the second is the first with its recurrent weights transposed",
    ),
    "no biases": (
        lambda state: {n: a * 0 if "bias" in n else a for n, a in state.items()},
        "the second is the first without its biases",
    ),
    "one bias lost": (
        lambda state: {n: a * 0 if "bias_hh" in n else a for n, a in state.items()},
        "the second is the first without one of its two biases, which are added$",
    ),
    "the other lost": (
        lambda state: {n: a * 0 if "bias_ih" in n else a for n, a in state.items()},
        "the second is the first without one of its two biases, which are added$",
    ),
    "smaller biases": (
        lambda state: {n: a * 0.5 if "bias" in n else a for n, a in state.items()},
        "80 of 1000 weights differ, all of them biases",
    ),
    "a bias lost, and a weight": (
        lambda state: {n: a * 0 if "bias_hh" in n else a for n, a in add_to_one(state).items()},
        "weights differ, the most at",
    ),
    "one weight": (add_to_one, r"1 of 1000 weights differ, the most at U_g\[1, 4\] of layer 1, reverse: "),
}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A file to compare with."""
    torch.save(make_state(), tmp_path / "a.pt")
    return tmp_path / "a.pt"


@pytest.mark.parametrize("case", SAME)
def test_the_same_lstm_is_known_again(case: str, first: Path) -> None:
    change, sentence = SAME[case]
    torch.save(change(make_state()), first.with_name("b.pt"))
    status, text = said("diff", str(first), str(first.with_name("b.pt")))
    assert status == PASSED and any(one in text for one in sentence.split("|")) and "holds at grade" in text


@pytest.mark.parametrize("case", OTHER)
def test_another_lstm_is_told_and_the_usual_mistake_named(case: str, first: Path) -> None:
    import re

    change, sentence = OTHER[case]
    torch.save(change(make_state()), first.with_name("b.pt"))
    status, text = said("diff", str(first), str(first.with_name("b.pt")))
    assert status == FAILED and re.search(sentence, text, re.MULTILINE), text
    assert "refuted at grade absolute" in text


def test_weights_that_differ_are_another_lstm_although_the_answer_hides_it(first: Path) -> None:
    state = make_state()
    state["weight_hh_l0"][0, 0] *= 1 + 2**-23
    torch.save(state, first.with_name("b.pt"))
    status, text = said("diff", str(first), str(first.with_name("b.pt")))
    assert status == FAILED and "1 of 1000 weights differ" in text and "holds at grade relative" in text


def test_rounded_weights_are_called_so(first: Path) -> None:
    torch.save({name: a.half() for name, a in make_state().items()}, first.with_name("b.pt"))
    _, text = said("diff", str(first), str(first.with_name("b.pt")))
    assert "the weights of the second are those of the first, rounded to float16" in text


@pytest.mark.parametrize("options", [{"layers": 1}, {"D": 1}, {"proj_size": 2}], ids=str)
def test_other_forms_are_told(options: dict[str, Any], first: Path) -> None:
    torch.save(make_state(**options), first.with_name("b.pt"))
    status, text = said("diff", str(first), str(first.with_name("b.pt")))
    assert status == FAILED and "they have other forms: 2 x forward and reverse standard with I = 3, H = 5, and" in text


def test_a_projection_has_units_in_another_order_too(tmp_path: Path) -> None:
    state = make_state(1, 1, proj_size=2)
    order = torch.tensor([3, 1, 4, 0, 2])
    other = {n: torch.cat([g[order] for g in split_gates(a)]) for n, a in state.items() if "hr" not in n}
    torch.save(state, tmp_path / "a.pt")
    torch.save({**other, "weight_hr_l0": state["weight_hr_l0"][:, order]}, tmp_path / "b.pt")
    status, text = said("diff", str(tmp_path / "a.pt"), str(tmp_path / "b.pt"))
    assert status == PASSED and "with the units in another order" in text and "holds at grade" in text


def test_a_projection_of_other_weights_is_told(tmp_path: Path) -> None:
    state = make_state(1, 1, proj_size=2)
    torch.save(state, tmp_path / "a.pt")
    torch.save({n: a + 0.1 if "hr" in n else a for n, a in state.items()}, tmp_path / "b.pt")
    status, text = said("diff", str(tmp_path / "a.pt"), str(tmp_path / "b.pt"))
    assert status == FAILED and "10 of 130 weights differ, the most at R[" in text, text


def test_states_are_put_to_the_units_that_have_another_place(first: Path) -> None:
    torch.save(reorder_units(make_state()), first.with_name("b.pt"))
    given, rng = first.with_name("in.npz"), np.random.default_rng(0)
    h, c = rng.standard_normal((2, 4, 1, H))
    np.savez(given, x=rng.standard_normal((6, 1, I)), h=np.tanh(h), c=c)
    status, text = said("diff", str(first), str(first.with_name("b.pt")), "--inputs", str(given))
    assert status == PASSED and "holds at grade" in text, text


@pytest.mark.parametrize("end", [".pt", ".safetensors", ".npz"])
@pytest.mark.parametrize("form", [(1, 1), (2, 2)])
def test_weights_are_carried_over_and_both_are_judged(end: str, form: tuple[int, int], tmp_path: Path) -> None:
    torch.save(
        {f"net.{n}": a for n, a in make_state(*form).items()} | {"fc.weight": torch.ones(2, 3)}, tmp_path / "a.pt"
    )
    target = tmp_path / f"b{end}"
    status, text = said("port", str(tmp_path / "a.pt"), str(target))
    assert status == PASSED and f"{target}: the weights are the same to the last bit" in text and "2 of 2 hold" in text
    assert [*read_weights(target).networks] == ["lstm."]
    status, text = said("port", str(tmp_path / "a.pt"), str(target))
    assert status == UNUSABLE and "is there already, expected a new name; or write over it with --force" in text
    assert said("port", str(tmp_path / "a.pt"), str(target), "--force")[0] == PASSED


def test_the_same_question_is_put_to_both(tmp_path: Path) -> None:
    torch.save(make_state(1, 1), tmp_path / "a.pt")
    np.save(tmp_path / "x.npy", np.ones((7, I)))
    status, text = said("port", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"), "--inputs", str(tmp_path / "x.npy"))
    assert status == PASSED and text.count("T = 7, B = 1") == 2


def test_one_of_several_is_named(tmp_path: Path) -> None:
    both = {f"{k}.{n}": a for k in ("up", "down") for n, a in make_state(1, 1).items()}
    torch.save(both, tmp_path / "a.pt")
    status, text = said("port", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"))
    assert status == UNUSABLE and "a.pt has 2 LSTMs (down, up), expected one; choose with --name" in text
    assert said("port", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"), "--name", "up")[0] == PASSED
    status, text = said("diff", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"), "--name", "up", "--other-name", "lstm")
    assert status == PASSED and "the same to the last bit" in text
    assert said("diff", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"), "--name", "up")[0] == PASSED  # the only one
    for more in (("--name", "nobody"), ("--name", "up", "--other-name", "up")):
        status, text = said("diff", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"), *more)
        assert status == UNUSABLE and "expected one named '" in text
    assert "b.npz has 1 LSTM (lstm), expected one named 'up'; choose with --name" in text


def test_the_end_of_a_name_is_enough_if_only_one_ends_so(tmp_path: Path) -> None:
    both = {f"{k}.{n}": a for k in ("a.up", "b.up", "b.down") for n, a in make_state(1, 1).items()}
    torch.save(both, tmp_path / "a.pt")
    status, text = said("port", str(tmp_path / "a.pt"), str(tmp_path / "b.npz"), "--name", "down")
    assert status == PASSED and "b.down: " in text, text
    for name in ("up", "own"):
        status, text = said("port", str(tmp_path / "a.pt"), str(tmp_path / "c.npz"), "--name", name)
        assert status == UNUSABLE and f"3 LSTMs (a.up, b.down, b.up), expected one named '{name}'" in text, text


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("b.keras", "ends in '.keras', expected one of .onnx, .pt, .pth, .safetensors, .npz, .h5; name it so"),
        ("b.h5", "b.h5 cannot be written (No module named 'h5py')"),
        ("b.onnx", "b.onnx cannot be written ("),
        ("nowhere/b.npz", "nowhere/b.npz cannot be written ("),
    ],
)
def test_what_cannot_be_written_is_refused(target: str, sentence: str, first: Path) -> None:
    status, text = said("port", str(first), str(first.with_name("b").parent / target))
    assert status == UNUSABLE and sentence in text and len(text.splitlines()) == 1


@pytest.mark.parametrize(("bound", "what"), [("clip", "the cell state"), ("projection_clip", "the projection")])
def test_bounds_are_compared_and_not_lost(bound: str, what: str, first: Path) -> None:
    (network,) = read_weights(first).networks.values()
    small: Any = {bound: 0.5}
    large: Any = {bound: 2.0}
    narrow, wide = replace(network, **small), replace(network, **large)
    assert getattr(narrow.variant, bound) == 0.5 and compare_networks(narrow, narrow).is_same
    for other, named in ((network, "none"), (wide, f"{what} within 2")):
        found = compare_networks(narrow, other)
        assert not found.is_same and found.sentence == f"they have other bounds: {what} within 0.5, and {named}"
    for name in ("b.npz", "b.onnx"):
        with pytest.raises(ModelError, match=f"{name} has no place for {what} within 0.5, expected an LSTM without"):
            write_network(narrow, first.with_name(name), None)
    assert not first.with_name("b.npz").exists()


def test_another_runtime_may_be_asked_with_the_weights_of_the_second(first: Path) -> None:
    status, text = said("diff", str(first), str(first), "--runtime", "numpy")
    assert status == PASSED and "; numpy " in text
    status, text = said("diff", str(first), str(first), "--runtime", "fault:drops_the_recurrent_bias")
    assert status == FAILED and "the same to the last bit" in text and "refuted" in text
    assert said("diff", str(first), str(first), "--runtime", "nobody")[0] == UNUSABLE
