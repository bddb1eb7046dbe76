"""Backends that are wrong in one deliberate way, or right in an unusual one; each is a target."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from click.testing import CliRunner

from backends.numpy.backend import BACKEND as NUMPY
from conformance.cli.main import main
from lstm_spec import (
    Answer,
    Array,
    Backend,
    BackendUnavailable,
    Cotangents,
    Description,
    ErrorModel,
    Feature,
    Gate,
    Gradients,
    Parameters,
    Problem,
    Shapes,
    State,
    at_most,
    checked,
    from_packed,
    multiple_of,
)

Forward = Callable[[Problem], Answer]


def answering(change: Callable[[Answer], Any], name: str) -> Backend:
    """The NumPy backend, forward only, its answers changed."""
    return replace(NUMPY, name=name, forward=lambda problem: change(NUMPY.forward(problem)), gradients=None)


def differentiating(change: Callable[[Answer, Gradients], Any], name: str) -> Backend:
    """The NumPy backend, what its gradient pass returns changed."""
    assert NUMPY.gradients is not None
    differentiate = NUMPY.gradients
    return replace(NUMPY, name=name, gradients=lambda problem, d: change(*differentiate(problem, d)))


def describing(name: str, **about: Any) -> Backend:
    """The NumPy backend with another description of itself."""
    return replace(NUMPY, name=name, description=replace(NUMPY.description, **about))


# ---------------------------------------------------------------- it does not answer


def _raises(problem: Problem) -> Answer:
    raise RuntimeError("the kernel crashed")


def _exits(problem: Problem) -> Answer:
    raise SystemExit("goodbye")


raises = replace(NUMPY, name="raises", forward=_raises, gradients=None)
exits = replace(NUMPY, name="exits", forward=_exits, gradients=None)

# ---------------------------------------------------------------- it answers with something else


class Tensor:
    """An array of another library: it has a shape and a dtype, and is not NumPy's."""

    def __init__(self, array: Array) -> None:
        self.shape, self.dtype = array.shape, array.dtype


returns_a_tuple = answering(lambda a: (a.y, a.state), "returns_a_tuple")
returns_tensors = answering(
    lambda a: Answer(Tensor(a.y), State(Tensor(a.state.h), Tensor(a.state.c))),  # type: ignore[arg-type]
    "returns_tensors",
)
puts_the_batch_first = answering(lambda a: replace(a, y=a.y.swapaxes(0, 1)), "puts_the_batch_first")
drops_the_layer_axis = answering(lambda a: replace(a, state=State(*(s[0] for s in a.state))), "drops_the_layer_axis")
returns_float16 = answering(
    lambda a: Answer(a.y.astype("float16"), State(*(s.astype("float16") for s in a.state))), "returns_float16"
)
returns_nan = answering(lambda a: Answer(a.y * np.nan, State(*(s * np.nan for s in a.state))), "returns_nan")
returns_only_gradients = differentiating(lambda answer, gradients: gradients, "returns_only_gradients")
returns_packed_gradients = differentiating(
    lambda answer, gradients: (answer, replace(gradients, parameters=((Parameters(*"ifgo"),),))),
    "returns_packed_gradients",
)


def _swapped(problem: Problem) -> Problem:
    layer = problem.layer
    assert layer.f is not None
    return replace(problem, parameters=((layer._replace(i=layer.f, f=layer.i),),))


def _differentiates_another_lstm(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    assert NUMPY.gradients is not None
    answer, gradients = NUMPY.gradients(_swapped(checked(problem)), d)
    layer = gradients.parameters[0][0]
    assert isinstance(layer.f, Gate)
    return answer, replace(gradients, parameters=((layer._replace(i=layer.f, f=layer.i),),))


differentiates_another_lstm = replace(NUMPY, name="differentiates_another_lstm", gradients=_differentiates_another_lstm)
swaps_input_and_forget_gates = replace(
    NUMPY,
    name="swaps_input_and_forget_gates",
    forward=lambda problem: NUMPY.forward(_swapped(checked(problem))),
    gradients=None,
)


def wrong_once() -> Backend:
    """A backend whose very first answer is wrong, and never another."""
    calls = iter(range(10**9))

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return replace(answer, y=answer.y + 1) if next(calls) == 0 else answer

    return replace(NUMPY, name="wrong_once", forward=forward, gradients=None)


# ---------------------------------------------------------------- it claims little, or much

claims_no_dtype = describing("claims_no_dtype", dtypes=())
claims_float16_only = describing("claims_float16_only", dtypes=("float16",))
claims_nothing = describing(
    "claims_nothing", features=frozenset(), shapes=Shapes(T=range(2**20 + 1, 2**20 + 2), H=range(512, 513))
)
plain = describing("plain", features=frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC}))
forward_only = replace(NUMPY, name="forward_only", gradients=None)
measures_itself = describing(
    "measures_itself", grades={dtype: ErrorModel(1.0, 1.0, 1.0) for dtype in ("float32", "float64")}
)
measures_itself_generously = describing(
    "measures_itself_generously",
    grades={dtype: ErrorModel(2.0**-20, 2.0**-20, 2.0**-126) for dtype in ("float32", "float64")},
)
names_an_unknown_grade = describing("names_an_unknown_grade", grades={"float32": "perfect", "float64": "perfect"})
gives_a_size_for_a_range = describing("gives_a_size_for_a_range", shapes=Shapes(H=16))  # type: ignore[arg-type]
has_brackets_in_its_name = describing("lstm[/bold]", version="1.0 [cuda]")

