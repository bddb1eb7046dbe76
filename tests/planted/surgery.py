"""Mistakes made around torch.nn.LSTM: its state dict is cut up, or it is called in a wrong way.

Forward only. torch is imported where it is used, so that this table can be read without it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from lstm_spec import Array, Backend, from_packed
from tests.planted.entry import Planted

StateDict = dict[str, Any]
Call = Callable[..., Any]
W, U, B, B2 = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"  # torch's names
BIASES = (B, B2)


def _call(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    return lstm(x, (h, c))


def _run(surgery: Callable[[StateDict], StateDict], call: Call, *given: Array) -> tuple[Array, Array, Array]:
    import torch

    x, h, c, *weights = map(torch.from_numpy, given)
    lstm = torch.nn.LSTM(x.shape[2], h.shape[1], dtype=x.dtype)
    lstm.load_state_dict(surgery(dict(zip((W, U, B, B2), weights, strict=True))))
    with torch.no_grad():
        y, (h, c) = call(lstm, x, h[None], c[None])
    return y.numpy(), h[0].numpy(), c[0].numpy()


def _built(name: str, surgery: Callable[[StateDict], StateDict], call: Call) -> Backend:
    return from_packed(partial(_run, surgery, call), name=name)


def _cut(name: str, family: str, surgery: Callable[[StateDict], StateDict], *means: str) -> Planted:
    return Planted(
        name,
        family,
        "weight surgery",
        f"load_state_dict: {name}",
        partial(_built, name, surgery, _call),
        frozenset(means),
    )


def _called(name: str, family: str, call: Call, *means: str, error: str = "", dtype: str = "float32") -> Planted:
    build = partial(_built, name, lambda state: state, call)
    return Planted(name, family, "weight surgery", f"torch.nn.LSTM: {name}", build, frozenset(means), error, dtype)


# ---------------------------------------------------------------- weights


def _stacked(order: str, a: Any) -> Any:
    """torch's blocks in another order."""
    import torch

    blocks = dict(zip("ifgo", a.chunk(4), strict=True))
    return torch.cat([blocks[k] for k in order])


def _changed(change: Callable[[Any], Any], *keys: str) -> Callable[[StateDict], StateDict]:
    return lambda state: {name: change(a) if name in keys else a for name, a in state.items()}


def _blocks(change: Callable[..., list[Any]], *keys: str) -> Callable[[StateDict], StateDict]:
    """The four blocks of some arrays changed together."""

    def changed(a: Any) -> Any:
        import torch

        return torch.cat(change(*a.chunk(4)))

    return _changed(changed, *keys)


def _order(order: str, *keys: str) -> Callable[[StateDict], StateDict]:
    return _changed(partial(_stacked, order), *keys)


EVERYWHERE = (W, U, B, B2)

