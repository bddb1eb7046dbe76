"""The backends conform, and what wraps foreign code gives it what it wants."""

import subprocess
import sys
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.assertions.backward import assert_gradients_conform_freely
from conformance.assertions.forward import assert_answers_agree, assert_conforms
from conformance.problems.question import with_gates
from conformance.run.check import check
from lstm_spec import REFERENCE, Description, Feature, Gate, GradientsNotOffered, State, from_packed, pack, unpack
from tests.helpers.environment import TORCH
from tests.helpers.examples import ask_little
from tests.helpers.foreign import answer_packed, wrap_numpy
from tests.helpers.problems import make_loss, make_problem

BOTH = ("float32", "float64")


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize(
    "name", ["numpy", "reference", pytest.param("torch", marks=pytest.mark.skipif(not TORCH, reason="TORCH=none"))]
)
def test_the_backend_conforms(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is asked all of the profile, so that the properties are tried, too; of the others a few examples do.

    What torch does beyond the core is asked in test_backends_network.py.
    """
    if name != "numpy":
        ask_little(monkeypatch)
    examples = {"numpy": None, "torch": 4, "reference": 2}[name]
    report = check(made(name), profile="quick", examples=examples, dtypes=(dtype,))
    assert report.status == 0, report.statement


def made(name: str) -> Any:
    if name == "torch":
        from backends.torch import backend

        return backend()
    return {"numpy": NUMPY, "reference": REFERENCE}[name]


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_a_sigmoid_that_flushes_before_it_doubles_conforms() -> None:
    """PyTorch's float32 sigma is 0 where it should be up to the root of 2, times 2^-126; |c_0| makes it visible."""
    biases = {"i": -1e4, "f": np.linspace(-87.3, -86.9, 200), "g": 0, "o": 0}
    p = make_problem(T=1, B=1, I=1, H=200)
    p = with_gates(p, lambda k, gate: Gate(0 * gate.W, 0 * gate.U, (0 * gate.b + biases[k]).astype(np.float32)))
    p = replace(p, state=State(p.state.h, 0 * p.state.c + np.float32(65)))
    assert_conforms(made("torch"), made("torch").forward(p), p)


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_a_device_that_is_not_there_is_unavailable() -> None:
    from backends.torch import backend
    from lstm_spec import BackendUnavailable

    with pytest.raises(BackendUnavailable, match="cannot use device 'cuda'.*--device"):
        backend("cuda")


def test_the_numpy_backend_agrees_with_the_reference() -> None:
    problem = make_problem(dtype="float64")
    one, other = (backend.differentiate(problem, make_loss(problem)) for backend in (NUMPY, REFERENCE))
    assert_answers_agree(NUMPY, (problem, one[0]), (problem, other[0]))
    for _, gradients in (one, other):
        assert_gradients_conform_freely(NUMPY, problem, make_loss(problem), gradients)


@pytest.mark.parametrize("order", ["".join(letters) for letters in permutations("ifgo")])
def test_packing_and_unpacking_are_inverse_to_the_last_bit(order: str) -> None:
    layer = make_problem().layer
    packed = pack(layer, order)
    assert np.array_equal(packed.b[:5], getattr(layer, order[0]).b)
    again = unpack(packed, order)
    assert all(
        np.array_equal(a, b) for k in "ifgo" for a, b in zip(getattr(again, k)[:3], getattr(layer, k)[:3], strict=True)
    )


@pytest.mark.parametrize(("biases", "batch_first", "transposed"), [*product((1, 2), (False, True), (False, True))])
def test_packed_functions_of_every_form_conform(biases: int, batch_first: bool, transposed: bool) -> None:
    asked = ("SHAPE-*", "CELL-1", "SEQ-1", "GRAD-*", "CONTRACT-*")
    report = check(wrap_numpy("gofi", biases, batch_first, transposed), profile="quick", examples=3, clauses=asked)
    assert report.status == 0, report.statement
    assert report.findings.offers_gradients


def test_a_packed_function_that_reads_another_order_does_not_conform() -> None:
    right = wrap_numpy("ifgo", 2, False, False)
    wrong = from_packed(lambda *a: answer_packed(right, a), order="fiog", description=Description())
    assert check(wrong, profile="quick", maxfail=1, diagnose=False, shrink=False).status == 1


def test_a_bias_that_is_forgotten_is_noticed() -> None:
    right = wrap_numpy("ifgo", 2, False, False)
    wrong = from_packed(lambda x, h, c, W, U, b, more: answer_packed(right, (x, h, c, W, U, b, b * 0)))
    assert check(wrong, profile="quick", maxfail=1, diagnose=False, shrink=False).status == 1


def test_without_gradients_none_are_claimed() -> None:
    assert Feature.GRADIENTS not in from_packed(lambda *a: a).description.features


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_torch_is_imported_only_when_the_backend_is_asked_for() -> None:
    before = "import sys, backends.torch as b; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{before}; b.backend(); assert 'torch' in sys.modules"], check=True)


def test_a_backend_differentiates_with_the_function_it_was_given() -> None:
    problem = make_problem(dtype="float64")
    d, asked = make_loss(problem), []

    def gradients(*given: Any) -> Any:
        asked.append(given)
        return REFERENCE.differentiate(*given)

    backend = replace(NUMPY, gradients=gradients)
    answer, found = backend.differentiate(problem, d)
    right, wanted = REFERENCE.differentiate(problem, d)
    assert asked == [(problem, d)]
    assert np.array_equal(answer.y, right.y) and np.array_equal(found.x, wanted.x)


def test_a_backend_without_gradients_says_so_with_a_remedy() -> None:
    forward_only, problem = replace(NUMPY, name="mine", gradients=None), make_problem(dtype="float64")
    with pytest.raises(GradientsNotOffered) as refused:
        forward_only.differentiate(problem, make_loss(problem))
    assert str(refused.value) == (
        "backend 'mine' offers no gradients; give it a function, Backend(..., gradients=...), "
        "or ask for its forward pass only"
    )
    assert not forward_only.offers(Feature.GRADIENTS)
