"""The border to somebody else's code: what it raises becomes Errored, what is not an answer is Refuted.

What passes is made of plain arrays, in nouns of ours: nothing that is computed with it runs code of the target.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.arrays import subnormals_are_kept
from conformance.nouns import name_all_arrays
from conformance.outcome import Errored, Refuted
from conformance.targets.mistakes import suggest_answer, suggest_array, suggest_pair
from conformance.targets.raised import describe_raised, name_type, raise_interrupt, read_message
from lstm_spec import Answer, Backend, Gate, Gradients, Parameters, State
from lstm_spec.types import GATES, Array


def guard_backend(backend: Backend) -> Backend:
    """The backend behind a border: what it raises becomes Errored, what is not an answer is Refuted."""
    gradients, converse = backend.gradients, backend.converse
    return replace(
        backend,
        forward=_guard_function(backend.forward, make_plain_answer),
        gradients=None if gradients is None else _guard_function(gradients, make_plain_pair),
        converse=None if converse is None else _guard_function(converse, make_plain_replies),
    )


def _guard_function(function: Callable[..., Any], plain: Callable[[Any], Any]) -> Callable[..., Any]:
    def ask(*arguments: Any) -> Any:
        inputs = [(a, a.shape) for a in name_all_arrays(arguments=arguments).values()]
        result = call_target(function, arguments, plain)
        if isinstance(result, Errored):  # outside of its `except`: nothing of the target's exception hangs on it
            raise result
        require_shapes(inputs)
        return result

    return ask


def call_target(function: Callable[..., Any], arguments: Any, plain: Callable[[Any], Any]) -> Any:
    """What `plain` makes of the result of a call; an Errored, not raised, if the target raised anything.

    Raises Refuted if the result is no answer, and KeyboardInterrupt if it may be the user's.
    """
    try:
        result = plain(function(*arguments))
    except Refuted:
        raise
    except Errored as error:  # already known from the backend's own process
        return error
    except BaseException as error:
        raise_interrupt(error)
        return describe_exception(error)
    return result if subnormals_are_kept() else Errored(SWITCHED_OFF)


def describe_exception(error: BaseException) -> Errored:
    """What to raise in place of an exception of the backend's; SystemExit is an end of the process."""
    is_exception = issubclass(type(error), Exception)
    return Errored(f"it raised {describe_raised(error)}", is_exception=is_exception, message=read_message(error))


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


# ---------------------------------------------------------------- nouns and plain arrays

WRITTEN = "biufcSUVmM"  # the kinds of dtypes that are bytes and no objects


def make_plain_answer(result: Any) -> Answer:
    """The Answer that `forward` returned, of plain arrays. Raises Refuted, and whatever its fields raise."""
    if not (is_made_of(result, Answer) and is_made_of(result.state, State)):
        raise Refuted(
            f"forward returned a {name_type(result)}, expected an lstm_spec.Answer; {suggest_answer(result)}",
            clause="SHAPE-1",
        )
    h, c = tuple.__iter__(result.state)
    parts = {"y": result.y, "the final h": h, "the final c": c}
    y, h, c = (_require_plain(what, a, "SHAPE-1") for what, a in parts.items())
    return Answer(y, State(h, c))


def make_plain_replies(result: Any) -> tuple[Any, ...]:
    """What a session of modules returned, of plain arrays. Raises Refuted, and whatever its fields raise."""
    return tuple(map(_make_plain_reply, tuple.__iter__(result)))


def _make_plain_reply(reply: Any) -> Any:
    """An Answer, a pair of it and gradients, of which parts may be missing, parameters, or None."""
    if reply is None:
        return None
    if (rows := _make_plain_rows(reply)) is not None:
        return rows
    if is_made_of(reply, tuple):
        return make_plain_pair(reply, partial=True)
    return make_plain_answer(reply)


def make_plain_pair(result: Any, partial: bool = False) -> tuple[Answer, Gradients]:
    """What `gradients` returned, of plain arrays; `partial`: an array may be None. Raises as `make_plain_answer`."""
    if not (is_made_of(result, tuple) and tuple.__len__(result) == 2):
        raise _refuse_pair(result)
    answer, found = tuple.__iter__(result)
    if not (is_made_of(found, Gradients) and is_made_of(found.state, State)):
        raise _refuse_pair(result)
    answer, rows = make_plain_answer(answer), _make_plain_rows(found.parameters)
    if rows is None:
        raise _refuse_pair(result)
    h, c = tuple.__iter__(found.state)
    parts = {"x": found.x, "h_0": h, "c_0": c}
    require = _require_plain_or_none if partial else _require_plain
    x, h, c = (require(f"the gradient of {name}", a) for name, a in parts.items())
    return answer, Gradients(rows, x, State(h, c))  # type: ignore[arg-type]  # None only if partial


def _make_plain_rows(value: Any) -> tuple[tuple[Parameters, ...], ...] | None:
    """Parameters of layers and directions; None if it is something else."""
    layers = [_list_parts(row) for row in _list_parts(value)]
    if not (layers and all(row and all(is_made_of(p, Parameters) for p in row) for row in layers)):
        return None
    return tuple(tuple(map(_make_plain_parameters, row)) for row in layers)


def is_made_of(value: Any, noun: type) -> bool:
    """Whether the value is one, by its type and not by what it says of its class."""
    return issubclass(type(value), noun)


def _list_parts(value: Any) -> list[Any]:
    return list(tuple.__iter__(value)) if is_made_of(value, tuple) else []


def _refuse_pair(result: Any) -> Refuted:
    return Refuted(
        f"gradients returned a {name_type(result)}, expected (Answer, Gradients); {suggest_pair(result)}",
        clause="SHAPE-3",
    )


def _make_plain_parameters(p: Parameters) -> Parameters:
    """Every gate but the candidate may be absent; whether it may for this problem is said by the shapes."""
    *gates, R = list[Any](tuple.__iter__(p))
    if not (is_made_of(gates[2], Gate) and all(gate is None or is_made_of(gate, Gate) for gate in gates)):
        raise _refuse_pair((p,))
    i, f, g, o = (None if gate is None else _make_plain_gate(k, gate) for k, gate in zip(GATES, gates, strict=True))
    assert g is not None
    return Parameters(i, f, g, o, _require_plain_or_none("the gradient of R", R))


def _make_plain_gate(letter: str, gate: Gate) -> Gate:
    named = zip(Gate._fields, tuple.__iter__(gate), strict=True)
    return Gate(*(_require_plain_or_none(f"the gradient of {letter}.{part}", a) for part, a in named))  # type: ignore[arg-type]


def _require_plain_or_none(name: str, a: Any) -> Array | None:
    return None if a is None else _require_plain(name, a)


def _require_plain(what: str, a: Any, clause: str = "SHAPE-3") -> Array:
    """The array. Raises Refuted if it is no numpy.ndarray, of a subclass, or of objects."""
    if type(a) is np.ndarray and a.dtype.kind in WRITTEN and not a.dtype.hasobject:
        return a
    kind = name_type(a, with_module=True)
    if type(a) is np.ndarray:
        kind, remedy = f"numpy.ndarray of dtype {name_type(a.dtype)}", "make it an array of numbers"
    elif is_made_of(a, np.ndarray):
        remedy = "no subclass of it may be returned: return numpy.asarray(it)"
    else:
        remedy = suggest_array(a)
    raise Refuted(f"{what} is a {kind}, expected a numpy.ndarray; {remedy}", clause=clause)
