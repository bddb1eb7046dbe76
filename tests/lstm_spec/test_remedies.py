"""What is given in place of a Backend is named, with the remedy for it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial, wraps
from inspect import signature
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from conformance.targets.resolve import TargetError, resolve
from lstm_spec import Backend, Description, Shapes, at_most, multiple_of
from lstm_spec.claims import check_backend
from lstm_spec.remedies import explain_no_backend
from tests import helpers


def one_bias(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> None: ...
def two_biases(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any, d: Any, *, more: int = 0) -> None: ...
def gradients(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any, dy: Any, dh: Any, dc: Any) -> None: ...
def with_two(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any, r: Any, dy: Any, dh: Any, dc: Any) -> None: ...
def of_a_problem(problem: Any) -> None: ...
def of_two(problem: Any, d: Any) -> None: ...
def of_three(x: Any, h: Any, c: Any) -> None: ...
def of_a_device(device: str) -> Backend:
    return NUMPY


def of_nothing() -> None: ...


class Cell:
    def __init__(self, units: int) -> None: ...
    def __call__(self, x: Any, h: Any, c: Any) -> None: ...


def network(module: str, name: str) -> type:
    """A class that inherits from one of a framework, as far as its names say."""
    return type("Mine", (type(name, (), {"__module__": module}),), {})


TORCH, KERAS = network("torch.nn.modules.module", "Module"), network("keras.src.layers.layer", "Layer")
HAIKU = network("haiku._src.module", "Module")
BY_HAND = "write a function (x, h, c, W, U, b_input, b_recurrent) of NumPy arrays that"
INSTEAD: dict[str, tuple[Any, str, str]] = {
    "a name": ("numpy", "is the text 'numpy'", "pass what it names: from backends.numpy.backend import BACKEND"),
    "an import path": ("pkg.mine:LSTM", "is the text 'pkg.mine:LSTM'", "pass what it names: from pkg.mine import LSTM"),
    "a file": ("mine.py:LSTM", "is the text 'mine.py:LSTM'", "pass what it names: from mine import LSTM"),
    "any text": ("a-b", "is the text 'a-b'", "import what it names and pass that"),
    "a module": (helpers, "is the module 'tests.helpers'", "there is none in it; make one with from_packed"),
    "its module": (__import__("backends.numpy.backend").numpy.backend, "'backends.numpy.backend'", "in it: BACKEND"),
    "nothing": (None, "is None", "or a function that makes one; from_packed(function) makes one"),
    "a number": (3, "is of type int", "or a function that makes one; from_packed(function) makes one"),
    "the class": (Backend, "is the class Backend", "make one: BACKEND = Backend(name, forward)"),
    "a forward": (NUMPY.forward, "is the function forward(problem)", "write BACKEND = Backend('forward', forward)"),
    "of a problem": (of_a_problem, "of_a_problem(problem)", "if it takes a Problem, write BACKEND = Backend("),
    "of two": (of_two, "of_two(problem, d)", "after its forward: Backend(name, forward, of_two)"),
    "one bias": (one_bias, "one_bias(x, h, c, W, U, b)", "write BACKEND = from_packed(one_bias, biases=1)"),
    "two biases": (two_biases, "two_biases(x, h, c, W, U, b, d)", "write BACKEND = from_packed(two_biases)"),
    "gradients": (gradients, "b, dy, dh, dc)", "write BACKEND = from_packed(forward, gradients, biases=1)"),
    "two biases' gradients": (with_two, "r, dy, dh, dc)", "write BACKEND = from_packed(forward, with_two)"),
    "three": (of_three, "is the function of_three(x, h, c)", f"{BY_HAND} calls it, and wrap that with from_packed"),
    "a lambda": (lambda x, s: x, "is the function (x, s)", "Backend(name, forward, function)"),
    "a maker": (of_a_device, "is the function of_a_device(device)", "call it: of_a_device('cpu')"),
    "a maker of nothing": (of_nothing, "is the function of_nothing()", "call it: of_nothing()"),
    "a partial": (partial(of_two, d=1), "is of type partial, which is called with (problem)", "if it takes a Problem"),
    "a class": (Cell, "is the class Cell", f"{BY_HAND} runs it, and wrap that with from_packed"),
    "a cell": (Cell(3), "is of type Cell, which is called with (x, h, c)", f"{BY_HAND} calls it, and wrap"),
    "torch": (TORCH(), "is of type Mine, a torch.nn.Module", "or BACKEND = from_torch(module)"),
    "torch's": (TORCH, "is the class Mine, a torch.nn.Module", "write torch: before its name on the command line"),
    "haiku": (HAIKU, "is the class Mine, a Haiku module", f"{BY_HAND} gives it the weights and runs it, and wrap"),
    "keras": (KERAS(), "is of type Mine, a Keras layer", "or BACKEND = from_keras(module)"),
    "an array": (np.ones(3), "is of type ndarray", "from_packed(function) makes one"),
}


@pytest.mark.parametrize("case", INSTEAD.values(), ids=INSTEAD)
def test_what_is_no_backend_is_named_with_the_remedy(case: tuple[Any, str, str]) -> None:
    found, what, remedy = case
    with pytest.raises(TypeError) as refused:
        check(found)
    assert str(refused.value) == f"the backend {explain_no_backend(found)}"
    for words in (what, ", expected an lstm_spec.Backend", remedy):
        assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["one_bias", "of_a_problem", "of_three", "of_a_device", "Cell", "TORCH", "KERAS", "INSTEAD"]
)
def test_the_command_line_says_the_same(name: str) -> None:
    with pytest.raises(TargetError) as refused:
        resolve(f"tests.lstm_spec.test_remedies:{name}")
    assert str(refused.value) == f"target 'tests.lstm_spec.test_remedies:{name}' {explain_no_backend(globals()[name])}"


def test_what_a_function_makes_is_named() -> None:
    with pytest.raises(TargetError, match="of_nothing' makes something that is None, expected an lstm_spec.Backend or"):
        resolve("tests.lstm_spec.test_remedies:of_nothing")


def described(**about: Any) -> Backend:
    return replace(NUMPY, description=replace(NUMPY.description, **about))


MEANINGLESS: dict[str, tuple[Callable[[], Backend], str]] = {
    "no name": (lambda: replace(NUMPY, name=""), "name is '', expected some letters; reports show it"),
    "a blank name": (lambda: replace(NUMPY, name=" \n"), r"name is ' \n', expected some letters"),
    "a number": (lambda: replace(NUMPY, name=3), "name is 3, expected a str; write it in quotes"),  # type: ignore[arg-type]
    "a version": (lambda: described(version=2.1), "Description.version is 2.1, expected a str"),
    "a device": (lambda: described(device=None), "Description.device is None, expected a str"),
    "a name with colours": (lambda: replace(NUMPY, name="\x1b[31mred"), r"name is '\x1b[31mred', expected at most 200"),
    "a name on two lines": (
        lambda: replace(NUMPY, name="a\r\nb"),
        r"name is 'a\r\nb', expected at most 200 characters",
    ),
    "half a character": (lambda: replace(NUMPY, name="\ud800"), r"name is '\ud800', expected at most 200 characters"),
    "an endless name": (lambda: replace(NUMPY, name="x" * 201), "expected at most 200 characters that can be printed"),
    "a version with a title": (
        lambda: described(version="\x1b]0;x\x07"),
        r"Description.version is '\x1b]0;x\x07', exp",
    ),
    "an endless version": (lambda: described(version="1." * 10**6), "Description.version is '1.1."),
    "a device that reads backwards": (lambda: described(device="\u202e"), r"Description.device is '\u202e', expected"),
    "no device": (lambda: described(device=""), "Description.device is '', expected some letters"),
    "no function": (
        lambda: Backend("mine", None),  # type: ignore[arg-type]
        "forward is of type NoneType, expected a function of problem; write Backend(name, forward, gradients)",
    ),
    "swapped": (
        lambda: Backend(NUMPY.forward, "mine"),  # type: ignore[arg-type]
        "expected a str; write it in quotes",
    ),
    "packed": (
        lambda: Backend("mine", one_bias),  # type: ignore[arg-type]
        "forward is the function one_bias(x, h, c, W, U, b), but is given 1: problem; if its arrays are packed,",
    ),
    "gradients": (
        lambda: Backend("mine", NUMPY.forward, of_a_problem),  # type: ignore[arg-type]
        "gradients is the function of_a_problem(problem), but is given 2: problem, cotangents;",
    ),
    "shapes": (lambda: described(shapes=(1, 2)), "Description.shapes is (1, 2), expected Shapes; write Shapes(H="),
    "one size": (lambda: described(shapes=Shapes(H=8)), "Shapes.H is 8, expected a range; write range(1, 9)"),  # type: ignore[arg-type]
    "no size": (
        lambda: described(shapes=Shapes(T=range(5, 5))),
        "Shapes.T is range(5, 5), expected at least one size of 1 or more; at_most(8) is 0 to 8",
    ),
    "only 0": (lambda: described(shapes=Shapes(B=range(1))), "Shapes.B is range(0, 1), expected at least one size"),
    "below 0": (lambda: described(shapes=Shapes(I=range(-9, 0))), "Shapes.I is range(-9, 0), expected at least one"),
    "a text": (lambda: replace(NUMPY, description="mine"), "description is a str, expected a Description"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", MEANINGLESS.values(), ids=MEANINGLESS)
def test_a_description_without_a_meaning_is_refused(case: tuple[Callable[[], Backend], str]) -> None:
    make, sentence = case
    with pytest.raises((TypeError, ValueError)) as refused:
        check_backend(make())
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


@wraps(one_bias)
def wrapping(problem: Any) -> Any:
    return NUMPY.forward(problem)


def claiming(problem: Any) -> Any:
    return NUMPY.forward(problem)


claiming.__signature__ = signature(of_three)  # type: ignore[attr-defined]


@pytest.mark.parametrize("forward", [wrapping, claiming, cache(wrapping), np.vectorize(of_a_problem)])
def test_a_function_that_looks_like_another_one_is_let_through(forward: Any) -> None:
    check_backend(Backend("mine", forward))


def test_a_backend_of_any_callable_is_let_through() -> None:
    check_backend(Backend("mine", max, description=Description()))  # type: ignore[arg-type]
    check_backend(Backend("mine", partial(of_two, d=1)))  # type: ignore[arg-type]
    check_backend(Backend("mine", lambda *given: None))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [at_most, multiple_of])
@pytest.mark.parametrize("n", [0, -8, 2**21, 8.0, "8", None, True])
def test_what_is_no_size_is_refused(make: Any, n: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        make(n)
    assert str(refused.value).startswith(f"{make.__name__}({n!r}) is no range of sizes, expected ")
    assert make(np.int64(8))[0] in (0, 8)