CUT = (
    _cut("blocks of ONNX, iofg", "gate order", _order("iofg", *EVERYWHERE), "reads_iofg_as_ifgo"),
    _cut("blocks of TensorFlow 1, igfo", "gate order", _order("igfo", *EVERYWHERE), "reads_igfo_as_ifgo"),
    _cut("blocks of Core ML, ifog", "gate order", _order("ifog", *EVERYWHERE), "swaps_candidate_and_output_gate"),
    _cut("blocks of OpenVINO, figo", "gate order", _order("figo", *EVERYWHERE), "swaps_input_and_forget_gates"),
    _cut("blocks of DL4J, gfoi", "gate order", _order("gfoi", *EVERYWHERE), "reads_gates_in_order_gfoi"),
    _cut("blocks of iofg converted twice", "gate order", _order("igof", *EVERYWHERE), "reads_gates_in_order_igof"),
    _cut("blocks of U alone in order iofg", "gate order", _order("iofg", U)),
    _cut("blocks of W alone in order igfo", "gate order", _order("igfo", W)),
    _cut("biases alone in order ifog", "gate order", _order("ifog", *BIASES)),
    _cut(
        "each block of U transposed",
        "weights",
        _blocks(lambda *u: [a.T for a in u], U),
        "transposes_the_recurrent_weights",
    ),
    _cut(
        "U_f transposed",
        "weights",
        _blocks(lambda i, f, g, o: [i, f.T, g, o], U),
        "transposes_the_recurrent_weights_of_f",
    ),
    _cut(
        "U_g transposed",
        "weights",
        _blocks(lambda i, f, g, o: [i, f, g.T, o], U),
        "transposes_the_recurrent_weights_of_g",
    ),
    _cut("U read column by column", "weights", _changed(lambda a: a.T.reshape(a.shape), U)),
    _cut(
        "each block of W transposed where it is square",
        "weights",
        _blocks(lambda *w: [a.T if a.shape[0] == a.shape[1] else a for a in w], W),
        "transposes_the_input_weights_where_they_are_square",
    ),
    _cut(
        "U_i in all gates", "weights", _blocks(lambda i, f, g, o: [i] * 4, U), "uses_one_recurrent_matrix_for_all_gates"
    ),
    _cut(
        "W_i for W_f",
        "weights",
        _blocks(lambda i, f, g, o: [i, i, g, o], W),
        "uses_the_input_gates_weights_for_the_forget_gate",
    ),
    _cut("U_i for U_f", "weights", _blocks(lambda i, f, g, o: [i, i, g, o], U)),
    _cut("no U", "weights", _changed(lambda a: 0 * a, U)),
    _cut("no bias_hh", "bias", _changed(lambda a: 0 * a, B2), "drops_the_recurrent_bias"),
    _cut("bias=False", "bias", _changed(lambda a: 0 * a, *BIASES), "drops_the_bias"),
    _cut("the whole bias in both", "bias", _changed(lambda a: 2 * a, *BIASES), "adds_the_bias_twice"),
    _cut(
        "1 added to b_f",
        "bias",
        _blocks(lambda i, f, g, o: [i, f + 1, g, o], B),
        "adds_one_to_the_forget_bias",
    ),
    _cut("1 added to b_f in both", "bias", _blocks(lambda i, f, g, o: [i, f + 1, g, o], *BIASES)),
    _cut(
        "b_i for b_f",
        "bias",
        _blocks(lambda i, f, g, o: [i, i, g, o], *BIASES),
        "uses_the_input_gates_bias_for_the_forget_gate",
    ),
    _cut("no b_o", "bias", _blocks(lambda i, f, g, o: [i, f, g, 0 * o], *BIASES), "drops_the_bias_of_the_output_gate"),
    _cut("no b_f", "bias", _blocks(lambda i, f, g, o: [i, 0 * f, g, o], *BIASES)),
)

# ---------------------------------------------------------------- calls


