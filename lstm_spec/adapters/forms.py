"""The form in which a function takes packed weights, and what it looks like if that is another than the one given."""

from collections.abc import Callable, Sequence
from itertools import permutations, product
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from lstm_spec.contract import Description
from lstm_spec.equations import run
from lstm_spec.packing import Packed, unpack
from lstm_spec.remedies import (
    EXPECTED,
    explain_no_backend,
    explain_wrong_call,
    find_network,
    list_needed_arguments,
)
from lstm_spec.types import GATES, Answer, Array, Problem, State
from lstm_spec.validation import checked

TAKEN = ("x", "h", "c", "W", "U")
BIASES = {1: ("b",), 2: ("b_input", "b_recurrent")}
LARGEST = 1_000_000  # weights of a problem that is only asked to find the form
NEAR = 1e-2  # it is only a hint


class Form(NamedTuple):
    """How a function wants its arrays, as in `from_packed`."""

    order: str
    batch_first: bool
    transposed: bool


def check_function(role: str, function: Any, biases: int, cotangents: tuple[str, ...] = ()) -> None:
    """Raises TypeError unless it can be called with the arrays that it gets: parameters, and then cotangents."""
    given = {n: (*TAKEN, *BIASES[n], *cotangents) for n in BIASES}
    wanted = f"expected a function ({', '.join(given[biases])})"
    if isinstance(function, str):
        raise TypeError(f"{role} is {function!r}, {wanted}; options have names, e.g. order={function!r}")
    if not callable(function):
        raise TypeError(f"{role} is of type {type(function).__name__}, {wanted} of NumPy arrays; give it the function")
    if find_network(function):
        raise TypeError(f"{role} {explain_no_backend(function).replace(EXPECTED, wanted)}")
    if wrong := explain_wrong_call(function, given[biases]):
        remedy = "write one that takes them in this order"
        if isinstance(function, type):
            remedy = "give it a function, or an object of the class that can be called"
        elif (list_needed_arguments(function) or [""])[0] == "self":
            remedy = "give it the method of an object, not of the class"
        elif not explain_wrong_call(function, given[3 - biases]):
            remedy = f"pass biases={3 - biases}"
        elif not explain_wrong_call(function, ("problem",)):
            remedy = "if it takes a Problem, write Backend(name, function) instead"
        raise TypeError(f"{role} {wrong}; {remedy}")


def check_gradients(found: tuple[Any, ...], given: list[Array]) -> None:
    """Raises TypeError unless the gradients of W, U and b have their shapes: others cannot be split by gate."""
    names = ("dx", "dh", "dc", "dW", "dU", *(f"d{name}" for name in BIASES[len(given) - len(TAKEN)]))
    got, wanted = [np.shape(a) for a in found], [a.shape for a in given]
    wrong = next((k for k in range(3, len(names)) if got[k] != wanted[k]), None)
    if wrong is None:
        return
    remedy = "a gradient has the shape of the array that it belongs to"
    if sorted(got) == sorted(wanted):
        left = dict(zip(names, wanted, strict=True))
        looks = [name for shape in got for name in [next(k for k in left if left[k] == shape)] if left.pop(name)]
        remedy = f"they look like {', '.join(looks)}, so return {', '.join(names)}"
    elif got[wrong] == wanted[wrong][::-1]:
        remedy = "transpose it: it has the shape of the array that the function got"
    raise TypeError(f"{names[wrong]} has shape {got[wrong]}, expected {wanted[wrong]}; {remedy}")


def is_well_formed(problem: Problem) -> bool:
    """Whether a function should answer the problem: it should refuse others."""
    try:
        return checked(problem) is problem
    except (TypeError, ValueError):
        return False


