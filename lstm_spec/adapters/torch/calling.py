"""How a module is called: like torch.nn.LSTM, like torch.nn.LSTMCell, or as somebody wrote it by hand."""

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstm_spec.adapters import styles
from lstm_spec.adapters.search import Unusable
from lstm_spec.adapters.styles import Style, Three, describe_result, find_lengths

LIKE_TORCH = Style(is_stacked=True)
SIGNATURE = "forward(self, x, state=None) that returns (y, (h, c)), where state is (h, c)"


def list_styles(module: Any, name: str, batch_first: bool | None) -> list[Style]:
    """The styles that its `forward` may have, the most usual one first. Raises Unusable if it takes no state."""
    lengths = find_lengths(module.forward)
    found = styles.list_styles(module.forward, LIKE_TORCH, name, f"write {SIGNATURE}")
    fitting = [style for style in found if style.is_cell or batch_first in (None, style.batch_first)]
    return [style if style.is_cell else style._replace(lengths=lengths) for style in fitting]


def call_module(style: Style, module: Any, x: Any, state: tuple[Any, Any] | None, lengths: Any = None) -> Three:
    """y, h and c, in the order of axes in which the module has them. Raises what the module raises."""
    if style.is_cell:
        return _run_cell(style, module, x, state, lengths)
    if lengths is not None and style.lengths == "packed":
        packed = pack_padded_sequence(x, lengths, style.batch_first, enforce_sorted=False)
        y, h, c = _call(style, module, packed, state)
        return pad_packed_sequence(y, style.batch_first, total_length=x.shape[1 if style.batch_first else 0])[0], h, c
    if style.lengths in ("", "packed"):
        return _call(style, module, x, state)
    if lengths is None:
        T, B = (x.shape[1], x.shape[0]) if style.batch_first else x.shape[:2]
        lengths = torch.full((B,), T)
    return _call(style, module, x, state, **{style.lengths: lengths})


def _call(style: Style, module: Any, x: Any, state: tuple[Any, Any] | None, **more: Any) -> Three:
    own = style._replace(is_stacked=False)  # h is (L*D, B, P) here where it is stacked
    result = own.call(module, x, *(state or (None, None)), **more)
    found = own.split_result(result)
    if not all(isinstance(a, torch.Tensor | PackedSequence) for a in found):
        wanted = "(h, c)" if style.is_cell else "(y, (h, c))"
        raise Unusable(f"it returned {describe_result(result)}, expected {wanted} of tensors")
    return found


def _run_cell(style: Style, module: Any, x: Any, state: tuple[Any, Any] | None, lengths: Any) -> Three:
    """The cell at every step, of those samples that are not over."""
    outputs = []
    for t, x_t in enumerate(x):
        if lengths is None:
            y, h, c = _call(style, module, x_t, state)
            state = h, c
            outputs.append(y)
            continue
        rows = torch.nonzero(lengths > t).flatten().to(x.device)
        known = None if state is None else (state[0][rows], state[1][rows])
        y, *new = _call(style, module, x_t[rows], known)
        B = len(lengths)
        before = [a.new_zeros(B, *a.shape[1:]) for a in new] if state is None else state
        h, c = (a.index_copy(0, rows, b) for a, b in zip(before, new, strict=True))
        state = h, c
        outputs.append(y.new_zeros(B, *y.shape[1:]).index_copy(0, rows, y))
    assert state is not None
    return torch.stack(outputs), *state
