"""Files of Keras are judged by their weights; activations that are not the usual ones are refused by name."""

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch

from conformance.models.weights import read_weights
from conformance.report.status import FAILED, PASSED, UNUSABLE
from lstm_spec import Activations, network_from
from lstm_spec.adapters.keras import plan
from lstm_spec.network import forward
from tests.helpers.models import assert_models_are_refused_or_read
from tests.helpers.specimens import said

LSTM = keras.layers.LSTM
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras itself


def make_model(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((7,)), keras.layers.Embedding(9, 3), *layers, keras.layers.Dense(2)])


def make_usual() -> Any:
    return make_model(keras.layers.Bidirectional(LSTM(5, return_sequences=True)), LSTM(4, use_bias=False))


SAVED = {"model.keras": "save", "model.h5": "save", "model.weights.h5": "save_weights"}


@pytest.mark.parametrize("name", SAVED)
def test_a_file_of_any_kind_is_judged(name: str, tmp_path: Path) -> None:
    getattr(make_usual(), SAVED[name])(tmp_path / name)
    status, text = said("judge", str(tmp_path / name))
    assert status == PASSED and "2 of 2 hold" in text and "keras 3" in text
    assert ": 1 layer, forward and reverse, I = 3, H = 5, float32; layout 'keras'" in text
    note = "not judged: the activations of layers/bidirectional, layers/lstm, which the file does not tell"
    assert (note in text) == (name == "model.weights.h5") and text.count("not judged") == (name == "model.weights.h5")


def test_each_cell_of_a_stack_of_cells_is_judged(tmp_path: Path) -> None:
    cells = [keras.layers.LSTMCell(4), keras.layers.LSTMCell(6)]
    keras.Sequential([keras.Input((4, 3)), keras.layers.RNN(cells)]).save(tmp_path / "model.keras")
    networks = read_weights(tmp_path / "model.keras").networks
    assert [one.parameters[0][0].g.W.shape for one in networks.values()] == [(4, 3), (6, 4)]
    assert said("judge", str(tmp_path / "model.keras"), "--runtime", "numpy")[0] == PASSED


def test_what_get_weights_returns_is_the_layer() -> None:
    x = np.random.default_rng(0).standard_normal((4, 2, 3)).astype("f")
    for layer in (LSTM(5, return_sequences=True), keras.layers.Bidirectional(LSTM(5, return_sequences=True))):
        y = keras.ops.convert_to_numpy(layer(np.swapaxes(x, 0, 1)))
        weights = {one.path: one.value for one in layer.weights}
        for network in (network_from(layer.get_weights()), network_from(weights), network_from(layer.weights, "keras")):
            np.testing.assert_allclose(forward(network.ask(x)).y, np.swapaxes(y, 0, 1), atol=1e-5)


CONFIGURED = {
    "hard sigmoid": {"recurrent_activation": "hard_sigmoid"},
    "relu": {"activation": "relu"},
    "both": {"activation": "linear", "recurrent_activation": "hard_sigmoid"},
}


@pytest.mark.parametrize("case", CONFIGURED)
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_activations_of_a_file_are_those_of_its_layer(case: str, name: str, tmp_path: Path) -> None:
    layer = LSTM(5, return_sequences=True, **CONFIGURED[case])
    keras.Sequential([keras.Input((4, 3)), layer]).save(tmp_path / name)
    ((_, network),) = read_weights(tmp_path / name).networks.items()
    x = 3 * np.random.default_rng(0).standard_normal((4, 2, 3)).astype("f")
    y = keras.ops.convert_to_numpy(layer(np.swapaxes(x, 0, 1)))
    np.testing.assert_allclose(forward(network.ask(x)).y, np.swapaxes(y, 0, 1), atol=1e-5)
    for runtime in ("numpy", "keras"):
        status, text = said("judge", str(tmp_path / name), "--runtime", runtime)
        assert status == PASSED and runtime in text, text


