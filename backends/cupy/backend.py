"""An LSTM on a CUDA device, by CuPy: any layers, directions, lengths and variants, with hand-written gradients.

cupy is imported when the backend is requested.
"""

import os
from dataclasses import replace
from functools import partial

import numpy as np

from backends.cupy.backwards import read_backwards
from backends.cupy.kernels import STORED, to_device, to_host
from backends.cupy.layer import layer_of, read_forwards
from backends.stacked import Rows, StackedProblem, run_layers, run_layers_backwards, stack_problem
from lstm_spec.accuracy import ErrorModel, error_model
from lstm_spec.contract import Backend, BackendUnavailable, Description
from lstm_spec.storage import compute_wide, has_narrow_weights
from lstm_spec.types import Answer, Cotangents, Feature, Gradients, Problem, State, each_array
from lstm_spec.validation import check_cotangents, checked

WHEEL = 'pip install "lstm-spec[cuda13x]" (or cuda12x), on a machine with an NVIDIA GPU and its driver'


def backend(device: str = "cuda") -> Backend:
    """The backend on a CUDA device ("cuda" or "cuda:1"); raises BackendUnavailable without CuPy or the device."""
    try:
        import cupy
    except Exception as error:  # CuPy raises its own errors if a CUDA library is missing
        raise BackendUnavailable(f"cupy cannot be imported ({_first_line(error)})", WHEEL) from error
    try:
        number = device_number(device)
        with cupy.cuda.Device(number):
            cupy.zeros(1).sum().item()
    except Exception as error:
        reason = f"cupy {cupy.__version__} cannot use device {device!r} ({_first_line(error)})"
        raise BackendUnavailable(
            reason, "choose a usable one with --device, e.g. cuda:0; nvidia-smi lists them"
        ) from error
    grades: dict[str, str | ErrorModel] = {"float16": "wide", "bfloat16": "wide"}
    if os.environ.get("CUPY_TF32", "0") not in ("", "0"):
        grades["float32"] = TF32
    about = Description(cupy.__version__, device, tuple(STORED), frozenset(Feature), grades=grades)
    return compute_wide(
        Backend("cupy", partial(forward, number), partial(gradients, number), about), has_narrow_weights
    )


TF32 = replace(error_model("relative", "float32"), u_acc=2.0**-9)  # each factor of a product has 10 bits of fraction


def device_number(device: str) -> int:
    """The number of the device "cuda" (0) or "cuda:N"; raises ValueError for any other name."""
    name, _, number = device.partition(":")
    if name != "cuda" or not (number or "0").isdigit():
        raise ValueError("expected cuda, or cuda:1 for the second device")
    return int(number or 0)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def forward(device: int, problem: Problem) -> Answer:
    """The answer to the problem. Raises ValueError or TypeError if the problem is not well formed."""
    import cupy

    checked(problem)
    with cupy.cuda.Device(device):
        q = problem_on_device(problem)
        _, y, after = run_layers(q, _layers_of(problem), partial(read_forwards, lengths=q.lengths, keep=False))
        return Answer(to_host(y, problem), _state_to_host(after, problem))


def gradients(device: int, problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of the same pass. Raises like `forward`, also if the cotangents do not fit."""
    import cupy

    checked(problem)
    check_cotangents(problem, cotangents)
    with cupy.cuda.Device(device):
        q, layers = problem_on_device(problem), _layers_of(problem)
        traces, y, after = run_layers(q, layers, partial(read_forwards, lengths=q.lengths, keep=True))
        d = State(*map(to_device, cotangents.state))
        back = partial(read_backwards, lengths=q.lengths)
        found = run_layers_backwards(q, layers, traces, to_device(cotangents.y), d, back)
        stored = partial(to_host, problem=problem)
        rows = tuple(tuple(each_array(stored, p) for p in row) for row in found.parameters)
        answer = Answer(stored(y), _state_to_host(after, problem))
        return answer, Gradients(rows, stored(found.x), _state_to_host(found.state, problem))


def problem_on_device(problem: Problem) -> StackedProblem:
    """The problem in arrays of the current device."""
    import cupy

    lengths = None if problem.lengths is None else cupy.asarray(problem.lengths.astype(np.int32))
    return stack_problem(cupy, problem, to_device(problem.x), State(*map(to_device, problem.state)), lengths)


def _state_to_host(s: State, problem: Problem) -> State:
    return State(to_host(s.h, problem), to_host(s.c, problem))


def _layers_of(problem: Problem) -> Rows:
    return [[layer_of(p, problem.variant) for p in row] for row in problem.parameters]
