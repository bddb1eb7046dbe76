"""Mistakes in the gradient of an LSTM written with torch: hooks, detached tensors, Functions of a wrong derivative.

The forward pass is right. torch is imported where it is used, so that this table can be read without it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from lstm_spec import Array, Backend, from_packed
from tests.planted.entry import Planted

Tensors = tuple[Any, ...]


def _kept(a: Any) -> Any:
    return a


class Ways(NamedTuple):
    """What is done to a tensor on its way through the training pass; what is not named is left alone."""

    given: Callable[..., Tensors] = lambda *leaves: leaves  # x, h, c, W, U, b as the loop reads them
    between: Callable[[int, Any, Any], Tensors] = lambda t, h, c: (h, c)
    read: Callable[[Any], Any] = _kept  # h as the gates read it
    gate: Callable[[str, Any], Any] = lambda letter, a: a
    kept: Callable[[Any], Any] = _kept  # c as it is kept
    sigmoid: Callable[[Any], Any] | None = None
    tanh: Callable[[Any], Any] | None = None  # of the candidate
    squash: Callable[[Any], Any] | None = None  # of the cell
    recurrent: Callable[[int, int, Any], Any] = lambda t, T, U: U
    returned: Callable[[Any, Any, Any], Tensors] = lambda y, h, c: (y, h, c)
    found: Callable[..., Tensors] = lambda *gradients: gradients


def _lstm(ways: Ways, *leaves: Any) -> Tensors:
    import torch
    from torch.nn.functional import linear

    x, h, c, W, U, b = ways.given(*leaves)
    sigmoid, tanh, squash = ways.sigmoid or torch.sigmoid, ways.tanh or torch.tanh, ways.squash or torch.tanh
    ys = []
    for t, x_t in enumerate(x):
        h, c = ways.between(t, h, c)
        z = linear(x_t, W, b) + linear(ways.read(h), ways.recurrent(t, len(x), U))
        i, f, g, o = (a if k == "g" else sigmoid(a) for k, a in zip("ifgo", z.chunk(4, 1), strict=True))
        i, f, g, o = (ways.gate(k, a) for k, a in zip("ifgo", (i, f, tanh(g), o), strict=True))
        c = f * ways.kept(c) + i * g
        h = o * squash(c)
        ys.append(h)
    return ways.returned(torch.stack(ys), h, c)


def _forward(*given: Array) -> tuple[Array, ...]:
    import torch

    with torch.no_grad():
        return tuple(a.numpy() for a in _lstm(Ways(), *map(torch.from_numpy, given)))


def _gradients(ways: Ways, *given: Array) -> tuple[Array, ...]:
    import torch

    *arrays, dy, dh, dc = map(torch.from_numpy, given)
    leaves = [a.requires_grad_() for a in arrays]
    outputs = _lstm(ways, *leaves)
    reached = [(out, d) for out, d in zip(outputs, (dy, dh, dc), strict=True) if out.requires_grad]
    ends, losses = zip(*reached, strict=True)
    found = torch.autograd.grad(ends, leaves, losses, allow_unused=True, materialize_grads=True)
    return tuple(a.detach().numpy() for a in (*outputs, *ways.found(*found)))


def _built(name: str, ways: Callable[[], Ways]) -> Backend:
    made = ways()
    return from_packed(_forward, partial(_gradients, made), biases=1, name=name)


def _hooked(
    name: str, ways: Callable[[], Ways], *means: str, family: str = "gradient", how: str = "", error: str = ""
) -> Planted:
    build = partial(_built, name, ways)
    return Planted(name, family, "autograd", how or f"torch: {name}", build, frozenset(means), error)


# ---------------------------------------------------------------- detached


def _swapped(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Tensors:
    import torch

    def swapped(a: Any) -> Any:
        i, f, g, o = a.chunk(4)
        return torch.cat([f, i, g, o])

    return (x, h, c, *map(swapped, (W, U, b)))


def _dropped(h: Any) -> Any:
    import torch

    return torch.nn.functional.dropout(h, 0.5, training=True)


def _every(k: int) -> Callable[[], Ways]:
    return lambda: Ways(between=lambda t, h, c: (h.detach(), c.detach()) if t and t % k == 0 else (h, c))


def _detached(*letters: str) -> Callable[[], Ways]:
    """Leaves whose gradient is lost."""
    return lambda: Ways(
        given=lambda *leaves: tuple(a.detach() if k in letters else a for k, a in zip("xhcWUb", leaves, strict=True))
    )


def _gate_detached(letter: str) -> Callable[[], Ways]:
    return lambda: Ways(gate=lambda k, a: a.detach() if k == letter else a)


def _last_y(y: Any, h: Any, c: Any) -> Tensors:
    import torch

    return torch.cat([y[:-1].detach(), y[-1:]]), h, c


DETACHED = (
    _hooked("detaches the state every step", _every(1), "truncates_the_gradient_after_1_steps"),
    _hooked("detaches the state every 50 steps", _every(50), "truncates_the_gradient_after_50_steps"),
    _hooked("detaches the state every 200 steps", _every(200), "truncates_the_gradient_after_200_steps"),
    _hooked("detaches the state every 32 steps", _every(32)),
    _hooked("detaches h", lambda: Ways(read=lambda h: h.detach()), "drops_the_path_through_the_hidden_state"),
    _hooked("detaches c", lambda: Ways(kept=lambda c: c.detach()), "drops_the_path_through_the_cell_state"),
    _hooked("detaches f", _gate_detached("f"), "holds_the_forget_gate_constant"),
    _hooked("detaches i", _gate_detached("i")),
    _hooked("detaches o", _gate_detached("o")),
    _hooked("detaches x", _detached("x")),
    _hooked("detaches h_0", _detached("h"), "leaves_out_the_gradient_of_the_initial_hidden_state"),
    _hooked("detaches c_0", _detached("c")),
    _hooked("detaches the initial state", _detached("h", "c")),
    _hooked("detaches U", _detached("U"), "leaves_out_the_gradient_of_the_recurrent_weights"),
    _hooked("detaches b", _detached("b")),
    _hooked(
        "detaches h_T",
        lambda: Ways(returned=lambda y, h, c: (y, h.detach(), c)),
        "ignores_the_gradient_of_the_final_hidden_state",
    ),
    _hooked(
        "detaches c_T",
        lambda: Ways(returned=lambda y, h, c: (y, h, c.detach())),
        "ignores_the_gradient_of_the_final_cell_state",
    ),
    _hooked(
        "detaches all of y but the last",
        lambda: Ways(returned=_last_y),
        "ignores_the_gradient_of_all_outputs_but_the_last",
    ),
    _hooked(
        "detaches U at the last step",
        lambda: Ways(recurrent=lambda t, T, U: U if t < T - 1 else U.detach()),
        "misses_the_last_step_in_the_recurrent_weights",
    ),
    _hooked("detaches U at the first step", lambda: Ways(recurrent=lambda t, T, U: U if t else U.detach())),
    _hooked(
        "starts the training pass from zeros",
        lambda: Ways(given=lambda x, h, c, W, U, b: (x, 0 * h, 0 * c, W, U, b)),
        "differentiates_an_lstm_without_initial_state",
        family="pass",
    ),
    _hooked("swaps i and f in the training pass", lambda: Ways(given=_swapped), family="pass"),
    _hooked("leaves dropout on", lambda: Ways(read=_dropped), family="pass"),
)

# ---------------------------------------------------------------- hooks


def _on(letters: str, hook: Callable[..., Any]) -> Callable[[], Ways]:
    """The same tensor hook on some of x, h, c, W, U, b; it gets the gradient, and B."""

    def given(*leaves: Any) -> Tensors:
        B = leaves[0].shape[1]
        for k in letters:
            leaves["xhcWUb".index(k)].register_hook(lambda d: hook(d, B))
        return leaves

    return lambda: Ways(given=given)


def _blocks(change: Callable[..., list[Any]]) -> Callable[..., Any]:
    def hook(d: Any, B: int) -> Any:
        import torch

        return torch.cat(change(*d.chunk(4)))

    return hook


def _first_is_zero(d: Any, B: int) -> Any:
    d = d.clone()
    d[0] = 0
    return d


def _of_norm_one(*gradients: Any) -> Tensors:
    import torch

    norm = torch.stack([d.norm() for d in gradients]).norm()
    return tuple(d / norm.clamp(min=1) for d in gradients)


def _piled_up() -> Ways:
    """The .grad of the leaves is never set to zero."""
    before: dict[Any, Tensors] = {}

    def found(*gradients: Any) -> Tensors:
        key = tuple(d.shape for d in gradients)
        old = before.get(key)
        before[key] = gradients if old is None else tuple(a + d for a, d in zip(old, gradients, strict=True))
        return before[key]

    return Ways(found=found)


def _stale() -> Ways:
    """A hook hands out the gradients of the call before."""
    before: dict[Any, Tensors] = {}

    def found(*gradients: Any) -> Tensors:
        key = tuple(d.shape for d in gradients)
        old, before[key] = before.get(key, gradients), gradients
        return old

    return Ways(found=found)


HOOKS = (
    _hooked("halves dU", _on("U", lambda d, B: d / 2)),
    _hooked("divides by B", _on("WUb", lambda d, B: d / B), "averages_the_parameter_gradients_over_the_batch"),
    _hooked("divides everything by B", _on("xhcWUb", lambda d, B: d / B)),
    _hooked("zeroes dU", _on("U", lambda d, B: 0 * d), "leaves_out_the_gradient_of_the_recurrent_weights"),
    _hooked(
        "zeroes db_o", _on("b", _blocks(lambda i, f, g, o: [i, f, g, 0 * o])), "leaves_out_the_gradient_of_one_bias"
    ),
    _hooked("zeroes db_f", _on("b", _blocks(lambda i, f, g, o: [i, 0 * f, g, o]))),
    _hooked(
        "has dW_i for dW_f",
        _on("W", _blocks(lambda i, f, g, o: [i, i, g, o])),
        "gives_one_gate_the_gradient_of_another",
    ),
    _hooked(
        "transposes dU",
        _on("U", _blocks(lambda *u: [d.T for d in u])),
        "transposes_the_gradient_of_the_recurrent_weights",
    ),
    _hooked("zeroes dx_1", _on("x", _first_is_zero), "leaves_out_the_input_gradient_of_the_first_step"),
    _hooked("flips dx", _on("x", lambda d, B: d.flip(0))),
    _hooked("clamps every gradient", _on("xhcWUb", lambda d, B: d.clamp(-1, 1)), "clips_the_gradient"),
    _hooked("clips the norm", lambda: Ways(found=_of_norm_one)),
    _hooked(
        "means instead of sums",
        lambda: Ways(returned=lambda y, h, c: tuple(a / y.numel() + (a - a / y.numel()).detach() for a in (y, h, c))),
    ),
    _hooked(
        "rounds dW to float16",
        _on("W", lambda d, B: d.half().to(d.dtype)),
        family="precision",
        error="errors as large as those of 16-bit floats",
    ),
    _hooked(
        "rounds every gradient to bfloat16",
        _on("xhcWUb", lambda d, B: d.bfloat16().to(d.dtype)),
        family="precision",
        error="errors as large as those of bfloat16",
    ),
    _hooked("never sets .grad to zero", _piled_up),
    _hooked("hands out stale gradients", _stale),
)

# ---------------------------------------------------------------- Functions


def _function(value: Callable[[Any], Any], slope: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """An autograd.Function of that value, and of that slope from z and the value."""
    import torch

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, z: Any) -> Any:
            y = value(z)
            context.save_for_backward(z, y)
            return y

        @staticmethod
        def backward(context: Any, *ds: Any) -> Any:
            return ds[0] * slope(*context.saved_tensors)

    return lambda z: Wrong.apply(z)


def _tanh(*where: str, slope: Callable[[Any, Any], Any] = lambda z, y: 1 - y) -> Callable[[], Ways]:
    def ways() -> Ways:
        wrong = _function(lambda z: z.tanh(), slope)
        return Ways(**dict.fromkeys(where, wrong))

    return ways


def _sigmoid(slope: Callable[[Any, Any], Any]) -> Callable[[], Ways]:
    return lambda: Ways(sigmoid=_function(lambda z: z.sigmoid(), slope))


def _exponential_tanh(z: Any) -> Any:
    """Right as long as exp(-2 z) does not overflow, and so is its gradient."""
    e = (-2 * z).exp()
    return (1 - e) / (1 + e)


FUNCTIONS = (
    _hooked("Function: 1 - y for tanh", _tanh("tanh", "squash"), "takes_the_slope_of_tanh_as_one_minus_y"),
    _hooked(
        "Function: 1 - y for the tanh of c", _tanh("squash"), "takes_the_slope_of_the_squashed_cell_as_one_minus_y"
    ),
    _hooked("Function: 1 - y for the candidate", _tanh("tanh")),
    _hooked("Function: 1 - z² for tanh", _tanh("tanh", "squash", slope=lambda z, y: 1 - z * z)),
    _hooked("Function: straight through tanh", _tanh("tanh", "squash", slope=lambda z, y: 1 + 0 * y)),
    _hooked("Function: s for σ", _sigmoid(lambda z, s: s), "takes_the_slope_of_sigmoid_as_itself"),
    _hooked("Function: z (1 - z) for σ", _sigmoid(lambda z, s: z * (1 - z))),
    _hooked(
        "Function: exp(z) / (1 + exp(z))²",
        _sigmoid(lambda z, s: z.exp() / (1 + z.exp()) ** 2),
        "overflows_in_the_slope_of_the_sigmoid",
        family="overflow",
    ),
    _hooked(
        "σ is 1 / (1 + exp(-z)), differentiated",
        lambda: Ways(sigmoid=lambda z: 1 / (1 + (-z).exp())),
        family="overflow",
    ),
    _hooked("tanh is (1 - e) / (1 + e), differentiated", lambda: Ways(squash=_exponential_tanh), family="overflow"),
)

AUTOGRAD = (*DETACHED, *HOOKS, *FUNCTIONS)
