"""torch.nn.LSTM and autograd, on any torch device. torch is imported when the backend is asked for."""

from contextlib import nullcontext
from functools import cache, partial
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np

from lstm_spec.contract import Backend, BackendUnavailable, Description
from lstm_spec.packing import Packed, pack, unpack
from lstm_spec.types import GATES, STANDARD, Answer, Array, Cotangents, Feature, Gradients, Parameters, Problem, State
from lstm_spec.validation import check_cotangents, checked


def backend(device: str = "cpu") -> Backend:
    """The backend on a torch device; raises BackendUnavailable without torch or without that device."""
    try:
        import torch
    except ImportError as error:
        raise BackendUnavailable(f"torch cannot be imported ({error})", 'pip install "lstm-spec[torch]"') from error
    try:
        torch.zeros(1, device=device).item()
    except Exception as error:  # torch raises a different class for each kind of device it lacks
        reason = str(error).splitlines()[0]
        raise BackendUnavailable(
            f"torch {torch.__version__} cannot use device {device!r} ({reason})",
            "choose one that it can with --device, e.g. cpu",
        ) from error
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

    _check(problem)
    with torch.no_grad():
        y, (h, c) = _called(_module(device, problem), problem, *_inputs(device, problem))
    return _answer(problem, y, h, c)


def gradients(device: str, problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer of the training pass and its gradients by autograd. Raises like `forward`."""
    import torch

    _check(problem)
    check_cotangents(problem, cotangents)
    lstm = _module(device, problem)
    x, (h0, c0) = _inputs(device, problem)
    names, weights = zip(*lstm.named_parameters(), strict=True)
    leaves = [x, h0, c0, *weights]
    for leaf in leaves:
        leaf.requires_grad_()
    y, (h, c) = _called(lstm, problem, x, (h0, c0))
    d = [_tensor(device, a) for a in (_within(problem, cotangents.y), *cotangents.state)]
    dx, dh, dc, *found = (_array(a, problem.dtype) for a in torch.autograd.grad([y, h, c], leaves, d))
    named = dict(zip(names, found, strict=True))
    rows = tuple(
        tuple(_layer(named, layer, k, problem) for k in range(len(row))) for layer, row in enumerate(problem.parameters)
    )
    return _answer(problem, y, h, c), Gradients(rows, dx, State(dh, dc))


def _check(problem: Problem) -> None:
    """ValueError for what torch.nn.LSTM has not."""
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


def _within(problem: Problem, dy: Array) -> Array:
    """The cotangents within the lengths; those beyond are selected away, NaN or not."""
    if problem.lengths is None:
        return dy
    return np.where((np.arange(len(dy))[:, None] < problem.lengths)[..., None], dy, np.zeros((), dy.dtype))


def _module(device: str, problem: Problem) -> Any:
    """A torch.nn.LSTM with the problem's weights; each of its two biases is half of ours, so both are in play."""
    _, _, I, H = problem.sizes
    layers, both = len(problem.parameters), len(problem.directions) == 2
    size = 0 if problem.layer.R is None else problem.P
    lstm = _uninitialised()(I, H, layers, bidirectional=both, proj_size=size, device=device)
    for layer, row in enumerate(problem.parameters):
        for d, p in enumerate(row):
            W, U, b = pack(p, GATES)
            values = {"W": W, "U": U, "b": b / 2, "b_hh": b / 2} | ({} if p.R is None else {"R": p.R})
            for name, value in values.items():
                getattr(lstm, _name(name, layer, d)).data = _tensor(device, value)
    return lstm


@cache
def _uninitialised() -> Any:
    """torch.nn.LSTM whose weights are set by whoever makes one; drawing them would move torch's random numbers on."""
    import torch

    class Uninitialised(torch.nn.LSTM):  # type: ignore[misc]
        def reset_parameters(self) -> None:
            pass

    return Uninitialised


def _name(part: str, layer: int, d: int) -> str:
    return f"{NAMES[part]}_l{layer}{'_reverse' if d else ''}"


def _layer(found: dict[str, Array], layer: int, d: int, problem: Problem) -> Parameters:
    """The gradients of one layer in one direction; that of the bias is the mean of its halves'."""
    W, U, b, b_hh = (found[_name(part, layer, d)] for part in ("W", "U", "b", "b_hh"))
    R = None if problem.layer.R is None else found[_name("R", layer, d)]
    return unpack(Packed(W, U, (b + b_hh) / 2), GATES)._replace(R=R)


def _called(lstm: Any, problem: Problem, x: Any, state: tuple[Any, Any]) -> Any:
    """y padded with zeros, and the final state; sequences of different lengths are packed."""
    from torch import from_numpy
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    with catch_warnings() if problem.layer.R is not None else nullcontext():  # it takes as long as a short sequence
        if problem.layer.R is not None:
            filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")  # it says how, not what
        if problem.lengths is None:
            return lstm(x, state)
        lengths = from_numpy(np.array(problem.lengths, np.int64))
        y, after = lstm(pack_padded_sequence(x, lengths, enforce_sorted=False), state)
        return pad_packed_sequence(y, total_length=len(x))[0], after


def _inputs(device: str, problem: Problem) -> tuple[Any, tuple[Any, Any]]:
    return _tensor(device, problem.x), (_tensor(device, problem.state.h), _tensor(device, problem.state.c))


def _tensor(device: str, array: Array) -> Any:
    """The array as a tensor; torch does not know NumPy's bfloat16, but it knows the bits."""
    import torch

    copied = np.array(array, order="C")
    if _is_bfloat16(copied.dtype):
        return torch.from_numpy(copied.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(copied).to(device)


def _is_bfloat16(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize == 2 and dtype.name == "bfloat16"  # a name takes NumPy longer than a step takes torch


def _array(tensor: Any, dtype: np.dtype[Any]) -> Array:
    import torch

    found = tensor.detach().cpu()
    return found.view(torch.int16).numpy().view(dtype) if _is_bfloat16(dtype) else found.numpy()


def _answer(problem: Problem, *tensors: Any) -> Answer:
    y, h, c = (_array(tensor, problem.dtype) for tensor in tensors)
    return Answer(y, State(h, c))
