"""Modules of torch, of torch's own and of many forms written by hand: right ones hold, mistaken ones are refuted."""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from conformance import check
from conformance.report.report import Report
from lstm_spec import Feature, State, from_torch, make_backend
from lstm_spec.adapters.forms import draw_problem
from tests.helpers.adapted import write_module
from tests.helpers.environment import TORCH
from tests.helpers.root import ROOT

pytestmark = pytest.mark.skipif(not TORCH, reason="TORCH=none")

if TORCH:
    import torch

OF_LSTM = {
    *(Feature.GRADIENTS, Feature.PARTIAL_GRADIENTS, Feature.LENGTHS, Feature.OMITS_STATE, Feature.OMITS_BIAS),
    *(Feature.SAVED, Feature.COPIED, Feature.TIED, Feature.TRAINING),
}
ASKED = ("CELL-1", "GRAD-1", "MOD-*", "LEN-1", "NET-3", "DIR-1")


def write_modules(old: str = "", new: str = "", where: str = "") -> ModuleType:
    """The modules, with one line of a class changed."""
    return write_module(ROOT / "tests/planted/torch_modules.py", where, old, new)


def judge(make: Any, clauses: tuple[str, ...] = ASKED, examples: int = 1, **options: Any) -> Report:
    asked: dict[str, Any] = {"profile": "quick", "diagnose": False, "shrink": False} | options
    return check(make_backend(from_torch(make)), clauses=clauses, examples=examples, **asked)


