"""How a module is called: like torch.nn.LSTM, like torch.nn.LSTMCell, or as somebody wrote it by hand."""

from inspect import Parameter, signature
from itertools import product
from typing import Any, NamedTuple

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstm_spec.adapters.search import Unusable
from lstm_spec.adapters.styles import BESIDE

Three = tuple[Any, Any, Any]  # y, h and c
RETURN = "return (y, (h, c)), or (h, c) from a cell that does one step"
SIGNATURE = "forward(self, x, state=None) that returns (y, (h, c)), where state is (h, c)"


class Style(NamedTuple):
    """How it takes and returns its arrays."""

    is_cell: bool = False  # it does one step
    batch_first: bool = False
    is_pair: bool = True  # h and c are one argument
    is_stacked: bool = True  # h is (L*D, B, P); else (B, P)
    lengths: str = ""  # "packed", or the name of the argument
    names: tuple[str, ...] = ()  # of the states, if something else stands before them

    def call(self, module: Any, x: Any, state: tuple[Any, Any] | None, lengths: Any = None) -> Three:
        """y, h and c, in the order of axes in which the module has them. Raises what the module raises."""
        if self.is_cell:
            return _run_cell(self, module, x, state, lengths)
        given, named = _list_states(self, state), dict[str, Any]()
        if self.names:
            given, named = (), dict(zip(self.names, given, strict=False))
        if lengths is not None and self.lengths == "packed":
            packed = pack_padded_sequence(x, lengths, self.batch_first, enforce_sorted=False)
            y, h, c = split_result(module(packed, *given, **named))
            return pad_packed_sequence(y, self.batch_first, total_length=x.shape[1 if self.batch_first else 0])[0], h, c
        if self.lengths in ("", "packed"):
            return split_result(module(x, *given, **named))
        if lengths is None:
            T, B = (x.shape[1], x.shape[0]) if self.batch_first else x.shape[:2]
            lengths = torch.full((B,), T)
        return split_result(module(x, *given, **named, **{self.lengths: lengths}))


def list_styles(module: Any, batch_first: bool | None) -> list[Style]:
    """The styles that its `forward` may have, the most usual one first.

    Raises Unusable if it takes no initial state.
    """
    taken = _list_arguments(module)
    lengths = next((name for name in taken[1:] if "len" in name.lower()), "")
    others = [name for name in taken[1:] if name != lengths and name not in BESIDE]
    if taken and not others:
        raise Unusable(
            f"forward takes ({', '.join(taken)}), expected an initial state after x, which every problem has; "
            f"write {SIGNATURE}"
        )
    orders = (False, True) if batch_first is None else (batch_first,)
    states = product((True, False) if len(others) != 1 else (True,), (True, False))
    names = tuple(others) if others != taken[1 : len(others) + 1] else ()
    sequences = [Style(False, order, *state, lengths, names) for state, order in product(list(states), orders)]
    return [*sequences, Style(True, is_stacked=False), Style(True, is_pair=False, is_stacked=False)]


def _list_arguments(module: Any) -> list[str]:
    """The names of what its `forward` can be given; empty if they are not known."""
    try:
        found = signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    names = [p.name for p in found if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    return [] if any(p.kind is Parameter.VAR_POSITIONAL for p in found) else names


def split_result(result: Any) -> Three:
    """y, h and c of what a module returned. Raises Unusable if they are not in it."""
    match result:
        case [y, [h, c]] | [y, h, c]:
            if all(isinstance(a, torch.Tensor | PackedSequence) for a in (y, h, c)):
                return y, h, c
    raise Unusable(f"forward returned {describe_result(result)}, expected (y, (h, c)); {RETURN}")


def describe_result(result: Any) -> str:
    """What it is, with tensors by their shapes."""
    if isinstance(result, torch.Tensor):
        return f"a tensor of shape {tuple(result.shape)}"
    if isinstance(result, tuple | list):
        return f"({', '.join(map(describe_result, result))})"
    return f"a {type(result).__name__}"


def _list_states(style: Style, state: tuple[Any, Any] | None) -> tuple[Any, ...]:
    return () if state is None else (state,) if style.is_pair else state


# ---------------------------------------------------------------- cells


def _run_cell(style: Style, module: Any, x: Any, state: tuple[Any, Any] | None, lengths: Any) -> Three:
    """The cell at every step, of those samples that are not over."""
    outputs = []
    for t, x_t in enumerate(x):
        if lengths is None:
            state = h, _ = _do_step(style, module, x_t, state)
            outputs.append(h)
            continue
        rows = torch.nonzero(lengths > t).flatten().to(x.device)
        known = None if state is None else (state[0][rows], state[1][rows])
        new = _do_step(style, module, x_t[rows], known)
        B = len(lengths)
        before = [a.new_zeros(B, *a.shape[1:]) for a in new] if state is None else state
        state = tuple(a.index_copy(0, rows, b) for a, b in zip(before, new, strict=True))
        outputs.append(torch.zeros_like(before[0]).index_copy(0, rows, new[0]))
    assert state is not None
    return torch.stack(outputs), *state


def _do_step(style: Style, module: Any, x: Any, state: tuple[Any, Any] | None) -> tuple[Any, Any]:
    found = module(x, *_list_states(style, state))
    match found:
        case [h, [_, c]] | [h, c] | [h, _, c]:
            if isinstance(h, torch.Tensor) and isinstance(c, torch.Tensor):
                return h, c
    raise Unusable(f"forward returned {describe_result(found)}, expected (h, c); {RETURN}")