def _reshaped(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    T, B, I = x.shape
    return lstm(x.reshape(B, T, I).transpose(0, 1).contiguous(), (h, c))


def _batch_first(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    """A module made with batch_first=True: x and y are both read the other way round."""
    lstm.batch_first = x.shape[0] == x.shape[1]
    return lstm(x, (h, c))


def _in_chunks(steps: int, lstm: Any, x: Any, h: Any, c: Any) -> Any:
    """The state is not passed on from chunk to chunk."""
    import torch

    first, *rest = x.split(steps)
    found = [lstm(first, (h, c)), *(lstm(chunk) for chunk in rest)]
    return torch.cat([y for y, _ in found]), found[-1][1]


def _late(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    import torch

    return lstm(torch.cat([x[:1], x[:-1]]), (h, c))


def _shows_before(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    import torch

    y, last = lstm(x, (h, c))
    return torch.cat([h, y[:-1]]), last


def _reverse(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    y, last = lstm(x.flip(0), (h, c))
    return y.flip(0), last


def _old(which: str, lstm: Any, x: Any, h: Any, c: Any) -> Any:
    """A part of the state returned before the last step."""
    y, (h_T, c_T) = lstm(x, (h, c))
    h, c = lstm(x[:-1], (h, c))[1] if len(x) > 1 else (h, c)
    return y, (h if "h" in which else h_T, c if "c" in which else c_T)


def _returning(change: Callable[[Any, Any], Any]) -> Call:
    def call(lstm: Any, x: Any, h: Any, c: Any) -> Any:
        y, last = lstm(x, (h, c))
        return y, change(*last)

    return call


def _in_dtype(dtype: str) -> Call:
    def call(lstm: Any, x: Any, h: Any, c: Any) -> Any:
        import torch

        to = getattr(torch, dtype)
        y, (h, c) = lstm.to(to)(x.to(to), (h.to(to), c.to(to)))
        return y.to(x.dtype), (h.to(x.dtype), c.to(x.dtype))

    return call


def _quantized(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    """Weights in 8 bits, a scale for each matrix."""
    for weights in (lstm.weight_ih_l0, lstm.weight_hh_l0):
        scale = weights.abs().max() / 127
        weights.copy_((weights / scale).round() * scale)
    return lstm(x, (h, c))


def _short(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    x = x.clone()
    x[500:] = 0
    return lstm(x, (h, c))


def _blind(lstm: Any, x: Any, h: Any, c: Any) -> Any:
    x = x.clone()
    x[..., -1] = 0
    return lstm(x, (h, c))


LOW, BRAIN = "errors as large as those of 16-bit floats", "errors as large as those of bfloat16"
SINGLE = "as those of float32|accumulates in 32 bits"

CALLED = (
    _called("no state given", "state", lambda lstm, x, h, c: lstm(x), "resets_the_state_at_each_call"),
    _called("zeros for h", "state", lambda lstm, x, h, c: lstm(x, (0 * h, c)), "ignores_the_initial_hidden_state"),
    _called("zeros for c", "state", lambda lstm, x, h, c: lstm(x, (h, 0 * c)), "ignores_the_initial_cell_state"),
    _called("(c, h) given for (h, c)", "state", lambda lstm, x, h, c: lstm(x, (c, h)), "swaps_hidden_and_cell_state"),
    _called(
        "no state given where c is zero",
        "state",
        lambda lstm, x, h, c: lstm(x, (h, c)) if c.any() else lstm(x),
        "takes_a_hidden_state_without_cell_state_as_none",
    ),
    _called(
        "the first sample's state expanded",
        "state",
        lambda lstm, x, h, c: lstm(x, tuple(s[:, :1].expand_as(s).contiguous() for s in (h, c))),
        "starts_every_sample_from_the_first_ones_state",
    ),
    _called("chunks of 100 without state", "state", partial(_in_chunks, 100), "resets_the_state_every_hundred_steps"),
    _called("chunks of 64 without state", "state", partial(_in_chunks, 64)),
    _called("c before the last step", "state", partial(_old, "c"), "returns_the_cell_state_one_step_old"),
    _called("h and c before the last step", "state", partial(_old, "hc"), "returns_both_states_one_step_old"),
    _called("h before the last step", "state", partial(_old, "h")),
    _called("tanh(c) returned", "state", _returning(lambda h, c: (h, c.tanh())), "returns_the_squashed_cell_state"),
    _called("(c, h) returned", "state", _returning(lambda h, c: (c, h))),
    _called(
        "c clamped on the way out",
        "clip",
        _returning(lambda h, c: (h, c.clamp(-3, 3))),
        "clips_the_cell_state_it_returns",
    ),
    _called("x clamped", "clip", lambda lstm, x, h, c: lstm(x.clamp(-2, 2), (h, c)), "clips_what_the_gates_read"),
    _called("x flipped", "sequence", lambda lstm, x, h, c: lstm(x.flip(0), (h, c)), "reads_the_sequence_backwards"),
    _called("the other direction", "sequence", _reverse),
    _called("x one step late", "sequence", _late, "reads_each_input_one_step_late"),
    _called("x rolled by a step", "sequence", lambda lstm, x, h, c: lstm(x.roll(1, 0), (h, c))),
    _called("y one step late", "sequence", _shows_before, "outputs_the_state_before_the_step"),
    _called("x zero beyond 500", "sequence", _short, "skips_the_steps_beyond_five_hundred"),
    _called("the last input zero", "weights", _blind, "ignores_the_last_input"),
    _called(
        "x transposed where T is B",
        "layout",
        lambda lstm, x, h, c: lstm(x.transpose(0, 1) if x.shape[0] == x.shape[1] else x, (h, c)),
        "swaps_batch_and_time_where_they_are_equal",
    ),
    _called("batch_first where T is B", "layout", _batch_first),
    _called("x viewed as (B, T, I)", "layout", _reshaped, "reshapes_where_it_should_transpose"),
    _called("x centred over the batch", "layout", lambda lstm, x, h, c: lstm(x - x.mean(1, keepdim=True), (h, c))),
    _called("lstm.half()", "precision", _in_dtype("float16"), error=LOW),
    _called("lstm.bfloat16()", "precision", _in_dtype("bfloat16"), error=BRAIN),
    _called(
        "lstm.float()",
        "precision",
        _in_dtype("float32"),
        "computes_in_float32_throughout",
        error=SINGLE,
        dtype="float64",
    ),
    _called("weights in int8", "precision", _quantized, error=BRAIN),
)

SURGERY = (*CUT, *CALLED)