RIGHT = {
    "FusedColumns": {Feature.OMITS_STATE},
    "LinearGates": {Feature.LENGTHS, Feature.ZERO_LENGTHS},
    "TwoLinears": {Feature.OMITS_BIAS, Feature.LENGTHS},
    "GateMatrices": set(),
    "StackOfCells": {Feature.LAYERS},
    "WithLengths": {Feature.LENGTHS},
    "LengthsFirst": {Feature.LENGTHS, Feature.OMITS_STATE},
    "OneMatrix": set(),
    "Blocks": {Feature.OMITS_STATE},
    "MaskFirst": {Feature.OMITS_STATE},
    "Inherited": {Feature.LAYERS, Feature.PROJECTION, Feature.BIDIRECTIONAL, Feature.LENGTHS},
    "BothWays": {Feature.BIDIRECTIONAL},
    "GatesInTheMiddle": set(),
    "GatesOfUnits": {Feature.OMITS_STATE},
    "LikeTensorFlow": set(),
    "LikeFlax": {Feature.LENGTHS},
    "WithADataclass": {Feature.OMITS_STATE, Feature.LENGTHS},
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_module_holds(name: str) -> None:
    implementation = from_torch(getattr(write_modules(), name))
    features = implementation.description.features
    assert RIGHT[name] | {Feature.GRADIENTS, Feature.COPIED, Feature.SAVED} <= features
    report = judge(getattr(write_modules(), name))
    assert report.status == 0, report.statement


MISTAKES: dict[str, tuple[str, str, str, str]] = {  # where it is seen, the class, a part of it, what stands there then
    "keeps the state": (
        "MOD-3",
        "FusedColumns",
        "h, c = (torch.zeros(B, self.hidden_size, dtype=x.dtype, device=x.device) for _ in range(2))",
        "h, c = (a if self.kept and len(a) == B else x.new_zeros(B, self.hidden_size) for a in self.kept or (x, x))",
    ),
    "keeps the graph": ("MOD-7", "FusedColumns", "self.kept = h.detach(), c.detach()", "self.kept = h, c"),
    "has no bias in the recurrence": (
        "CELL-*",
        "TwoLinears",
        "self.h2h(h)",
        "nn.functional.linear(h, self.h2h.weight)",
    ),
    "takes one bias twice": (
        "GRAD-*",
        "TwoLinears",
        "self.h2h(h)",
        "nn.functional.linear(h, self.h2h.weight, self.x2h.bias)",
    ),
    "forgets tanh": ("CELL-*", "LinearGates", "return o * torch.tanh(c), c", "return o * c, c"),
    "swaps i and f": (
        "CELL-*",
        "FusedColumns",
        "torch.sigmoid(f) * c + torch.sigmoid(i)",
        "(1 - torch.sigmoid(i)) * c + i.sigmoid()",
    ),
    "returns the old c": ("CELL-*", "TwoLinears", "return h_next, c", "return h_next, state[1]"),
    "packs once": (
        "MOD-2",
        "GateMatrices",
        'U = self.packed or {gate: getattr(self, f"W_h{gate}").T for gate in "ifgo"}',
        'U = self.packed = self.packed or {gate: getattr(self, f"W_h{gate}").T.clone() for gate in "ifgo"}',
    ),
    "packs when it is made": (
        "CELL-*",
        "GateMatrices",
        "self.packed = None",
        'self.packed = {gate: getattr(self, f"W_h{gate}").T.detach().clone() for gate in "ifgo"}',
    ),
    "drops in evaluation": (
        "NET-3",
        "StackOfCells",
        "self.dropout(x_t) if k",
        "F.dropout(x_t, self.dropout.p, True) if k",
    ),
    "ignores lengths": (
        "LEN-*",
        "WithLengths",
        "pack_padded_sequence(x, lengths",
        "pack_padded_sequence(x, 0 * lengths + x.shape[1]",
    ),
    "detaches h": ("GRAD-*", "OneMatrix", "torch.cat((x_t, h), -1)", "torch.cat((x_t, h.detach()), -1)"),
    "returns one buffer": (
        "MOD-1",
        "OneMatrix",
        "y = torch.stack(y)",
        "y = self.buffers_of_y.setdefault((len(y), *h.shape), torch.stack(y)).copy_(torch.stack(y).detach()) + 0 * h",
    ),
    "has the batch of the first call": (
        "MOD-1",
        "Blocks",
        "for x_t in x:",
        "self.B = getattr(self, 'B', x.shape[1])\n        for x_t in x * (torch.arange(x.shape[1]) < self.B)[:, None]:",
    ),
    "begins anew": ("CELL-*", "Inherited", "super().forward(x, hx)", "super().forward(x)"),
    "detaches c": ("GRAD-*", "Blocks", "c = torch.sigmoid(f) * c", "c = torch.sigmoid(f) * c.detach()"),
    "shows c of the step before": ("CELL-*", "GatesInTheMiddle", "cells.append(c)", "cells.insert(-1, c)"),
    "detaches i": ("GRAD-*", "GatesOfUnits", "i.sigmoid() * g", "i.sigmoid().detach() * g"),
    "begins with c in place of h": ("CELL-*", "LikeTensorFlow", "c, h = initial_state", "c, h = initial_state[:1] * 2"),
    "is a step late": ("CELL-*", "LikeFlax", "return (h, c), h", "return (h, c), carry[0]"),
    "does not turn back": ("DIR-*", "BothWays", "y[::-1] if d else y", "y"),
}


def make_batch_first(input_size: int, hidden_size: int) -> Any:
    return torch.nn.LSTM(input_size, hidden_size, batch_first=True)


def make_compiled(*sizes: Any, **options: Any) -> Any:
    return torch.compile(torch.nn.LSTM(*sizes, **options), backend="eager")


def make_wide_first(hidden_size: int, input_size: int) -> Any:
    return torch.nn.LSTM(input_size, hidden_size)


TORCHS: dict[str, tuple[Callable[[], Any], set[Feature]]] = {
    "its LSTM": (lambda: torch.nn.LSTM, {*OF_LSTM, Feature.LAYERS, Feature.BIDIRECTIONAL, Feature.PROJECTION}),
    "its cell": (lambda: torch.nn.LSTMCell, {*OF_LSTM, Feature.ZERO_LENGTHS}),
    "batch first": (lambda: make_batch_first, OF_LSTM - {Feature.OMITS_BIAS}),
    "of other sizes": (lambda: make_wide_first, OF_LSTM - {Feature.OMITS_BIAS}),
    "compiled": (lambda: make_compiled, {*OF_LSTM, Feature.LAYERS}),
    "partial": (lambda: partial(torch.nn.LSTM, batch_first=True), {*OF_LSTM, Feature.LAYERS}),
    "one that is ready": (lambda: torch.nn.LSTM(3, 5), OF_LSTM - {Feature.OMITS_BIAS}),
    "of equal sizes": (lambda: torch.nn.LSTMCell(4, 4), OF_LSTM - {Feature.OMITS_BIAS}),
}


def test_lengths_that_do_not_fit_are_refused_for_a_cell_too() -> None:
    """Its steps are done by the adapter."""
    assert judge(torch.nn.LSTMCell, ("LEN-7",), 20, strict=True).status == 0


@pytest.mark.parametrize("name", TORCHS)
def test_what_torch_has_holds_in_all_forms(name: str) -> None:
    make, features = TORCHS[name]
    assert features <= from_torch(make()).description.features
    report = judge(make())
    assert report.status == 0, report.statement


def test_what_is_packed_and_does_not_fit_never_reaches_torch_whose_memory_it_would_damage() -> None:
    problem = draw_problem(3, 2, 4, 5)
    module = from_torch(torch.nn.LSTM).build(problem.parameters, problem.variant, problem.directions)
    (h, c), lengths = problem.state, np.array([3, 1])
    with pytest.raises(ValueError, match=r"x has shape \(3, 2, 6\), expected \(3, 2, 4\); pass arrays that fit"):
        module.forward(np.zeros((3, 2, 6), h.dtype), problem.state, lengths)
    for state, name in ((State(np.concatenate([h, h]), c), "h"), (State(h, np.concatenate([c, c])), "c")):
        with pytest.raises(ValueError, match=rf"{name} has shape \(2, 2, 5\), expected \(1, 2, 5\); pass arrays"):
            module.forward(problem.x, state, lengths)


def test_a_module_that_is_ready_is_asked_its_own_sizes() -> None:
    shapes = from_torch(torch.nn.LSTM(3, 5)).description.shapes
    assert (list(shapes.I), list(shapes.H)) == ([3], [5])


def test_torchs_own_order_is_not_looked_for() -> None:
    """A module that takes torch's weights in another order does not do what torch.nn.LSTM does."""
    swapped = "i, g, f, o = z.chunk(4, dim=1)"
    module = write_modules("i, f, g, o = z.chunk(4, dim=1)", swapped, "FusedColumns").FusedColumns
    assert judge(module, ("CELL-1",)).status == 0
    report = check(make_backend(from_torch(module, layout="keras")), profile="quick", clauses=("CELL-1",), examples=1)
    assert report.status == 1


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_it_is_refuted(name: str) -> None:
    clause, where, old, new = MISTAKES[name]
    report = judge(getattr(write_modules(old, new, where), where), (clause,), 4, maxfail=1)
    assert report.status == 1, report.statement
