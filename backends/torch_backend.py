"""torch.nn.LSTM and autograd, on any torch device. torch is imported when the backend is asked for."""

from functools import partial
from typing import Any

import numpy as np

from lstm_spec.contract import Backend, BackendUnavailable, Description, Feature
from lstm_spec.layouts import Packed, pack, unpack
from lstm_spec.types import Answer, Array, Cotangents, Gradients, Problem, State
from lstm_spec.validation import check_cotangents

ORDER = "ifgo"


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
            features=frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC}),
        ),
    )


def forward(device: str, problem: Problem) -> Answer:
    """The answer of the inference pass. Raises ValueError or TypeError where the problem is not well formed."""
    import torch

    problem.checked()
    with torch.no_grad():
        y, (h, c) = _module(device, problem)(*_inputs(device, problem))
    return _answer(problem, y, h, c)


def gradients(device: str, problem: Problem, cotangents: Cotangents) -> tuple[Answer, Gradients]:
    """The answer of the training pass and its gradients by autograd. Raises as `forward`."""
    import torch

    problem.checked()
    check_cotangents(problem, cotangents)
    lstm = _module(device, problem)
    x, (h0, c0) = _inputs(device, problem)
    leaves = [x, h0, c0, *lstm.parameters()]
    for leaf in leaves:
        leaf.requires_grad_()
    y, (h, c) = lstm(x, (h0, c0))
    d = [_tensor(device, a) for a in (cotangents.y, *cotangents.state)]
    found = torch.autograd.grad([y, h, c], leaves, d)
    dx, dh, dc, dW, dU, db, db_hh = (_array(tensor, problem.dtype) for tensor in found)
    layer = unpack(Packed(dW, dU, (db + db_hh) / 2), ORDER)
    return _answer(problem, y, h, c), Gradients(((layer,),), dx, State(dh, dc))


def _module(device: str, problem: Problem) -> Any:
    """A torch.nn.LSTM with the problem's weights; each of its two biases is half of ours, so both are in play."""
    import torch

    _, _, I, H = problem.sizes
    W, U, b = pack(problem.layer, ORDER)
    lstm = torch.nn.LSTM(I, H, device="meta").to_empty(device=device)
    for parameter, value in zip(lstm.parameters(), (W, U, b / 2, b / 2), strict=True):
        parameter.data = _tensor(device, value)
    return lstm


def _inputs(device: str, problem: Problem) -> tuple[Any, tuple[Any, Any]]:
    return _tensor(device, problem.x), (_tensor(device, problem.state.h), _tensor(device, problem.state.c))


def _tensor(device: str, array: Array) -> Any:
    """The array as a tensor; torch does not know NumPy's bfloat16, but it knows the bits."""
    import torch

    copied = np.array(array, order="C")
    if copied.dtype.name == "bfloat16":
        return torch.from_numpy(copied.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(copied).to(device)


def _array(tensor: Any, dtype: np.dtype[Any]) -> Array:
    import torch

    found = tensor.detach().cpu()
    return found.view(torch.int16).numpy().view(dtype) if dtype.name == "bfloat16" else found.numpy()


def _answer(problem: Problem, *tensors: Any) -> Answer:
    y, h, c = (_array(tensor, problem.dtype) for tensor in tensors)
    return Answer(y, State(h, c))
