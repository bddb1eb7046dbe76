"""What goes wrong when trained weights are deployed: nine mistakes, made with any network."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import ml_dtypes
import numpy as np

from lstm_spec import Answer, Problem, State
from lstm_spec.network import forward
from lstm_spec.types import Array, Gate, Parameters, each_array

Change = Callable[[Array], Array]


def change_gates(problem: Problem, change: Callable[[str, Gate], Gate]) -> Problem:
    """The problem with other weights, in every layer and direction."""
    rows = [[_change_parameters(p, change) for p in row] for row in problem.parameters]
    return replace(problem, parameters=tuple(map(tuple, rows)))


def _change_parameters(p: Parameters, change: Callable[[str, Gate], Gate]) -> Parameters:
    return p._replace(**{k: change(k, gate) for k, gate in p.gates.items()})  # type: ignore[arg-type]


def change_weights(problem: Problem, change: Change) -> Problem:
    """The problem with every array of weights changed in its own dtype."""
    rows = [[each_array(lambda a: change(a).astype(a.dtype), p) for p in row] for row in problem.parameters]
    return replace(problem, parameters=tuple(map(tuple, rows)))


def _swap_gates(problem: Problem) -> Problem:
    """The order i f g o, read as i g f o."""
    rows = [[p._replace(f=p.gates["g"], g=p.gates["f"]) for p in row] for row in problem.parameters]
    return replace(problem, parameters=tuple(map(tuple, rows)))


def _add_to_forget_bias(problem: Problem) -> Problem:
    return change_gates(problem, lambda k, gate: gate._replace(b=gate.b + np.float32(k == "f")))


def _move_one_weight(problem: Problem) -> Problem:
    """One recurrent weight of the last layer, in the middle of the input gate's, is off by 0.001."""
    *rows, (first, *others) = problem.parameters
    gate = first.gates["i"]
    U = np.array(gate.U)
    U[len(U) // 2, U.shape[1] // 2] += np.float32(1e-3)
    return replace(problem, parameters=(*rows, (first._replace(i=gate._replace(U=U)), *others)))


def _round_to_int8(a: Array) -> Array:
    scale = np.abs(a).max() / 127
    return np.round(a / scale) * scale


def round_to_tf32(a: Array) -> Array:
    """The nearest numbers with 10 bits behind the point, as tensor cores read them."""
    return ((a.astype("f4").view("u4") + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view("f4")


def multiply_in_tf32(problem: Problem) -> list[Answer]:
    """What each layer answers if all that is multiplied is rounded to TF32; the last has the states of all."""
    D, x, found, last = len(problem.directions), problem.x, list[Answer](), list[State]()
    for k, row in enumerate(problem.parameters):
        sides = []
        for d, p in enumerate(row):
            rounded = _change_parameters(p, lambda _, g: g._replace(W=round_to_tf32(g.W), U=round_to_tf32(g.U)))
            y, state = _read_steps(problem, rounded, x, k * D + d, problem.directions[d] == "reverse")
            sides.append(y)
            last.append(state)
        x = np.concatenate(sides, axis=2)
        found.append(Answer(x, State(*(np.concatenate([state[part] for state in last]) for part in (0, 1)))))
    return found


def _read_steps(problem: Problem, p: Parameters, x: Array, reader: int, is_reverse: bool) -> tuple[Array, State]:
    state, y = State(*(a[reader : reader + 1] for a in problem.state)), np.zeros((*x.shape[:2], problem.P), "f4")
    for t in reversed(range(len(x))) if is_reverse else range(len(x)):
        state = state._replace(h=round_to_tf32(state.h))
        step = Problem(((p,),), round_to_tf32(x[t : t + 1]), state, None, problem.variant, ("forward",))
        answer = forward(step)
        y[t], state = answer.y[0], answer.state
    return y, state


MISTAKES: Mapping[str, Callable[[Problem], Problem]] = {  # those that are made with the weights
    "gate order": _swap_gates,
    "no bias": lambda problem: change_gates(problem, lambda k, gate: gate._replace(b=0 * gate.b)),
    "forget bias + 1": _add_to_forget_bias,
    "U transposed": lambda problem: change_gates(problem, lambda k, gate: gate._replace(U=gate.U.T)),
    "float16": lambda problem: change_weights(problem, lambda a: a.astype(np.float16)),
    "bfloat16": lambda problem: change_weights(problem, lambda a: a.astype(ml_dtypes.bfloat16)),
    "int8": lambda problem: change_weights(problem, _round_to_int8),
    "one weight": _move_one_weight,
}
TF32 = "TF32"