def find_right_form(ask: Callable[[Problem, Form], Answer], given: Form, about: Description) -> str:
    """The options of `from_packed` with which a function answers a small problem like the equations, in a sentence.

    Empty if the given ones are right, or if none is.
    """
    problem = make_small_problem(about)
    if problem is None:
        return ""
    layouts, orders = list(product((False, True), repeat=2)), list_orders(given.order)
    forms = (given, *(Form(order, *layout) for order in orders for layout in layouts))
    found, distance, *_ = find_nearest_form(ask, forms, problem)
    if found == given or distance >= NEAR:
        return ""
    other = {name: value for name, value in found._asdict().items() if value != getattr(given, name)}
    options = ", ".join(f"{name}={value!r}" for name, value in other.items())
    return f"with from_packed(..., {options}) it answers like the equations, so pass that"


def list_orders(first: str = GATES) -> list[str]:
    """Every order of the gates, once."""
    return list(dict.fromkeys((first, *map("".join, permutations(GATES)))))


F = TypeVar("F")


class Nearest(NamedTuple, Generic[F]):
    """The form in which the outputs are nearest to those of the equations, that in which the last states are, how near.

    A distance is a root mean square; of the states the larger one of h and c.
    """

    form: F
    distance: float
    by_states: F
    distance_of_states: float


def find_nearest_form(ask: Callable[[Problem, F], Answer], forms: Sequence[F], problem: Problem) -> Nearest[F]:
    """The first form in which the outputs are those of the equations, or else the one in which they are nearest.

    Distances are infinite, and the form is the first one, if there is no answer in any.
    """
    expected = _answer_by_equations(problem)
    best = Nearest(forms[0], np.inf, forms[0], np.inf)
    for form in forms:
        try:
            answer = ask(problem, form)
            distance, *of_states = (
                _measure_distance(*pair) for pair in zip(_list_outputs(answer), expected, strict=True)
            )
        except Exception:
            continue
        if distance < best.distance:
            best = best._replace(form=form, distance=distance)
        if max(of_states) < best.distance_of_states:
            best = best._replace(by_states=form, distance_of_states=max(of_states))
        if distance < NEAR:
            break
    return best


def _list_outputs(answer: Answer) -> tuple[Array, Array, Array]:
    return answer.y, answer.state.h, answer.state.c


def _measure_distance(got: Any, expected: Array) -> float:
    a = np.asarray(got, np.float64)
    return float(np.sqrt(np.mean((a - expected) ** 2))) if a.shape == expected.shape else np.inf


def make_small_problem(about: Description, least: tuple[int, int, int, int] = (3, 2, 4, 5)) -> Problem | None:
    """A problem of different sizes T, B, I, H, at least these.

    None if the shapes allow none that is small, or no dtype is usual.
    """
    sizes: list[int] = []
    for letter, n in zip("TBIH", least, strict=True):
        fitting = (size for size in getattr(about.shapes, letter)[: 5 * n] if size >= n and size not in sizes)
        sizes.append(next(fitting, 0))
    T, B, I, H = sizes
    dtype = next((name for name in about.dtypes if name in ("float32", "float64")), "")
    if not dtype or not all(sizes) or max(4 * H * (I + H), T * B * I) > LARGEST:
        return None
    return draw_problem(T, B, I, H, dtype)


def draw_problem(T: int, B: int, I: int, H: int, dtype: str = "float32") -> Problem:
    """One layer of the standard cell with normally distributed numbers, always the same."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(dtype)

    layer = unpack(Packed(draw(4 * H, I), draw(4 * H, H), draw(4 * H)))
    return Problem(((layer,),), draw(T, B, I), State(draw(1, B, H), draw(1, B, H)))


def _answer_by_equations(problem: Problem) -> tuple[Array, Array, Array]:
    """y (T, B, H), and the last h and c (1, B, H), one sample after the other."""
    samples = zip(np.swapaxes(problem.x, 0, 1), problem.state.h[0], problem.state.c[0], strict=True)
    ys, states = zip(*(run(problem.layer, x, State(h, c)) for x, h, c in samples), strict=True)
    h, c = (np.stack(arrays)[None] for arrays in zip(*states, strict=True))
    return np.stack(ys, axis=1), h, c
