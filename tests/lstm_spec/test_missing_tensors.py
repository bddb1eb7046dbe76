"""What is missing in the tensors of a network, or of another size, is said in a sentence that helps."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lstm_spec import network_from, networks_from

torch = pytest.importorskip("torch")
I, H = 3, 5


def list_shapes(inputs: int, units: int) -> dict[str, tuple[int, ...]]:
    """Those of Keras."""
    return {"kernel": (inputs, 4 * units), "recurrent_kernel": (units, 4 * units), "bias": (4 * units,)}


def draw(shapes: Mapping[str, tuple[int, ...]], before: str = "") -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {f"{before}{name}": rng.standard_normal(shape).astype("f") for name, shape in shapes.items()}


def leave_out(word: str, **more: Any) -> dict[str, Any]:
    """A stack of torch without the tensors that have the word in their names."""
    state = torch.nn.LSTM(I, H, 2).state_dict()
    return {f"a.{name}": a for name, a in state.items() if word not in name} | more


NORMED = {"a.parametrizations.weight_hh_l0.original0": np.ones((4 * H, 1), "f")}
KERAS, CELL = list_shapes(I, H), torch.nn.LSTMCell
MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "U": (
        leave_out("_hh_"),
        "a.weight_hh_l0 is missing beside a.weight_ih_l0, expected both in layout 'pytorch'; add it",
    ),
    "W": (leave_out("weight_ih"), "a.weight_ih_l0 is missing beside a.weight_hh_l0, expected both in layout 'pytorch'"),
    "U of one layer": (leave_out("weight_hh_l1"), "a.weight_hh_l1 is missing beside a.weight_ih_l1, expected"),
    "weights that are computed": (
        leave_out("weight_hh", **NORMED),
        "a.weight_hh_l0 is missing beside a.weight_ih_l0, expected both in layout 'pytorch';"
        " a.parametrizations.weight_hh_l0.original0 may be what it is made from: save what it computes",
    ),
    "W of Keras": (
        draw({name: KERAS[name] for name in ("recurrent_kernel", "bias")}, "lstm/"),
        "lstm/kernel is missing beside lstm/recurrent_kernel, expected both in layout 'keras'; add it",
    ),
    "a dense layer": (
        draw({name: KERAS[name] for name in ("kernel", "bias")}, "lstm/"),
        "there is no LSTM among the tensors lstm/kernel, lstm/bias",
    ),
    "directions of other sizes": (
        draw(KERAS, "lstm/forward/") | draw(list_shapes(I, 7), "lstm/backward/"),
        "lstm/ has 7 units in layer 0, reverse, expected the 5 of layer 0, forward; read each by itself, with prefix=",
    ),
    "a sparse tensor": (
        {name: a.to_sparse() for name, a in CELL(I, H).state_dict().items()},
        "bias_hh is torch.float32, torch.sparse_coo, on cpu, expected a dense tensor",
    ),
    "8 bits": (
        {name: a.to(torch.float8_e5m2) for name, a in CELL(I, H).state_dict().items()},
        "bias_hh is torch.float8_e5m2, torch.strided, on cpu, expected a dense tensor",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_is_named(case: str) -> None:
    tensors, sentence = MISSING[case]
    for read in (network_from, networks_from):
        with pytest.raises((ValueError, TypeError), match=re.escape(sentence)):
            read(tensors)


def test_layers_of_other_sizes_are_no_stack() -> None:
    cells = {"a.": CELL(I, H, bias=False), "b.": CELL(H, 4, bias=False)}
    tensors = {f"{place}{name}": a for place, cell in cells.items() for name, a in cell.state_dict().items()}
    with pytest.raises(ValueError, match="the network has 4 units in layer 1, forward, expected the 5 of layer 0"):
        network_from(tensors, "pytorch", prefix=[*cells])
    assert [len(one.parameters[0][0].g.b) for one in networks_from(tensors, "pytorch").values()] == [5, 4]


def test_the_order_of_a_flat_buffer_is_not_said_to_be_found() -> None:
    """cuDNN and MIOpen have the same sizes, and another order of the gates."""
    buffer = np.zeros(4 * H * (I + H + 2), "f")
    assert "which names and shapes say" not in repr(network_from(buffer, sizes={"I": I, "H": H}))
