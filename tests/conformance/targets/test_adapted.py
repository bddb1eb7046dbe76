"""A target with the prefix of an adapter: torch:FILE:NAME."""

import sys
from pathlib import Path

import pytest

from conformance.cases.standalone import find_backend
from conformance.targets.isolated import start_isolated
from conformance.targets.resolve import TargetError, is_ours, resolve
from lstm_spec import Feature
from lstm_spec.frameworks import ADAPTERS, split_adapter
from tests.helpers.environment import TORCH
from tests.helpers.problems import make_problem

needs_torch = pytest.mark.skipif(not TORCH, reason="TORCH=none")

ONE = """
import torch
from torch import nn
from torch.nn import RNNCell
from torch.nn.functional import linear

class Mine(nn.LSTM):
    pass
"""
MANY = f"""{ONE}
class Classifier(nn.Module):
    def __init__(self, input_dim=7, hidden_dim=5, layers=1):
        super().__init__()
        self.lstm = nn.LSTM(input_dim, hidden_dim, layers)
        self.fc = nn.Linear(hidden_dim, 2)
    def forward(self, x):
        return self.fc(self.lstm(x)[0][-1])

class Sized(Classifier):
    def __init__(self, input_dim, hidden_dim, layer_dim, output_dim):
        super().__init__(input_dim, hidden_dim, layer_dim)

class Encoder(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
    def forward(self, x):
        return self.lstm(x)

class Last(Encoder):
    def forward(self, x, state):
        return self.lstm(x, state)[0]

class Turned(Encoder):
    def forward(self, x, state):
        y, state = self.lstm(x, state)
        return y.permute(2, 0, 1), state

class Raises(Encoder):
    def forward(self, x, state):
        raise RuntimeError("out of order")

class NotMade(nn.Module):
    def __init__(self, input_size, hidden_size):
        raise RuntimeError("no licence")

class NoBias(nn.LSTMCell):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, bias=False)

class Gru(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.GRU(input_size, hidden_size)

class Bare(Encoder):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.lstm = nn.LSTM(input_size, hidden_size, bias=False)

class Half(Encoder):
    def forward(self, x, state):
        y, (h, _) = self.lstm(x, state)
        return y, h

def makes_none(input_size, hidden_size):
    pass

def make(input_size, hidden_size):
    return Sized(input_size, hidden_size, 1, 2).lstm

def makes_two_directions(input_size, hidden_size):
    return nn.LSTM(input_size, hidden_size, bidirectional=True)

def make_ready():
    return nn.LSTM(3, 4)

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

class OwnInside(nn.Module):
    def __init__(self, input_size=3, hidden_size=4):
        super().__init__()
        self.head = nn.Linear(7, 16)  # would fit, but it is no LSTM
        self.lstm = Cell(input_size, hidden_size)

own_inside = OwnInside()
model, deep, number = Classifier(), nn.LSTM(3, 4, 2), 3
from backends.numpy.backend import BACKEND
"""
INSTEAD = {  # what is named: what is said of it, and the remedy
    "Classifier": ("has the parameters lstm.weight_ih_l0 (20, 7), ", "and name that: return Classifier(…).lstm"),
    "model": ("expected weights and a bias for four gates and nothing else", "name the LSTM in it: model.lstm"),
    "OwnInside": ("has the parameters head.weight (16, 7), ", "and name that: return OwnInside(…).lstm"),
    "own_inside": (
        "expected weights and a bias for four gates and nothing else",
        "name the LSTM in it: own_inside.lstm",
    ),
    "Sized": (
        "is made with (input_dim, hidden_dim, layer_dim, output_dim), expected the sizes",
        "write a function make(",
    ),
    "Encoder": ("it takes x and no state, expected an initial state", "write forward(self, x, state=None)"),
    "Last": ("returned a tensor of shape (4, 3, 5), expected (y, (h, c))", "that returns (y, (h, c))"),
    "Turned": ("y, h and c have shapes (5, 4, 3), (1, 3, 5) and (1, 3, 5), expected (4, 3, 5)", "write forward(self"),
    "Raises": ("raised RuntimeError (out of order), expected an answer", "mend that"),
    "NotMade": ("given the sizes 2 and 3, raised RuntimeError (no licence), expected a module", "mend that"),
    "NoBias": ("has the parameters weight_ih (20, 7), weight_hh (20, 5)", "the equations have a bias"),
    "Bare": ("has the parameters lstm.weight_ih_l0 (20, 7)", "the equations have a bias"),
    "Gru": ("has the parameters rnn.weight_ih_l0 (15, 7)", "they look like those of a GRU; name an LSTM"),
    "RNNCell": ("has the parameters weight_ih (5, 7)", "they look like those of a plain recurrent layer; name an LSTM"),
    "Half": (
        "returned (a tensor of shape (4, 3, 5), a tensor of shape (1, 3, 5)), expected (y, (h, c))",
        "write forward(",
    ),
    "makes_none": ("makes a NoneType, expected a torch.nn.Module", "return the module"),
    "deep": ("is a network of a fixed form, expected one layer in one direction", "name its class instead, LSTM"),
    "makes_two_directions": (
        "is a network of a fixed form, expected one layer in one direction",
        "name its class instead, LSTM",
    ),
    "number": ("number is of type int, expected a class of torch.nn.Module", "name that"),
    "linear": ("raised TypeError", "write a function make(input_size, hidden_size)"),
    "BACKEND": ("is a Backend already, expected a torch.nn.Module", "name it without torch:"),
    "Clasifier": ("has no 'Clasifier', did you mean 'Classifier'?", "name a class, a function that makes one"),
    "": ("modules of torch in it", "name one of them: "),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "one_of_torch.py").write_text(ONE, encoding="utf-8")
    (tmp_path / "many_of_torch.py").write_text(MANY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_torch
@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_no_lstm_of_torch_is_named_with_the_remedy(name: str, folder: Path) -> None:
    target = f"torch:many_of_torch.py:{name}".rstrip(":")
    with pytest.raises(TargetError) as refused:
        resolve(target)
    for words in (f"target {target!r}", *INSTEAD[name]):
        assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@needs_torch
@pytest.mark.parametrize("target", ["one_of_torch.py:Mine", "one_of_torch:Mine", "one_of_torch.py", "torch.nn:LSTM"])
def test_a_class_is_found_in_a_file_or_a_module(target: str, folder: Path) -> None:
    backend = resolve(f"torch:{target}")
    assert backend.name == ("LSTM" if target.endswith("LSTM") else "Mine")
    assert backend.offers(Feature.LAYERS)


@needs_torch
@pytest.mark.parametrize("name", ["make", "make_ready", "model.lstm"])
def test_a_function_and_a_part_of_a_model_are_found(name: str, folder: Path) -> None:
    assert resolve(f"torch:many_of_torch.py:{name}").offers(Feature.GRADIENTS)


@needs_torch
def test_it_answers_alike_in_its_own_process_and_in_the_script_of_a_case(folder: Path) -> None:
    target, problem = "torch:one_of_torch.py:Mine", make_problem()
    with start_isolated(target, None, 60, None) as isolated:
        answers = [one.forward(problem) for one in (isolated.backend, resolve(target), find_backend(target, None))]
    assert answers[0].y.tolist() == answers[1].y.tolist() == answers[2].y.tolist()


@needs_torch
def test_a_class_without_the_prefix_is_told_of_it(folder: Path) -> None:
    with pytest.raises(TargetError, match=r"write torch: before its name on the command line, or BACKEND = from_torch"):
        resolve("one_of_torch.py:Mine")


@pytest.mark.parametrize("prefix", ADAPTERS)
def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, ADAPTERS[prefix].library, None)
    command = f'pip install "lstm-spec[{ADAPTERS[prefix].extra}]"'
    with pytest.raises(TargetError) as refused:
        resolve(f"{prefix}:mine.py:LSTM")
    assert f"{prefix}:mine.py:LSTM is unavailable: {ADAPTERS[prefix].library} cannot be imported" in str(refused.value)
    assert command in str(refused.value)


def test_a_prefix_is_one_of_an_adapter() -> None:
    assert split_adapter("torch:a.py:B") == ("torch", "a.py:B")
    assert split_adapter("torch:") == ("torch", "")
    for target in ("torch", "a.py:B", "C:/a.py:B", "torch.nn:LSTM", "fault:torch"):
        assert split_adapter(target) == ("", target)


def test_a_target_with_a_prefix_is_isolated_unless_it_is_ours() -> None:
    assert not is_ours("torch:torch.nn:LSTM") and not is_ours("torch:mine.py:LSTM")
    assert is_ours("torch:backends.torch:LSTM")