# ---------------------------------------------------------------- it is no backend

NOT_A_BACKEND = object()


def unavailable(device: str = "tpu") -> Backend:
    raise BackendUnavailable(f"there is no {device} here", "buy one")


def raises_when_made(device: str = "tpu") -> Backend:
    raise ValueError(f"cannot make {device!r}\nand a second line")


def makes_something_else() -> str:
    return "lstm"


# ---------------------------------------------------------------- it is right


def restricted(name: str, shapes: Shapes, backend: Backend = NUMPY) -> Backend:
    """The backend that raises outside of these shapes."""

    def fitting(problem: Problem) -> Problem:
        for letter, n in zip("TBIH", problem.sizes, strict=True):
            if n not in getattr(shapes, letter):
                raise ValueError(f"{letter} = {n} is outside of the shapes of {name}; ask what it claims")
        return problem

    return Backend(
        name,
        lambda problem: backend.forward(fitting(problem)),
        lambda problem, d: backend.differentiate(fitting(problem), d),
        replace(backend.description, shapes=shapes),
    )


in_blocks_of_8 = restricted("in_blocks_of_8", Shapes(H=multiple_of(8), T=at_most(64)))
nine_inputs = restricted("nine_inputs", Shapes(I=at_most(9)))
one_step = restricted("one_step", Shapes(T=range(1, 2)))
one_sample = restricted("one_sample", Shapes(B=range(1, 2)))
two_steps_or_more = restricted("two_steps_or_more", Shapes(T=range(2, 2**20)))

float64_only = describing("float64_only", dtypes=("float64",))


def _shuffled(problem: Problem, rng: np.random.Generator) -> Problem:
    """The same problem with its inputs in another order: another order of summation."""
    order = rng.permutation(checked(problem).sizes[2])
    gates = {k: getattr(problem.layer, k) for k in "ifgo"}
    gates = {k: gate._replace(W=gate.W[:, order]) for k, gate in gates.items()}
    return replace(problem, parameters=((Parameters(**gates),),), x=problem.x[..., order])


def sums_in_any_order(features: frozenset[Feature], name: str) -> Backend:
    rng = np.random.default_rng(5)
    about = replace(NUMPY.description, features=features)
    return Backend(name, lambda problem: NUMPY.forward(_shuffled(problem, rng)), NUMPY.gradients, about)


restless = sums_in_any_order(frozenset({Feature.GRADIENTS, Feature.EMPTY_SEQUENCE}), "restless")
restless_and_denies_it = sums_in_any_order(frozenset({Feature.DETERMINISTIC}), "restless_and_denies_it")


def _by_tanh(z: Array) -> Array:
    """The logistic function, accurate in absolute terms alone."""
    return np.asarray(0.5 + 0.5 * np.tanh(z / 2))


def _absolute(x: Array, h: Array, c: Array, W: Array, U: Array, b: Array) -> tuple[Array, Array, Array]:
    y = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ W.T + h @ U.T + b, 4, axis=1)
        c = _by_tanh(f) * c + _by_tanh(i) * np.tanh(g)
        h = _by_tanh(o) * np.tanh(c)
        y.append(h)
    return np.array(y), h, c


absolute = from_packed(
    _absolute, biases=1, name="absolute", description=Description(grades={"float32": "absolute", "float64": "absolute"})
)
absolute_unnamed = from_packed(_absolute, biases=1, name="absolute_unnamed")
returns_pairs_like_torch = from_packed(
    lambda *arrays: (_absolute(*arrays)[0], _absolute(*arrays)[1:]),  # type: ignore[arg-type]
    biases=1,
    name="returns_pairs_like_torch",
)


# ---------------------------------------------------------------- how they are judged


class Said(NamedTuple):
    """What the command line came to: its exit status, and everything that it printed."""

    status: int
    text: str


def said(*arguments: str) -> Said:
    """The command line in this process; an exception that it lets through is raised here."""
    result = CliRunner().invoke(main, arguments, prog_name="lstm-conform")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return Said(result.exit_code, result.output)


def target(name: str) -> str:
    return f"{__name__}:{name}"
