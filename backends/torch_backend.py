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
            features=frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC}),
        ),
    )


def forward(device: str, problem: Problem) -> Answer:
    """The answer of the inference pass. Raises ValueError or TypeError where the problem is not well formed."""
    import torch

    problem.checked()
    with torch.no_grad():
        y, (h, c) = _module(device, problem)(*_inputs(device, problem))
    return _answer(y, h, c)


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
    dx, dh, dc, dW, dU, db, db_hh = map(_array, torch.autograd.grad([y, h, c], leaves, d))
    layer = unpack(Packed(dW, dU, (db + db_hh) / 2), ORDER)
    return _answer(y, h, c), Gradients(((layer,),), dx, State(dh, dc))


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
    import torch

    return torch.from_numpy(np.array(array, order="C")).to(device)


def _array(tensor: Any) -> Array:
    return tensor.detach().cpu().numpy()


def _answer(y: Any, h: Any, c: Any) -> Answer:
    return Answer(_array(y), State(_array(h), _array(c)))