@pytest.mark.parametrize("both", [False, True])
def test_a_file_of_keras_2_is_asked_with_the_slope_that_it_means(both: bool, tmp_path: Path) -> None:
    layer = LSTM(5, return_sequences=True, recurrent_activation="hard_sigmoid")
    keras.Sequential([keras.Input((4, 3)), keras.layers.Bidirectional(layer) if both else layer]).save(
        tmp_path / "model.h5"
    )
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file.attrs["keras_version"] = "2.4.0"
    ((_, network),) = read_weights(tmp_path / "model.h5").networks.items()
    assert network.activations == Activations()
    assert said("judge", str(tmp_path / "model.h5"), "--runtime", "keras")[0] == PASSED


def test_hard_sigmoids_are_carried_over_and_compared_by_keras(tmp_path: Path) -> None:
    for name, version in (("a.h5", "2.4.0"), ("b.h5", "2.4.0"), ("c.h5", "3.0.0")):
        keras.utils.set_random_seed(0)
        layer = LSTM(5, return_sequences=True, recurrent_activation="hard_sigmoid", bias_initializer="normal")
        keras.Sequential([keras.Input((4, 3)), layer]).save(tmp_path / name)
        with h5py.File(tmp_path / name, "a") as file:
            file.attrs["keras_version"] = version
    a, b, c = (str(tmp_path / f"{name}.h5") for name in "abc")
    status, text = said("diff", a, b, "--runtime", "keras")
    assert status == PASSED and "the weights are the same to the last bit" in text and "; keras 3" in text, text
    status, text = said("diff", a, c, "--runtime", "keras")
    assert status == FAILED and "they have other activations: hard sigmoid 0.2 z + 0.5, tanh and tanh, and hard" in text
    for target in ("d.h5", "d.npz", "d.pt"):
        status, text = said("port", a, str(tmp_path / target))
        assert status == UNUSABLE and "the activations of this LSTM (hard sigmoid 0.2 z + 0.5, tanh and tanh)" in text
        assert len(text.splitlines()) == 1 and not (tmp_path / target).exists()


def test_a_hard_sigmoid_of_keras_is_carried_over_to_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    layer = LSTM(5, return_sequences=True, recurrent_activation="hard_sigmoid")
    keras.Sequential([keras.Input((4, 3)), layer]).save(tmp_path / "a.keras")
    status, text = said("port", str(tmp_path / "a.keras"), str(tmp_path / "a.onnx"))
    assert status == PASSED and "the weights are the same" in text and "; keras 3" in text and "onnxruntime" in text
    status, text = said("diff", str(tmp_path / "a.onnx"), str(tmp_path / "a.keras"), "--runtime", "keras")
    assert status == PASSED and "the weights are the same" in text, text


def test_a_hard_sigmoid_of_keras_with_the_slope_of_another_version_is_refuted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = LSTM(6, return_sequences=True, recurrent_activation="hard_sigmoid")  # of no other test: it is compiled once
    keras.Sequential([keras.Input((4, 3)), layer]).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file.attrs["keras_version"] = "2.4.0"
    monkeypatch.setattr(plan, "is_own_line", lambda a: True)
    assert said("judge", str(tmp_path / "model.h5"), "--runtime", "keras")[0] == FAILED


def test_two_functions_where_keras_has_one_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="passes relu and the cell state tanh, expected the same function for both"):
        plan.name_functions(Activations("sigmoid", "relu"))


