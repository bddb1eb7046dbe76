"""That whole state dicts are read as they are, and that what is no LSTM is refused in a sentence that helps."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstm_spec import LAYOUTS, Activations, Array, Layout, LossyConversion, network_from, networks_from, tensors_from
from lstm_spec.layouts.network import Network, buffer_from
from lstm_spec.network import forward

FORMS = [(1, 1), (1, 2), (2, 1), (3, 2)]  # layers and directions
I, H, T, B = 3, 5, 4, 2
SIDES: dict[int, tuple[Any, ...]] = {1: ("forward",), 2: ("forward", "reverse")}


def draw(*shape: int) -> Array:
    """Multiples of 1/64: two of them, and one and one of them, are added exactly. Other numbers in each call."""
    draw.seed += 1  # type: ignore[attr-defined]
    rng = np.random.default_rng(draw.seed)  # type: ignore[attr-defined]
    return (rng.integers(-64, 65, shape) / 64).astype(np.float32)


draw.seed = 0  # type: ignore[attr-defined]


def make_lstm(layers: int = 1, D: int = 1, **more: Any) -> Any:
    """torch's own, with numbers whose biases can be added exactly."""
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(I, H, layers, bidirectional=D == 2, **more)
    for p in lstm.parameters():
        p.data = torch.from_numpy(draw(*p.shape))
    return lstm


def answers_like(network: Network, lstm: Any) -> bool:
    """Whether both return the same, nearly."""
    x = draw(T, B, I)
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # with a projection it is slow
        expected = lstm(torch.from_numpy(x))[0].numpy()
    return bool(np.abs(forward(network.ask(x)).y - expected).max() < 1e-5)


def bits(network: Network) -> list[bytes]:
    gates = [gate for row in network.parameters for p in row for gate in p.gates.values()]
    return [a.tobytes() for gate in gates for a in gate if a is not None]


# ---------------------------------------------------------------- as they are


class Tagger(torch.nn.Module):  # type: ignore[misc]
    """An LSTM among other things."""

    def __init__(self, lstm: Any) -> None:
        super().__init__()
        self.embedding, self.lstm, self.norm = torch.nn.Embedding(9, I), lstm, torch.nn.BatchNorm1d(4)
        self.kernel = torch.nn.Linear(10, 4)


@pytest.mark.parametrize(("layers", "D"), FORMS)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"proj_size": 2}], ids=str)
def test_a_state_dict_of_torch_is_read_as_it_is(layers: int, D: int, options: dict[str, Any]) -> None:
    lstm = make_lstm(layers, D, **options)
    network = network_from(Tagger(lstm).state_dict())
    assert (network.layout, network.is_guessed, network.prefix) == ("pytorch", True, "lstm.")
    assert network.directions == SIDES[D] and len(network.parameters) == layers
    assert answers_like(network, lstm)


def test_a_network_says_what_it_is() -> None:
    guessed = network_from(make_lstm(2, 2, proj_size=2).state_dict())
    expected = "<Network 2 layers, forward and reverse, I = 3, H = 5, P = 2, float32; layout 'pytorch'"
    assert repr(guessed) == f"{expected}, which names and shapes say>"
    assert repr(replace(guessed, is_guessed=False)) == f"{expected}>"


