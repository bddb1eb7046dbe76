"""The border to somebody else's code: what it raises becomes Errored, what is not an answer is Refuted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.arrays import subnormals_are_kept
from conformance.nouns import name_all_arrays
from conformance.outcome import Errored, Refuted
from lstm_spec import Answer, Backend, Gate, Gradients, Parameters, State
from lstm_spec.types import Array


def guard_backend(backend: Backend) -> Backend:
    """The backend behind a border: what it raises becomes Errored, what is not an answer is Refuted."""
    gradients = backend.gradients
    return replace(
        backend,
        forward=_guard_function(backend.forward, require_answer),
        gradients=None if gradients is None else _guard_function(gradients, require_pair),
    )


def _guard_function(function: Callable[..., Any], check: Callable[[Any], None]) -> Callable[..., Any]:
    def ask(*arguments: Any) -> Any:
        inputs = [(a, a.shape) for a in name_all_arrays(arguments=arguments).values()]
        try:
            result = function(*arguments)
        except (Errored, Refuted):  # already known from the backend's own process
            raise
        except (Exception, SystemExit) as error:
            raise describe_exception(error) from error
        if not subnormals_are_kept():
            raise Errored(SWITCHED_OFF)
        require_shapes(inputs)
        check(result)
        return result

    return ask


def describe_exception(error: BaseException) -> Errored:
    """What to raise in place of an exception of the backend's; SystemExit is an end of the process."""
    return Errored(f"it raised {type(error).__name__}: {first_line(error)}", is_exception=isinstance(error, Exception))


SWITCHED_OFF = (
    "it switched subnormal numbers off for the whole process; "
    "do not link it with -ffast-math, or restore the floating-point state afterwards"
)


def require_shapes(inputs: list[tuple[Array, tuple[int, ...]]]) -> None:
    """Check that each array still has its shape, and give it back if not. Raises Refuted."""
    changed = [(a, a.shape, shape) for a, shape in inputs if a.shape != shape]
    for a, _, shape in changed:
        a.shape = shape
    if changed:
        _, now, before = changed[0]
        raise Refuted(f"it gave an input of shape {before} the shape {now}; reshape a view of it", clause="CONTRACT-1")


def require_answer(result: Any) -> None:
    """Check what `forward` returned. Raises Refuted."""
    if not (isinstance(result, Answer) and isinstance(result.state, State)):
        raise Refuted(
            f"forward returned a {type(result).__name__}, expected an lstm_spec.Answer; return Answer(y, State(h, c))",
            clause="SHAPE-1",
        )


def require_pair(result: Any) -> None:
    """Check what `gradients` returned. Raises Refuted."""
    if not (isinstance(result, tuple) and len(result) == 2 and _is_gradients(result[1])):
        raise Refuted(
            f"gradients returned a {type(result).__name__}, expected (Answer, Gradients); "
            "also return the answer of the pass that was differentiated",
            clause="SHAPE-3",
        )
    require_answer(result[0])


def _is_gradients(found: Any) -> bool:
    if not (isinstance(found, Gradients) and isinstance(found.state, State)):
        return False
    layers = found.parameters
    if not (isinstance(layers, tuple) and layers and all(isinstance(row, tuple) and row for row in layers)):
        return False
    return all(isinstance(p, Parameters) and _has_gates(p) for row in layers for p in row)


def _has_gates(p: Parameters) -> bool:
    """Every gate but the candidate may be absent; whether it may for this problem is said by the shapes."""
    return isinstance(p.g, Gate) and all(gate is None or isinstance(gate, Gate) for gate in (p.i, p.f, p.o))


def first_line(error: BaseException) -> str:
    """The first line of the exception's message."""
    return (str(error).strip().splitlines() or ["(no message)"])[0]
