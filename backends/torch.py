"""torch.nn.LSTM and autograd, on any torch device. torch is imported when the backend is requested."""

from contextlib import nullcontext
from functools import cache, partial
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np

from lstm_spec.adapters.weights import mix_gradients
from lstm_spec.contract import Backend, Description
from lstm_spec.frameworks import require_library
from lstm_spec.packing import Packed, pack, unpack
from lstm_spec.types import GATES, STANDARD, Answer, Array, Cotangents, Feature, Gradients, Parameters, Problem, State
from lstm_spec.validation import check_cotangents, checked


def backend(device: str = "cpu") -> Backend:
    """The backend on a torch device; raises BackendUnavailable without torch or without that device."""
    require_library("torch")
    import torch

    from lstm_spec.adapters.torch.tensors import require_device

    require_device(device)
    return Backend(
        "torch",
        partial(forward, device),
        partial(gradients, device),
        Description(
            version=torch.__version__,
            device=device,
            dtypes=("float32", "float64", "bfloat16", "float16"),
            features=CLAIMED,
        ),
    )


CLAIMED = frozenset(
    {
        Feature.GRADIENTS,
        Feature.DETERMINISTIC,
        Feature.LENGTHS,
        Feature.BIDIRECTIONAL,
        Feature.LAYERS,
        Feature.PROJECTION,
    }
)
NAMES = {"W": "weight_ih", "U": "weight_hh", "b": "bias_ih", "b_hh": "bias_hh", "R": "weight_hr"}


def forward(device: str, problem: Problem) -> Answer:
    """The answer of the inference pass.

    Raises ValueError or TypeError if the problem is not well formed, ValueError if torch.nn.LSTM cannot do it.
    """
    import torch

    _check_supported(problem)
    with torch.no_grad():
        y, (h, c) = _run_module(make_module(device, problem), problem, *to_inputs(device, problem))
    return _to_answer(problem, y, h, c)


def gradients(device: str, problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer of the training pass and its gradients by autograd. Raises like `forward`."""
    import torch

    from lstm_spec.adapters.torch.tensors import to_array, to_tensor

    _check_supported(problem)
    check_cotangents(problem, cotangents)
    lstm = make_module(device, problem)
    x, (h0, c0) = to_inputs(device, problem)
    names, weights = zip(*lstm.named_parameters(), strict=True)
    leaves = [x, h0, c0, *weights]
    for leaf in leaves:
        leaf.requires_grad_()
    y, (h, c) = _run_module(lstm, problem, x, (h0, c0))
    d = [to_tensor(a, device) for a in (_select_valid(problem, cotangents.y), *cotangents.state)]
    dx, dh, dc, *found = (to_array(a, problem.dtype) for a in torch.autograd.grad([y, h, c], leaves, d))
    named = dict(zip(names, found, strict=True))
    rows = tuple(
        tuple(_gradients_of_layer(named, layer, k, problem) for k in range(len(row)))
        for layer, row in enumerate(problem.parameters)
    )
    return _to_answer(problem, y, h, c), Gradients(rows, dx, State(dh, dc))


def _check_supported(problem: Problem) -> None:
    """Raise ValueError if torch.nn.LSTM cannot do the problem."""
    checked(problem)
    variant, P, H = problem.variant, problem.P, problem.sizes[3]
    if variant != STANDARD:
        raise ValueError(f"the variant is {variant}, expected {STANDARD}; torch.nn.LSTM has no other")
    if problem.directions == ("reverse",):
        raise ValueError("directions is ('reverse',), expected forward or both; reverse x within its lengths instead")
    if problem.layer.R is not None and P == H:
        raise ValueError(f"P = {P} = H, expected fewer projected than cells; torch.nn.LSTM has no other")
    if problem.lengths is not None and (problem.lengths == 0).any():
        raise ValueError("lengths has 0, expected at least 1; leave empty sequences out of the batch")


def _select_valid(problem: Problem, dy: Array) -> Array:
    """The cotangents within the lengths and 0 beyond, even if there is a NaN."""
    if problem.lengths is None:
        return dy
    return np.where((np.arange(len(dy))[:, None] < problem.lengths)[..., None], dy, np.zeros((), dy.dtype))


def make_module(device: str, problem: Problem) -> Any:
    """A torch.nn.LSTM with the problem's weights; each of its two biases is half of ours, so that both are used."""
    from lstm_spec.adapters.torch.tensors import to_tensor

    _, _, I, H = problem.sizes
    layers, both = len(problem.parameters), len(problem.directions) == 2
    size = 0 if problem.layer.R is None else problem.P
    lstm = _uninitialised_class()(I, H, layers, bidirectional=both, proj_size=size, device=device)
    for layer, row in enumerate(problem.parameters):
        for d, p in enumerate(row):
            W, U, b = pack(p, GATES)
            values = {"W": W, "U": U, "b": b / 2, "b_hh": b / 2} | ({} if p.R is None else {"R": p.R})
            for name, value in values.items():
                getattr(lstm, _weight_name(name, layer, d)).data = to_tensor(value, device)
    return lstm


@cache
def _uninitialised_class() -> Any:
    """torch.nn.LSTM without random weights: the caller sets them, and torch's random generator is not advanced."""
    import torch

    class Uninitialised(torch.nn.LSTM):  # type: ignore[misc]
        def reset_parameters(self) -> None:
            pass

    return Uninitialised


def _weight_name(part: str, layer: int, d: int) -> str:
    return f"{NAMES[part]}_l{layer}{'_reverse' if d else ''}"


def _gradients_of_layer(found: dict[str, Array], layer: int, d: int, problem: Problem) -> Parameters:
    """The gradients of one layer in one direction; the two biases have one gradient."""
    W, U, b, b_hh = (found[_weight_name(part, layer, d)] for part in ("W", "U", "b", "b_hh"))
    R = None if problem.layer.R is None else found[_weight_name("R", layer, d)]
    return unpack(Packed(W, U, mix_gradients(b, b_hh)), GATES)._replace(R=R)


def _run_module(lstm: Any, problem: Problem, x: Any, state: tuple[Any, Any]) -> Any:
    """y padded with zeros, and the final state; sequences of different lengths are packed."""
    from torch import from_numpy
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    with catch_warnings() if problem.layer.R is not None else nullcontext():  # it is slow
        if problem.layer.R is not None:
            filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")  # only speed
        if problem.lengths is None:
            return lstm(x, state)
        lengths = from_numpy(np.array(problem.lengths, np.int64))
        y, after = lstm(pack_padded_sequence(x, lengths, enforce_sorted=False), state)
        return pad_packed_sequence(y, total_length=len(x))[0], after


def to_inputs(device: str, problem: Problem) -> tuple[Any, tuple[Any, Any]]:
    """The tensors that torch.nn.LSTM reads: x, and the pair of h and c."""
    from lstm_spec.adapters.torch.tensors import to_tensor

    return to_tensor(problem.x, device), (to_tensor(problem.state.h, device), to_tensor(problem.state.c, device))


def _to_answer(problem: Problem, *tensors: Any) -> Answer:
    from lstm_spec.adapters.torch.tensors import to_array

    y, h, c = (to_array(tensor, problem.dtype) for tensor in tensors)
    return Answer(y, State(h, c))