KERAS = {"kernel": (I, 4 * H), "recurrent_kernel": (H, 4 * H), "bias": (4 * H,)}
OTHERS = {"dense/kernel:0": (7, 4), "dense/bias:0": (4,), "conv/kernel:0": (3, 3, 20)}
WHOLE: dict[str, tuple[dict[str, tuple[int, ...]], str, int, int]] = {  # names and shapes; layout, layers, directions
    "h5": ({f"lstm/lstm/lstm_cell/{n}:0": s for n, s in KERAS.items()} | OTHERS, "keras", 1, 1),
    "h5, both": (
        {
            f"bidirectional_1/bidirectional_1/{side}_lstm_3/lstm_cell_{4 + k}/{n}:0": s
            for k, side in enumerate(("forward", "backward"))
            for n, s in KERAS.items()
        }
        | OTHERS,
        "keras",
        1,
        2,
    ),
    "weights.h5 of Keras 3": (
        {
            f"layers/bidirectional/{side}_layer/cell/vars/{k}": s
            for side in ("forward", "backward")
            for k, s in enumerate(KERAS.values())
        },
        "keras",
        1,
        2,
    ),
    "h5, without bias": ({f"lstm/{n}:0": s for n, s in [*KERAS.items()][:2]}, "keras", 1, 1),
    "CuDNNLSTM": ({f"rnn/{n}:0": s for n, s in (KERAS | {"bias": (8 * H,)}).items()} | OTHERS, "cudnnlstm-v1", 1, 1),
    "TensorFlow 1, stacked": (
        {
            f"rnn/multi_rnn_cell/cell_{k}/basic_lstm_cell/{n}": s
            for k in (0, 1)
            for n, s in {"kernel": ((H if k else I) + H, 4 * H), "bias": (4 * H,)}.items()
        }
        | {"logits/kernel": (3 * H, 4 * H), "logits/bias": (4 * H,)},
        "tf1-basic",
        2,
        1,
    ),
    "TensorFlow 1, both": (
        {
            f"bidirectional_rnn/{side}/lstm_cell/{n}": s
            for side in ("fw", "bw")
            for n, s in {"kernel": (I + H, 4 * H), "bias": (4 * H,)}.items()
        },
        "tf1-basic",
        1,
        2,
    ),
    "ONNX, both": ({"W": (2, 4 * H, I), "R": (2, 4 * H, H), "B": (2, 8 * H)}, "onnx", 1, 2),
    "ONNX, peepholes": ({"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 8 * H), "P": (1, 3 * H)}, "onnx", 1, 1),
    "OpenVINO": ({"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 4 * H)}, "openvino", 1, 1),
    "oneDNN": (
        {"weights_layer": (3, 2, 2 * H, 4, H), "weights_iter": (3, 2, H, 4, H), "bias": (3, 2, 4, H)},
        "onednn",
        3,
        2,
    ),
    "gluon": (
        {
            f"lstm0_{side}{k}_{n}": s
            for side, k in product("lr", (0, 1))
            for n, s in {
                "i2h_weight": (4 * H, 2 * H if k else I),
                "h2h_weight": (4 * H, H),
                "i2h_bias": (4 * H,),
                "h2h_bias": (4 * H,),
            }.items()
        },
        "mxnet",
        2,
        2,
    ),
    "Core ML, both": (
        {
            f"{n}{side}": s
            for side in ("", "_back")
            for n, s in {"weight_ih": (4 * H, I), "weight_hh": (4 * H, H), "bias": (4 * H,)}.items()
        },
        "coreml",
        1,
        2,
    ),
    "DyNet": ({"Wx": (4 * H, I), "Wh": (4 * H, H), "b": (4 * H,)}, "dynet", 1, 1),
    "MLX": ({"layers.1.Wx": (4 * H, I), "layers.1.Wh": (4 * H, H), "layers.1.bias": (4 * H,)}, "mlx", 1, 1),
}
TOLD = {"Core ML, both"}  # names and shapes leave another choice


@pytest.mark.parametrize("name", WHOLE)
def test_names_of_every_kind_are_read(name: str) -> None:
    shapes, layout, layers, D = WHOLE[name]
    network = network_from({n: draw(*s) for n, s in shapes.items()}, layout if name in TOLD else None)
    assert (network.layout, len(network.parameters), network.directions) == (layout, layers, SIDES[D])


def test_nested_names_are_those_of_flax() -> None:
    cell = {f"{a}{k}": {"kernel": draw(I if a == "i" else H, H)} for a, k in product("ih", "ifgo")}
    for name in cell:
        cell[name] |= {"bias": draw(H)} if name[0] == "h" else {}
    network = network_from({"params": {"LSTMCell_0": cell, "Dense_0": {"kernel": draw(4, 20), "bias": draw(20)}}})
    assert (network.layout, network.prefix) == ("flax", "params/LSTMCell_0/")
    np.testing.assert_array_equal(network.parameters[0][0].f.W, cell["if"]["kernel"].T)


def test_lists_are_those_of_get_weights() -> None:
    sets = [[draw(*s) for s in KERAS.values()] for _ in range(2)]
    both = network_from(sets[0] + sets[1])
    assert (both.layout, both.is_guessed, both.directions) == ("keras", True, SIDES[2])
    np.testing.assert_array_equal(both.parameters[0][1].i.W, sets[1][0][:, :H].T)
    second = [draw(H, 4 * H), draw(H, 4 * H), draw(4 * H)]
    assert len(network_from(sets[0] + second).parameters) == 2
    assert network_from([*sets[0][:2]]).parameters[0][0].o.b.tolist() == [0.0] * H
    assert network_from([*sets[0][:2], draw(8 * H)]).layout == "cudnnlstm-v1"
    assert network_from(second * 2, directions=("forward",)).directions == SIDES[1]
    assert answers_like(network_from([*(lstm := make_lstm(2, 2)).parameters()]), lstm)


@pytest.mark.parametrize(("layers", "D"), FORMS)
@pytest.mark.parametrize("P", [None, 2])
def test_flat_buffers_are_those_of_cudnn(layers: int, D: int, P: int | None) -> None:
    lstm = make_lstm(layers, D, proj_size=P or 0)
    named = dict(lstm.named_parameters())
    flat = torch.cat([p.detach().flatten() for name, p in sorted(named.items(), key=lambda one: "bias" in one[0])])
    sizes = {"I": I, "H": H, "layers": layers, "directions": D} | ({"P": P} if P else {})
    network = network_from(flat, sizes=sizes)
    assert network.layout == "cudnn" and answers_like(network, lstm)
    assert bits(network_from(buffer_from(network, "miopen"), "miopen", sizes=sizes)) == bits(network)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_tensors_of_other_dtypes_are_read(dtype: Any) -> None:
    lstm = make_lstm().to(dtype)
    network = network_from({**lstm.state_dict(), "steps": torch.tensor(3)})
    wide = {torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "float32"}
    assert network.parameters[0][0].i.W.dtype == wide[dtype]
    np.testing.assert_array_equal(network.parameters[0][0].i.W, lstm.weight_ih_l0[:H].detach().float())


def test_several_networks_are_told_apart() -> None:
    first, second = make_lstm(), torch.nn.LSTM(H, H, bias=False)
    tensors = {f"{name}.{key}": a for name, one in (("a", first), ("b", second)) for key, a in one.state_dict().items()}
    assert [*networks_from(tensors)] == ["a.", "b."]
    assert answers_like(network_from(tensors, prefix="a."), first)
    stack = network_from(tensors, prefix=["a.", "b."])
    assert answers_like(stack, lambda x: second(first(x)[0]))


def test_a_tensor_does_not_tell_its_direction() -> None:
    assert network_from(make_lstm().state_dict(), directions=("reverse",)).directions == ("reverse",)


# ---------------------------------------------------------------- and back

EVERY = [name for name in LAYOUTS if "f" in LAYOUTS[name].order and name != "dl4j-graves"]


@pytest.mark.parametrize("layout", EVERY)
@pytest.mark.parametrize(("layers", "D"), [FORMS[0], FORMS[-1]])
def test_a_network_comes_back_from_every_layout(layout: str, layers: int, D: int) -> None:
    network = network_from(make_lstm(layers, D).state_dict())
    tensors = tensors_from(network, layout, prefix="net.")
    there = network_from({**tensors, "net.fc.weight": draw(2, 2)}, layout)
    assert bits(there) == bits(network) and there.directions == network.directions
    assert bits(network_from(tensors_from(there), layout)) == bits(network)


def test_the_layout_it_came_in_is_the_one_it_goes_out_in() -> None:
    lstm = make_lstm(2, 2, bias=False)
    assert {*lstm.state_dict()} < {*tensors_from(network_from(lstm.state_dict()))}


# ---------------------------------------------------------------- what is lost


def test_a_call_gives_one_warning_at_the_callers_line() -> None:
    tensors = {name: p.detach() for name, p in torch.nn.LSTM(I, H, 2, bidirectional=True).named_parameters()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = network_from(tensors)
        tensors_from(network, "haiku")
    assert [one.category for one in caught] == [LossyConversion] * 2
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert [lines[one.lineno - 1].strip() for one in caught if one.filename == __file__] == [
        "network = network_from(tensors)",
        'tensors_from(network, "haiku")',
    ]
    assert str(caught[0].message).startswith("the sum of the two biases of gates i, f, g, o is rounded to float32 in ")


def test_two_biases_keep_their_sizes() -> None:
    lstm = make_lstm(2)
    sizes = network_from(lstm.state_dict()).bias_sizes
    wanted = (lstm.bias_ih_l1.abs() + lstm.bias_hh_l1.abs()).detach().numpy()
    np.testing.assert_array_equal(np.concatenate([sizes[1][0][gate] for gate in "ifgo"]), wanted)
    basic = {"lstm/kernel": draw(I + H, 4 * H), "lstm/bias": draw(4 * H)}
    np.testing.assert_array_equal(
        network_from(basic).bias_sizes[0][0]["f"], np.abs(basic["lstm/bias"][2 * H : 3 * H]) + 1
    )


# ---------------------------------------------------------------- what is refused

STATE = {name: a.numpy() for name, a in make_lstm(2).state_dict().items()}


def without(*names: str) -> dict[str, Array]:
    return {name: a for name, a in STATE.items() if name not in names}


def as_keras(blocks: int) -> dict[str, Array]:
    return {f"gru/{n}:0": draw(*s[:-1], s[-1] // 4 * blocks) for n, s in KERAS.items()}


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a GRU": (
        lambda: network_from(torch.nn.GRU(I, H).state_dict()),
        r"weight_hh_l0 has shape \(15, 5\), 3 blocks of 5 rows, expected the 4 of an LSTM: .* those of a GRU",
    ),
    "a GRU of Keras": (lambda: network_from(as_keras(3)), "gru/recurrent_kernel:0 has shape .* those of a GRU; give"),
    "a GRU of ONNX": (
        lambda: network_from({"W": draw(1, 3 * H, I), "R": draw(1, 3 * H, H)}, "onnx"),
        r"R has shape \(1, 15, 5\), 3 blocks of 5 rows, .* those of a GRU",
    ),
    "a plain RNN": (
        lambda: network_from(torch.nn.RNN(I, H).state_dict()),
        "1 block of 5 rows, .* a plain recurrent layer",
    ),
    "another layout": (
        lambda: network_from(STATE, "keras"),
        "the tensors are not those of layout 'keras', expected its names and shapes; they fit layout 'pytorch'"
        "|there are no tensors of layout 'keras', expected kernel, recurrent_kernel, bias; they fit layout 'pytorch'",
    ),
    "a transposed layout": (
        lambda: network_from({"lstm/" + n: draw(*s[::-1]) for n, s in KERAS.items()}),
        r"lstm/kernel has shape \(20, 3\), expected \(3, 20\) in 'keras'",
    ),
    "no weights": (
        lambda: network_from(without("weight_hh_l1")),
        "weight_hh_l1 is missing beside weight_ih_l1, expected",
    ),
    "no bias": (lambda: network_from(without("bias_hh_l0")), "bias_hh_l0 is missing beside weight_ih_l0, .*; add it"),
    "no bias, known": (lambda: network_from(without("bias_ih_l0"), "pytorch"), "bias_ih_l0 is missing beside"),
    "no layer": (
        lambda: network_from({n: a for n, a in STATE.items() if "_l1" in n}),
        "the network has forward in layer 1, expected forward in layer 0; are tensors missing",
    ),
    "more than an LSTM": (
        lambda: network_from({**torch.nn.LSTMCell(I, H).state_dict(), "weight_ch": draw(3 * H)}),
        "weight_ch has no place in layout 'pytorch', which the other tensors fit, expected the weights of a plain LSTM",
    ),
    "several layouts": (
        lambda: network_from({n: draw(*s) for n, s in KERAS.items()}),
        "fit the layouts keras, haste, which order or change the gates otherwise, expected one; say which: layout='ker",
    ),
    "several networks": (
        lambda: network_from({f"{k}.{n}": a for k in "ab" for n, a in STATE.items()}),
        "there are 2 networks among the tensors, expected one; choose with prefix='a.' or 'b.'",
    ),
    "no such prefix": (lambda: network_from(STATE, prefix="x."), "no name begins with 'x.'; expected the beginning of"),
    "no tensors": (lambda: network_from({}), "no name begins with ''; there are no tensors"),
    "something else": (lambda: network_from({"fc.weight": draw(3, 4)}), "there is no LSTM among the tensors fc.weight"),
    "a module": (
        lambda: network_from(make_lstm()),
        "tensors is of type LSTM, expected tensors by name, as model.state",
    ),
    "a list of scalars": (lambda: network_from([1, 2]), "the list has 2 tensors of shapes"),
    "an empty list": (lambda: network_from([]), r"the list has 0 tensors of shapes \(none\)"),
    "layers or directions": (
        lambda: network_from([draw(H, 4 * H), draw(H, 4 * H), draw(4 * H)] * 2),
        r"2 sets of weights of the same shapes, which are layers or directions; say which: directions=\('forward',\)",
    ),
    "a list of two kinds": (
        lambda: network_from([draw(4 * H, I), draw(4 * H, H), draw(4 * H)]),
        "fit the layouts equinox, dynet",
    ),
    "no sizes": (lambda: network_from(draw(200)), "sizes is {}, expected I and H"),
    "other sizes": (
        lambda: network_from(draw(199), sizes={"I": I, "H": H}),
        r"the buffer has 199 numbers, expected 200 for {'I': 3, 'H': 5} with two biases; are the sizes right",
    ),
    "quantised": (
        lambda: network_from({**make_lstm().state_dict(), "weight_hh_l0": torch.zeros(20, 5, dtype=torch.int8)}),
        "weight_hh_l0 is int8, expected floating-point numbers; dequantise it",
    ),
    "two dtypes": (
        lambda: network_from({**STATE, "weight_hh_l0": STATE["weight_hh_l0"].astype(np.float64)}),
        "weight_hh_l0 is float64, expected float32 like weight_ih",
    ),
    "no stack": (lambda: network_from(two_of(I), prefix=["a.", "b."]), "layer 1 reads 3 numbers, expected the 5 that"),
    "other directions": (
        lambda: network_from(STATE, directions=("forward", "reverse")),
        "directions are forward, expected forward and reverse in every layer",
    ),
    "no layout": (lambda: network_from(STATE, "torch"), "layout is 'torch', expected a key of LAYOUTS"),
}


def two_of(n: int) -> dict[str, Any]:
    return {f"{k}.{name}": a for k in "ab" for name, a in torch.nn.LSTM(n, H).state_dict().items()}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_lstm_is_refused_in_a_sentence(case: str) -> None:
    run, sentence = REFUSED[case]
    with warnings.catch_warnings(action="ignore"), pytest.raises((ValueError, TypeError), match=sentence) as refused:
        run()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_damaged_tensors_are_refused_or_read_but_never_raise_anything_else() -> None:
    rng, shapes = np.random.default_rng(0), [shapes for shapes, *_ in WHOLE.values()]
    for trial in range(10 * len(shapes)):
        tensors: dict[str, Any] = {n: draw(*s) for n, s in shapes[trial % len(shapes)].items()}
        name = str(rng.choice([*tensors]))
        damage: list[Callable[[Any], Any]] = [
            lambda a: None,
            lambda a: a.astype(np.int8),
            lambda a: a[:0],
            lambda a: a.T,
            lambda a: a[..., :-1],
            lambda a: a[None],
            lambda a: a.tolist(),
            lambda a: "text",
            lambda a: np.float32(1),
        ]
        tensors[name] = damage[rng.integers(len(damage))](tensors[name])
        if rng.random() < 0.3:
            del tensors[str(rng.choice([*tensors]))]
        try:
            layout = (None, "pytorch", "keras", "onnx")[rng.integers(4)]
            assert isinstance(network_from(tensors, layout), Network)
        except (ValueError, TypeError) as refused:
            assert "\n" not in str(refused) and len(str(refused)) < 500


def test_a_layout_of_ones_own_is_taken() -> None:
    mine = Layout("mine", "ogfi", W="A (4H, I)", U="B (4H, P)", b="c (4H)")
    tensors = {"A": draw(4 * H, I), "B": draw(4 * H, H), "c": draw(4 * H)}
    network = network_from(tensors, mine)
    np.testing.assert_array_equal(network.parameters[0][0].o.b, tensors["c"][:H])
    assert {name: a.tobytes() for name, a in tensors_from(network, mine).items()} == {
        name: a.tobytes() for name, a in tensors.items()
    }


def test_a_kind_that_has_no_activations_of_its_own_is_refused_beside_some() -> None:
    network = network_from(make_lstm().state_dict())
    gate = network.parameters[0][0].g._replace(p=draw(H))
    p = network.parameters[0][0]._replace(i=gate, f=gate, o=gate)
    with_peepholes = replace(network, parameters=((p,),), activations=Activations(alpha=0.2))
    assert with_peepholes.ask(draw(T, B, I)).variant.kind == "configured peephole"
    coupled = replace(with_peepholes, parameters=((network.parameters[0][0]._replace(f=None),),))
    with pytest.raises(ValueError, match="the weights are coupled, expected gates of their own beside Activations"):
        coupled.ask(draw(T, B, I))


def test_mappings_without_end_are_refused() -> None:
    round_: dict[str, Any] = {"weight_ih": np.zeros((4, 1))}
    round_["again"] = round_
    doubled: dict[str, Any] = {}
    for _ in range(25):
        doubled = {"a": doubled, "b": doubled}
    for tensors in (round_, doubled):
        with pytest.raises(ValueError, match="mappings in mappings without end, expected tensors by name; give a st"):
            network_from(tensors)
