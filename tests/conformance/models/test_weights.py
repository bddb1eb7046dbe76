"""Files with weights are judged in a runtime; what cannot be judged is refused in a sentence, and nothing is run."""

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from backends.numpy.backend import BACKEND as NUMPY
from conformance.cli.weights.judge import show_judgements
from conformance.models import runtimes
from conformance.models.asked import ModelError
from conformance.models.drawing import draw_x
from conformance.models.runtimes import ask_below, ask_weights, choose_runtime
from conformance.models.weights import read_weights
from conformance.problems.question import change_arrays
from conformance.report.status import FAILED, PASSED, UNUSABLE, WRONG_OPTION
from lstm_spec import Activations, Answer, Backend, Feature, Problem, State
from tests.helpers.specimens import said

I, H = 3, 5


class Tagger(torch.nn.Module):  # type: ignore[misc]
    """Two LSTMs, and the layers that they are usually between."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.norm = torch.nn.Embedding(9, I), torch.nn.BatchNorm1d(6)
        self.lstm, self.cell = torch.nn.LSTM(I, H, 2, bidirectional=True), torch.nn.LSTMCell(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.lstm(self.embedding(x))[0]
        return y


def write_plain(path: Path) -> None:
    torch.save(Tagger().state_dict(), path)


def write_checkpoint(path: Path) -> None:
    model = Tagger()
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.zeros(2, 3, dtype=torch.int64)).sum().backward()
    optimiser.step()
    torch.save({"epoch": 3, "model": model.state_dict(), "optimiser": optimiser.state_dict()}, path)


def write_objects(path: Path) -> None:
    """As training scripts write one: with their options, and figures of NumPy."""
    options, figure = argparse.Namespace(rate=0.1), np.float64(0.7)
    torch.save({"model": Tagger().state_dict(), "options": options, "figure": figure, "path": path}, path)


def write_npz(path: Path) -> None:
    np.savez(path, **{name: a.numpy() for name, a in Tagger().state_dict().items()})


def write_script(model: Any, path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # it is deprecated
        torch.jit.script(model).save(str(path))


WRITERS: dict[str, Callable[[Path], Any]] = {
    "plain.pt": write_plain,
    "checkpoint.pth": write_checkpoint,
    "objects.pth": write_objects,
    "whole.pt": lambda path: torch.save(Tagger(), path),
    "script.ts": lambda path: write_script(Tagger(), path),
    "tagger.safetensors": lambda path: save_file(Tagger().state_dict(), path),
    "half.safetensors": lambda path: save_file(Tagger().bfloat16().state_dict(), path),
    "half.pt": lambda path: torch.save(Tagger().bfloat16().state_dict(), path),
    "tagger.npz": write_npz,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_of_any_kind_is_judged(name: str, files: Path) -> None:
    status, text = said("judge", str(files / name))
    assert status == PASSED and "2 of 2 hold" in text
    assert (
        "lstm: 2 layers, forward and reverse, I = 3, H = 5, " in text and "cell: 1 layer, forward, I = 6, H = 4" in text
    )
    assert f"holds at grade {'wide (bfloat16)' if 'half' in name else 'relative (float32)'}" in text
    assert f"torch {torch.__version__}, T = 16, B = 2" in text and "y of layer 0 " in text and "not judged" not in text
    assert "the sum of the two biases of gates i, f, g, o is rounded" in text and "Warning" not in text


@pytest.mark.parametrize("runtime", ["numpy", "torch:torch.nn:LSTM"])
def test_another_runtime_is_asked(runtime: str, files: Path) -> None:
    status, text = said("judge", str(files / "plain.pt"), "--runtime", runtime)
    assert status == PASSED and "2 of 2 hold" in text and runtime.partition(":")[0] in text


@pytest.mark.parametrize("fault", ["swaps_input_and_forget_gates", "transposes_the_recurrent_weights"])
def test_a_runtime_with_a_mistake_is_refuted(fault: str, files: Path) -> None:
    status, text = said("judge", str(files / "plain.pt"), "--runtime", f"fault:{fault}", "--grade", "absolute")
    assert status == FAILED and "refuted at grade absolute (float32)" in text and ": expected " in text


def lose_a_weight(problem: Problem) -> Answer:
    """The answer of an LSTM in which one of the last weights of x is off by 0.001."""
    (p, *others), *above = problem.parameters
    W = p.o.W.copy()
    W[-1, -1] += np.asarray(1e-3, W.dtype)
    rows = ((p._replace(o=p.o._replace(W=W)), *others), *above)
    return NUMPY.forward(replace(problem, parameters=rows))


def test_a_weight_that_does_not_matter_is_seen_by_unit_vectors(tmp_path: Path) -> None:
    torch.manual_seed(0)
    table = torch.randn(9, I) * torch.tensor([1.0, 1.0, 0.0])  # by which the weights of the last input never matter
    lstm = {f"lstm.{name}": a for name, a in torch.nn.LSTM(I, H).state_dict().items()}
    torch.save({"embedding": table, **lstm}, tmp_path / "model.pt")
    stored, wrong = read_weights(tmp_path / "model.pt"), replace(NUMPY, forward=lose_a_weight)
    (asked,) = ask_weights(stored, {}, wrong)
    judgement = asked.judge("auto")
    assert [part.name for part in judgement.parts if part.ratio > 1] == ["unit vectors"]
    assert not judgement.holds and "unit vectors" in str(judgement) and "refuted at grade absolute" in str(judgement)
    (given,) = ask_weights(stored, {"x": asked.problem.x}, wrong)  # with inputs of the user nothing else is asked
    assert given.judge("auto").holds and not given.units
    (right,) = ask_weights(stored, {}, NUMPY)
    assert right.judge("auto").grade == "relative" and right.judge("auto").parts[-1].name == "unit vectors"


def test_each_layer_is_asked_with_unit_vectors(files: Path) -> None:
    cell, lstm = ask_weights(read_weights(files / "plain.pt"), {}, "torch")
    assert [one.problem.x.shape for one in cell.units] == [(1, 20, 6)]
    assert [one.problem.x.shape for one in lstm.units] == [(1, 2 * (I + H), I), (1, 2 * (2 * H + H), 2 * H)]


def write_large(path: Path) -> Path:
    """A stack whose layers amplify rounding so much that the last one says nothing of the first."""
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(40, 64, 3, bidirectional=True)
    state = {name: a * 8 for name, a in lstm.state_dict().items()}
    torch.save(state, path)
    return path


@pytest.mark.parametrize("runtime", ["torch", "numpy"])
def test_each_layer_of_a_large_stack_is_judged(runtime: str, tmp_path: Path) -> None:
    path = write_large(tmp_path / "large.pt")
    status, text = said("judge", str(path), "--runtime", runtime)
    assert status == PASSED and "not judged" not in text and all(f"y of layer {k}" in text for k in range(3)), text


def test_a_mistake_in_any_layer_of_a_large_stack_is_refuted(tmp_path: Path) -> None:
    path = write_large(tmp_path / "large.pt")
    for fault in ("swaps_input_and_forget_gates", "transposes_the_recurrent_weights"):
        status, text = said("judge", str(path), "--runtime", f"fault:{fault}")
        assert status == FAILED and "refuted at grade" in text


def test_a_stack_of_which_nothing_can_be_judged_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.models.runtimes.ask_below", lambda *given: ())
    path = write_large(tmp_path / "large.pt")
    wrong = replace(NUMPY, forward=lambda problem: replace(found := NUMPY.forward(problem), y=2 * found.y))
    asked = ask_weights(read_weights(path), {}, wrong)
    with pytest.raises(ModelError, match="nothing could be judged: layer 0 and those above it"):
        show_judgements(path, asked, "auto")
    status, text = said("judge", str(path))
    assert status == PASSED and "y of layer 0, made here" in text and "some right ones make y right" in text


def test_what_lower_layers_return_alone_counts_only_if_they_did_the_same(tmp_path: Path) -> None:
    problem = ask_weights(read_weights(write_large(tmp_path / "large.pt")), {}, "torch")[0].problem
    whole = NUMPY.forward(problem)

    def ask(part: Problem) -> Answer:
        answer = NUMPY.forward(part)
        c = answer.state.c.copy()
        c[-1, 0, 0] = np.nextafter(c[-1, 0, 0], np.float32(0))
        return replace(answer, state=answer.state._replace(c=c))

    assert len(ask_below(problem, whole, NUMPY.forward)) == 2 and ask_below(problem, whole, ask) == ()


def test_inputs_are_drawn_about_the_mean_of_the_file() -> None:
    mean, variance = np.array([5.0, -7.0, 0.0]), np.array([4.0, 0.0, 1.0])
    x = draw_x({"norm.running_mean": mean, "norm.running_var": variance}, I, np.dtype("float32"), T=400)
    assert np.allclose(x.mean((0, 1)), mean, atol=0.3) and np.allclose(x.var((0, 1)), variance, atol=0.6)


def test_inputs_are_those_of_a_file_or_rows_of_the_embedding(files: Path, tmp_path: Path) -> None:
    stored, x = read_weights(files / "plain.pt"), np.ones((7, 6), np.float32)
    rows, drawn = stored.tensors["embedding.weight"].tolist(), ask_weights(stored, {}, "torch")
    assert [one.name.partition(":")[0] for one in drawn] == ["cell", "lstm"]
    assert all(step.tolist() in rows for step in drawn[1].problem.x.reshape(-1, I))
    np.save(tmp_path / "x.npy", np.full((4, 2, I), 0.5))
    status, text = said("judge", str(files / "tagger.npz"), "--inputs", str(tmp_path / "x.npy"))
    assert status == UNUSABLE and "x has shape (4, 2, 3), expected (T, B, 6) or (T, 6)" in text
    cell = tmp_path / "cell.npz"
    np.savez(cell, **{name: a.numpy() for name, a in torch.nn.LSTMCell(6, 4).state_dict().items()})
    np.savez(tmp_path / "in.npz", x=x, h=np.ones((1, 1, 4)), c=-np.ones((1, 1, 4)))
    status, text = said("judge", str(cell), "--inputs", str(tmp_path / "in.npz"))
    assert status == PASSED and "T = 7, B = 1" in text


def test_a_layout_may_be_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"weight_ih": (4 * H, I), "weight_hh": (4 * H, H), "bias": (4 * H,)}
    np.savez(tmp_path / "cell.npz", **{name: rng.standard_normal(shape) for name, shape in shapes.items()})  # type: ignore[arg-type]
    status, text = said("judge", str(tmp_path / "cell.npz"))
    assert status == UNUSABLE and "fit the layouts equinox, coreml" in text
    assert said("judge", str(tmp_path / "cell.npz"), "--layout", "equinox", "--runtime", "numpy")[0] == PASSED


def test_arrays_without_names_are_read_if_they_leave_one_choice(tmp_path: Path) -> None:
    """As np.savez(path, *tensors) writes them."""
    stored = [a.numpy() for a in torch.nn.LSTM(I, H, 3, bidirectional=True).state_dict().values()]
    np.savez(tmp_path / "all.npz", *stored)  # 24 arrays: arr_10 comes after arr_9
    status, text = said("judge", str(tmp_path / "all.npz"), "--runtime", "numpy")
    assert status == PASSED and "3 layers, forward and reverse, " in text and "layout 'pytorch'" in text, text
    for wrong in (stored[:3], [np.ones(3)], []):
        np.savez(tmp_path / "some.npz", *wrong)
        status, text = said("judge", str(tmp_path / "some.npz"))
        assert status == UNUSABLE and len(text.splitlines()) == 1, text
        assert not wrong or "holds arrays without names, and " in text and "np.savez(file, **ten" in text


# ---------------------------------------------------------------- what is refused


class Trap:
    """It makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def write_quantised(path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        write_script(torch.ao.quantization.quantize_dynamic(Tagger(), {torch.nn.LSTM}), path)


def write_frozen(path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.freeze(torch.jit.script(Tagger()).eval()).save(str(path))


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "trap.pt": (
        lambda path: torch.save({"model": Trap(path.with_name("sprung"))}, path),
        "Python objects or quantised weights, which are not unpickled), expected a state dict or TorchScript; write it",
    ),
    "trap.npz": (
        lambda path: np.savez(path, weight_ih=np.array([Trap(path.with_name("sprung"))])),
        "Object arrays cannot be loaded when allow_pickle=False",
    ),
    "quantised.ts": (write_quantised, "lstm has quantised weights, which are not judged"),
    "gru.pt": (lambda path: torch.save(torch.nn.GRU(3, 4).state_dict(), path), "the weights are those of a GRU"),
    "linear.pt": (
        lambda path: torch.save(torch.nn.Linear(3, 4).state_dict(), path),
        "there is no LSTM among the tensors",
    ),
    "trapped.pt": (
        lambda path: torch.save({"model": {"weight": torch.ones(3)}, "options": Trap(path.with_name("sprung"))}, path),
        "there is no LSTM among the tensors",
    ),
    "frozen.ts": (
        write_frozen,
        "it holds no tensors, expected the weights of a model; a frozen TorchScript module has",
    ),
    "number.pt": (lambda path: torch.save(3, path), "it holds a int, expected a state dict; save model.state_dict()"),
    "text.pt": (lambda path: path.write_text("hello"), "cannot be read as tensors"),
    "empty.safetensors": (lambda path: path.write_bytes(b""), "empty.safetensors cannot be read as safetensors ("),
    "folder.pt": (lambda path: path.mkdir(), "is no file, expected a model: .onnx, .tflite, .pt"),
    "nothing.pt": (lambda path: None, "is no file, expected a model: .onnx"),
    "text.txt": (lambda path: path.write_text("hello"), "ends in '.txt', expected one of .onnx, .tflite, .pt"),
    "some.h5": (
        lambda path: path.write_text("hello"),
        'h5py is not installed, which reads such files; pip install "lstm',
    ),
    "some.tflite": (lambda path: path.write_text("hello"), 'TensorFlow Lite is installed; pip install "lstm-spec[tfl'),
    "some.onnx": (lambda path: path.write_text("hello"), "onnxruntime cannot be imported (No module named"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_judged_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    write, sentence = REFUSED[name]
    write(tmp_path / name)
    status, text = said("judge", str(tmp_path / name))
    lines = [line for line in text.splitlines() if "Quantizer.cpp" not in line]
    assert status == UNUSABLE and sentence in text and len(lines) == 1 and len(lines[0]) < 500
    assert not (tmp_path / "sprung").exists()


INPUTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no file": (lambda path: None, "is no file, expected arrays in .npy or .npz; name one"),
    "text": (lambda path: path.write_text("hello"), "cannot be read as .npy or .npz"),
    "a trap": (
        lambda path: np.save(path, np.array([Trap(path.with_name("sprung"))]), allow_pickle=True),
        "cannot be read as .npy or .npz (Object arrays cannot be loaded when allow_pickle=False); write it with",
    ),
    "words": (
        lambda path: np.save(path, np.array(["a", "b"])),
        "x.npy: the array is of <U1, expected numbers; convert",
    ),
    "a number": (lambda path: np.save(path, np.float32(3)), "x has shape (), expected (T, B, 6) or (T, 6)"),
}


@pytest.mark.parametrize("case", INPUTS)
def test_inputs_that_cannot_be_read_are_refused_in_a_sentence(case: str, files: Path, tmp_path: Path) -> None:
    write, sentence = INPUTS[case]
    write(tmp_path / "x.npy")
    status, text = said("judge", str(files / "plain.pt"), "--inputs", str(tmp_path / "x.npy"))
    assert status == UNUSABLE and sentence in text and len(text.splitlines()) == 1
    assert not (tmp_path / "sprung").exists()


def test_numbers_that_are_not_finite_are_named(tmp_path: Path) -> None:
    torch.save(torch.nn.LSTM(6, 4).state_dict(), tmp_path / "model.pt")
    np.save(tmp_path / "x.npy", np.full((4, 2, 6), np.nan, np.float32))
    status, text = said("judge", str(tmp_path / "model.pt"), "--inputs", str(tmp_path / "x.npy"))
    reason = "what x reaches, which is not finite; y, of which the equations leave everything open\n"
    assert status == UNUSABLE and text.endswith(f"nothing could be judged: {reason}"), text


def test_a_grade_of_another_dtype_is_refused_without_what_describes_the_lstm(files: Path) -> None:
    status, text = said("judge", str(files / "tagger.npz"), "--grade", "wide", "--runtime", "numpy")
    assert status == UNUSABLE and text.startswith("lstm-conform: cell: grade 'wide' is not defined at float32, "), text


NAMED: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"y": np.ones(3)}, "--inputs has 'y', expected x, h, c, lengths; rename it, or leave it out"),
    "a length beyond": ({"lengths": np.array([2, 5])}, "lengths has 5, expected 0 to T = 4; pad x, or correct the len"),
    "lengths between": ({"lengths": np.array([2.5, 1])}, "Cannot cast array data from dtype('float64') to dtype('int"),
    "another batch": ({"h": np.ones((1, 3, 4))}, "state.h has shape (1, 3, 4), expected (1, 2, 4) for B = 2, H = 4"),
}