REFUSED: dict[str, tuple[Any, str]] = {
    "gelu": (
        lambda: make_model(keras.layers.Bidirectional(LSTM(4, activation="gelu", name="mine"))),
        "has activation 'gelu', expected tanh, relu or linear; it is not judged",
    ),
    "softplus": (
        lambda: make_model(LSTM(4, recurrent_activation="softplus", name="mine")),
        "mine has recurrent_activation 'softplus', expected sigmoid or hard_sigmoid; it is not judged",
    ),
    "different activations in one layer": (
        lambda: make_model(
            keras.layers.Bidirectional(
                LSTM(4), backward_layer=LSTM(4, activation="relu", go_backwards=True), name="mine"
            )
        ),
        "mine has LSTMs with different activations, expected the same in all; it is not judged",
    ),
    "convolution": (
        lambda: keras.Sequential([keras.Input((3, 8, 8, 2)), keras.layers.ConvLSTM2D(4, 3, name="mine")]),
        "mine is a layer of the class ConvLSTM2D, expected LSTM; it is not judged",
    ),
    "a GRU": (lambda: make_model(keras.layers.GRU(4)), "those of a GRU"),
    "nothing": (lambda: make_model(keras.layers.Flatten()), "there is no LSTM among the tensors"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_what_is_not_judged_is_refused_by_name(case: str, name: str, tmp_path: Path) -> None:
    make, sentence = REFUSED[case]
    make().save(tmp_path / name)
    status, text = said("judge", str(tmp_path / name))
    assert status == UNUSABLE and all(part in text for part in sentence.split("…")) and len(text.splitlines()) == 1


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_each_layer_has_its_own_activations(name: str, tmp_path: Path) -> None:
    """Also one that is in another, or has the name that the file gives to the weights of another."""
    hard = {"recurrent_activation": "hard_sigmoid", "return_sequences": True}
    inner = keras.Sequential([keras.Input((7, 3)), LSTM(3, **hard)], name="inner")
    first, both = LSTM(4, return_sequences=True, name="lstm_1"), keras.layers.Bidirectional(LSTM(5, **hard))
    make_model(inner, first, both, LSTM(6, name="lstm")).save(tmp_path / name)
    found = read_weights(tmp_path / name)
    gates = {one.parameters[0][0].g.b.size: one.activations for one in found.networks.values()}
    assert {size: a and a.gate for size, a in gates.items()} == {3: "hard sigmoid", 4: None, 5: "hard sigmoid", 6: None}
    assert not found.notes
    status, text = said("judge", str(tmp_path / name), "--runtime", "numpy")
    assert status == PASSED and "4 of 4 hold" in text


class Own(keras.Model):
    """A model that describes nothing of what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.one = LSTM(5, return_sequences=True)
        self.two = LSTM(4, recurrent_activation="hard_sigmoid")

    def call(self, x: Any) -> Any:
        return self.two(self.one(x))


def test_activations_that_no_description_tells_are_not_taken_in_silence(tmp_path: Path) -> None:
    model = Own()
    model(np.zeros((1, 6, 3), "f"))
    model.save(tmp_path / "model.keras")
    (note,) = read_weights(tmp_path / "model.keras").notes
    assert note.startswith("not judged: the activations of layers/lstm, layers/lstm_1, which the file does not tell")


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_numbers_of_16_bits_are_judged_as_such(dtype: str, name: str, tmp_path: Path) -> None:
    model = make_model(LSTM(4, dtype=dtype, recurrent_initializer="glorot_uniform"))
    getattr(model, SAVED[name])(tmp_path / name)
    (network,) = read_weights(tmp_path / name).networks.values()
    kept = model.layers[1].cell.recurrent_kernel
    assert network.parameters[0][0].g.U.dtype == dtype
    U = np.concatenate([gate.U.T for gate in network.parameters[0][0].gates.values()], axis=1)
    np.testing.assert_array_equal(U, keras.ops.convert_to_numpy(kept).astype(dtype))


def test_links_out_of_a_file_are_not_followed(tmp_path: Path) -> None:
    make_usual().save_weights(tmp_path / "secret.weights.h5")
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "secret.weights.h5"), "/layers")
    status, text = said("judge", str(tmp_path / "mine.h5"))
    assert status == UNUSABLE and len(text.splitlines()) == 1


@pytest.mark.parametrize("kind", ["hdf5", "keras"])
def test_damaged_files_are_refused_or_read(kind: str, tmp_path: Path) -> None:
    assert_models_are_refused_or_read(kind, tmp_path)


def test_weights_of_torch_are_carried_over_and_back(tmp_path: Path) -> None:
    """Keras has no stacks, so that they are asked layer by layer."""
    torch.manual_seed(0)
    torch.save(torch.nn.LSTM(3, 5, 2, bidirectional=True).state_dict(), tmp_path / "a.pt")
    status, text = said("port", str(tmp_path / "a.pt"), str(tmp_path / "b.h5"))
    assert status == PASSED and "b.h5: the weights are the same to the last bit" in text and "2 of 2 hold" in text
    assert "torch 2" in text and "keras 3" in text and text.count("y of layer 0") == 2
    assert said("port", str(tmp_path / "b.h5"), str(tmp_path / "c.pt"))[0] == PASSED
    status, text = said("diff", str(tmp_path / "b.h5"), str(tmp_path / "c.pt"))
    assert status == PASSED and "the weights are the same to the last bit" in text
