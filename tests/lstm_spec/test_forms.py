"""A function that takes its arrays in another form than the one given is refused with the right one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from conformance.outcome import Errored
from conformance.targets.border import guard_backend
from lstm_spec import Answer, Description, Packed, Problem, Shapes, State, from_packed, multiple_of, unpack
from lstm_spec.adapters.forms import Form, check_gradients, find_right_form
from lstm_spec.types import Array
from tests.helpers.isolation import SHORT, cotangents
from tests.helpers.malformed import well_formed

VALUES = "the answer is that of the equations"
HOW = "with from_packed(..., {}) it answers like the equations, so pass that"


def write_lstm(order: str = "ifgo", batch_first: bool = False, transposed: bool = False) -> Any:
    """A right function that takes its arrays in that form, and checks no shapes."""

    def forward(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array, d: Array) -> tuple[Array, Array, Array]:
        W, U, y = (W.T, U.T, []) if transposed else (W, U, [])
        for x_t in np.swapaxes(x, 0, 1) if batch_first else x:
            z = dict(zip(order, np.split(x_t @ W.T + b + h @ U.T + d, 4, axis=1), strict=True))
            i, f, o = (1 / (1 + np.exp(-z[gate])) for gate in "ifo")
            c = f * c + i * np.tanh(z["g"])
            h = o * np.tanh(c)
            y.append(h)
        return np.stack(y, axis=1 if batch_first else 0), h, c

    return forward


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "batch first": ({"batch_first": True}, {}, "batch_first=True"),
    "not batch first": ({}, {"batch_first": True}, "batch_first=False"),
    "transposed": ({"transposed": True}, {}, "transposed=True"),
    "not transposed": ({}, {"transposed": True}, "transposed=False"),
    "both": ({"batch_first": True, "transposed": True}, {}, "batch_first=True, transposed=True"),
    "and an order": ({"order": "iofg", "transposed": True}, {}, "order='iofg', transposed=True"),
    "one for the other": ({"transposed": True}, {"batch_first": True}, "batch_first=False, transposed=True"),
}


@pytest.mark.parametrize("case", FORMS.values(), ids=FORMS)
def test_the_right_form_is_named(case: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    written, told, options = case
    report = check(from_packed(write_lstm(**written), **told), profile="quick", name=VALUES)
    assert f"it raised TypeError: {HOW.format(options)}; as it is, " in report.verdicts[0].detail


def test_a_function_that_fails_for_another_reason_is_not_told_of_forms() -> None:
    def fails(*arrays: Array) -> Any:
        raise RuntimeError("no memory")

    with pytest.raises(Errored, match="^it raised RuntimeError: no memory$"):
        guard_backend(from_packed(fails)).forward(SHORT)


def test_nothing_is_tried_with_a_problem_that_should_be_refused() -> None:
    calls = []

    def refuses(*arrays: Array) -> Any:
        calls.append(arrays)
        raise ValueError("these do not fit")

    problem = well_formed()
    malformed = Problem(problem.parameters, problem.x, State(problem.state.h[:, :1], problem.state.c))
    with pytest.raises(ValueError, match="^these do not fit$"):
        from_packed(refuses).forward(malformed)
    assert len(calls) == 1


def test_the_form_is_looked_for_once() -> None:
    calls = []

    def fails(*arrays: Array) -> Any:
        calls.append(arrays)
        raise ValueError("no")

    backend = from_packed(fails)
    for _ in range(3):
        with pytest.raises(ValueError, match="^no$"):
            backend.forward(SHORT)
    assert len(calls) == 3 + 1 + 24 * 4


@pytest.mark.parametrize(
    "shapes", [Shapes(H=multiple_of(64)), Shapes(T=range(1, 2)), Shapes(B=range(1, 2)), Shapes(H=range(4096, 4097))]
)
def test_no_form_is_looked_for_where_the_shapes_allow_no_small_problem(shapes: Shapes) -> None:
    def ask(problem: Problem, form: Form) -> Answer:
        assert all(n in getattr(shapes, k) for n, k in zip(problem.sizes, "TBIH", strict=True))
        return NUMPY.forward(problem)

    assert find_right_form(ask, Form("ifgo", True, True), Description(shapes=shapes)) == ""


# ---------------------------------------------------------------- what a function takes and returns


def takes_a_problem(problem: Any) -> Any: ...
def takes_one_bias(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any: ...


class Mine:
    def run(self, x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any: ...


def takes_keywords(*, x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any: ...
async def waits(*arrays: Array) -> Any: ...
def yields(*arrays: Array) -> Any:
    yield arrays


MODULE = type("Mine", (type("Module", (), {"__module__": "torch.nn"}),), {"__call__": lambda *a: None})
GIVEN = "(x, h, c, W, U, b_input, b_recurrent)"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a number": ({"forward": 3}, f"forward is of type int, expected a function {GIVEN} of NumPy arrays; give it"),
    "nothing": ({"forward": None}, f"forward is of type NoneType, expected a function {GIVEN}"),
    "a text": ({"forward": "ifgo"}, "forward is 'ifgo', expected a function"),
    "an order": ({"gradients": "iofg"}, "options have names, e.g. order='iofg'"),
    "one bias": ({"forward": takes_one_bias}, "takes_one_bias(x, h, c, W, U, b), but is given 7: x, h, c, W, U, b_in"),
    "one bias, too": ({"forward": takes_one_bias}, "; pass biases=1"),
    "two biases": ({"biases": 1}, "but is given 6: x, h, c, W, U, b; pass biases=2"),
    "a class": (
        {"forward": Mine},
        "forward is the class Mine(), but is given 7: x, h, c, W, U, b_input, b_recurrent; g",
    ),
    "a class, too": ({"forward": Mine}, "; give it a function, or an object of the class that can be called"),
    "a method of a class": ({"forward": Mine.run, "biases": 1}, "; give it the method of an object, not of the class"),
    "keywords": ({"forward": takes_keywords, "biases": 1}, "takes_keywords(x=, h=, c=, W=, U=, b=), but is given 6: x"),
    "a problem": ({"forward": takes_a_problem}, "; if it takes a Problem, write Backend(name, function) instead"),
    "no arrays": ({"forward": lambda x: x, "biases": 1}, "is the function (x), but is given 6"),
    "gradients": (
        {"gradients": write_lstm()},
        "but is given 10: x, h, c, W, U, b_input, b_recurrent, dy, dh, dc; write",
    ),
    "a module": (
        {"forward": MODULE()},
        f"forward is of type Mine, a torch.nn.Module, expected a function {GIVEN}; write",
    ),
    "yes": ({"batch_first": "yes"}, "batch_first is 'yes', expected True or False; choose one"),
    "one": ({"transposed": 1}, "transposed is 1, expected True or False; choose one"),
    "a description": ({"description": "mine"}, "description is a str, expected a Description; write Description(...)"),
    "no order": ({"order": 3}, "order is 3, expected a permutation of 'ifgo'"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_an_argument_that_makes_no_sense_is_refused(case: tuple[dict[str, Any], str]) -> None:
    given, sentence = case
    with pytest.raises((TypeError, ValueError)) as refused:
        from_packed(**{"forward": write_lstm(), **given})
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


y, h = np.zeros((3, 2, 5)), np.zeros((2, 5))


@pytest.mark.parametrize(
    "returned, sentence",
    [
        (None, "the function returned nothing, expected the tuple (y, h, c); return all of it"),
        (y, "the function returned one ndarray, expected the tuple (y, h, c); return all of it"),
        ((y, (h, h)), "the function returned 2 values, expected 3: (y, h, c); unpack nested ones"),
    ],
)
def test_what_is_not_all_of_the_answer_is_refused(returned: Any, sentence: str) -> None:
    with pytest.raises(TypeError) as refused:
        from_packed(lambda *arrays: returned).forward(SHORT)
    assert str(refused.value) == sentence


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("function", [waits, yields])
def test_a_function_that_answers_later_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=r"expected the tuple \(y, h, c\); write it without async and yield$"):
        from_packed(function).forward(SHORT)


def test_one_gradient_for_two_biases_is_refused() -> None:
    backend = from_packed(write_lstm(), lambda *arrays: (y,) * 9)
    with pytest.raises(
        TypeError, match="9 values, expected 10: .*; there are 2 biases, and each has its gradient, or pass"
    ):
        backend.differentiate(SHORT, cotangents(SHORT))


SIZES = {"dx": (4, 2, 3), "dh": (2, 5), "dc": (2, 5), "dW": (20, 3), "dU": (20, 5), "db": (20,)}
ORDERS: dict[str, tuple[list[tuple[int, ...]], str]] = {
    "the parameters first": (
        [SIZES[name] for name in ("dW", "dU", "db", "dx", "dh", "dc")],
        "dW has shape (4, 2, 3), expected (20, 3); they look like dW, dU, db, dx, dh, dc, so return dx, dh, dc,",
    ),
    "U before W": (
        [SIZES[k] for k in ("dx", "dh", "dc", "dU", "dW", "db")],
        "they look like dx, dh, dc, dU, dW, db, so",
    ),
    "transposed": (
        [*SIZES.values()][:3] + [(3, 20), (20, 5), (20,)],
        "dW has shape (3, 20), expected (20, 3); transpose",
    ),
    "by gate": (
        [*SIZES.values()][:4] + [(5, 5), (20,)],
        "dU has shape (5, 5), expected (20, 5); a gradient has the shape",
    ),
}


@pytest.mark.parametrize("case", ORDERS.values(), ids=ORDERS)
def test_gradients_in_another_order_are_refused(case: tuple[list[tuple[int, ...]], str]) -> None:
    shapes, sentence = case
    with pytest.raises(TypeError) as refused:
        check_gradients(tuple(np.zeros(shape) for shape in shapes), [np.zeros(shape) for shape in SIZES.values()])
    assert sentence in str(refused.value)


def test_gradients_in_the_right_order_are_let_through() -> None:
    arrays = [np.zeros(shape) for shape in SIZES.values()]
    check_gradients(tuple(arrays), arrays)


def test_a_right_function_is_asked_once() -> None:
    calls: list[int] = []

    def counts(*arrays: Array) -> Any:
        calls.append(1)
        return write_lstm()(*arrays)

    x = SHORT.x[:2]
    layer = unpack(Packed(*(np.zeros((4 * SHORT.P, *n), x.dtype) for n in ((x.shape[2],), (SHORT.P,), ()))))
    from_packed(counts).forward(Problem(((layer,),), x, SHORT.state))
    assert calls == [1]


@pytest.mark.parametrize("name", State._fields)
def test_a_state_of_two_layers_is_refused_where_the_function_would_see_one(name: str) -> None:
    a = getattr(SHORT.state, name)
    state = SHORT.state._replace(**{name: np.concatenate([a, a])})
    backend = from_packed(write_lstm(), lambda *arrays: arrays)
    with pytest.raises(ValueError, match=rf"state\.{name} has the shape .*, expected that of one layer"):
        backend.forward(replace(SHORT, state=state))
    with pytest.raises(ValueError, match=rf"state\.{name} has the shape .*, expected that of one layer"):
        backend.differentiate(SHORT, replace(cotangents(SHORT), state=state))