@pytest.mark.parametrize("case", NAMED)
def test_inputs_that_do_not_fit_are_refused_before_a_runtime_is_asked(case: str, tmp_path: Path) -> None:
    more, sentence = NAMED[case]
    torch.save(torch.nn.LSTM(6, 4).state_dict(), tmp_path / "model.pt")
    np.savez(tmp_path / "in.npz", x=np.ones((4, 2, 6), np.float32), **more)
    status, text = said("judge", str(tmp_path / "model.pt"), "--inputs", str(tmp_path / "in.npz"))
    assert status == UNUSABLE and sentence in text and len(text.splitlines()) == 1, text


def test_a_runtime_that_answers_less_than_it_was_asked_is_refused_by_what_it_does_not_claim(files: Path) -> None:
    features = NUMPY.description.features - {Feature.BIDIRECTIONAL}

    def read_forwards_only(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return replace(answer, y=answer.y[..., :H])

    narrow = Backend("narrow", read_forwards_only, None, replace(NUMPY.description, features=features))
    with pytest.raises(ModelError, match="narrow does not claim bidirectional, which lstm needs; ask another"):
        ask_weights(read_weights(files / "plain.pt"), {}, narrow)


def test_the_runtime_of_a_file_is_asked_unless_only_another_claims_what_it_needs(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(NUMPY, description=replace(NUMPY.description, features=frozenset({Feature.BIDIRECTIONAL})))
    known = dict.fromkeys(runtimes.RUNTIMES, plain) | {"onnxruntime": NUMPY}
    monkeypatch.setattr(runtimes, "find_spec", lambda name: name != "torch")
    monkeypatch.setattr(runtimes, "make_runtime", known.__getitem__)
    networks = [*read_weights(files / "plain.pt").networks.values()]
    assert choose_runtime("keras", networks) == "keras" and choose_runtime("torch") == "onnxruntime"
    hard = replace(networks[1], activations=Activations())
    assert choose_runtime("keras", [networks[0], hard]) == "onnxruntime"
    monkeypatch.setitem(known, "onnxruntime", plain)
    assert choose_runtime("keras", [hard]) == "keras"  # which will say what it lacks
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="none of torch, onnxruntime, .* is installed, .* or ask another: --runtime n"):
        choose_runtime("keras")


def test_a_runtime_that_fails_at_what_it_does_not_claim_is_refused_so(files: Path) -> None:
    features = NUMPY.description.features - {Feature.BIDIRECTIONAL}

    def forward(problem: Problem) -> Answer:
        (p,) = problem.parameters[0]
        return NUMPY.forward(replace(problem, parameters=((p,),)))

    narrow = Backend("narrow", forward, None, replace(NUMPY.description, features=features))
    with pytest.raises(
        ModelError, match="narrow does not claim bidirectional, which lstm needs; ask another, e.g. onnx"
    ):
        ask_weights(read_weights(files / "plain.pt"), {}, narrow)


def test_a_runtime_that_cannot_be_used_is_refused(files: Path) -> None:
    status, text = said("judge", str(files / "plain.pt"), "--runtime", "mlx")
    assert status == UNUSABLE and "mlx.core cannot be imported" in text and 'pip install "lstm-spec[mlx]"' in text
    assert said("judge", str(files / "plain.pt"), "--runtime", "nobody")[0] == UNUSABLE
    assert said("judge", str(files / "plain.pt"), "--grade", "fine")[0] == WRONG_OPTION


def test_what_is_wrong_with_tensors_is_said_of_a_file(tmp_path: Path) -> None:
    state = torch.nn.LSTM(I, H).state_dict()
    torch.save(state | {"weight_hh_l0": state["weight_hh_l0"].half()}, tmp_path / "mixed.pt")
    status, text = said("judge", str(tmp_path / "mixed.pt"))
    assert status == UNUSABLE and "mixed.pt: weight_hh_l0 is float16, expected float32 like weight_ih" in text


def compute_narrowly(problem: Problem) -> Answer:
    """As JAX does without x64."""
    narrow = change_arrays(problem, lambda a: a.astype("f"))
    found = NUMPY.forward(narrow)
    return Answer(found.y.astype(problem.dtype), State(*(a.astype(problem.dtype) for a in found.state)))


def fail(problem: Problem) -> Answer:
    raise RuntimeError("no kernel")


@pytest.mark.parametrize("answer", [compute_narrowly, fail])
def test_a_runtime_is_not_refuted_in_a_dtype_that_it_does_not_claim(answer: Any, tmp_path: Path) -> None:
    torch.save(torch.nn.LSTM(I, H, dtype=torch.float64).state_dict(), tmp_path / "model.pt")
    narrow = replace(NUMPY, name="narrow", forward=answer, description=replace(NUMPY.description, dtypes=("float32",)))
    stored = read_weights(tmp_path / "model.pt")
    with pytest.raises(
        ModelError, match="narrow does not claim float64, which the LSTM needs; ask another, e.g. torch"
    ):
        ask_weights(stored, {}, narrow)


def test_weights_in_float64_are_put_to_who_claims_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = replace(NUMPY, description=replace(NUMPY.description, dtypes=("float32",)))
    monkeypatch.setattr(runtimes, "make_runtime", lambda name: NUMPY if name == "torch" else narrow)
    monkeypatch.setattr(runtimes, "find_spec", lambda library: True)
    for dtype, wanted in ((torch.float64, "torch"), (torch.float32, "keras"), (torch.float16, "keras")):
        torch.save(torch.nn.LSTM(I, H, dtype=dtype).state_dict(), tmp_path / "model.pt")
        assert choose_runtime("keras", read_weights(tmp_path / "model.pt").networks.values()) == wanted
