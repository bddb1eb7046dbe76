"""A torch module that is built once with its parameters, and asked often."""

import copy
import io
import warnings
from typing import Any, Literal

import numpy as np
import torch

from lstm_spec.adapters.torch.calling import call_module
from lstm_spec.adapters.torch.making import unwrap_compiled
from lstm_spec.adapters.torch.plan import Form, Plan
from lstm_spec.adapters.torch.tensors import to_array, to_tensor
from lstm_spec.contract import PARTS, Rows
from lstm_spec.types import STANDARD, Answer, Array, Cotangents, Direction, Gradients, Problem, State, Variant
from lstm_spec.validation import check_lengths

QUIET = "LSTM with projections is not supported with oneDNN"  # only speed


class TorchModule:
    """The module of a class of somebody's."""

    def __init__(self, plan: Plan, parameters: Rows, variant: Variant, directions: tuple[Direction, ...]) -> None:
        """Made anew, and loaded with the parameters. Raises ValueError if it is no such LSTM."""
        if variant != STANDARD:
            raise ValueError(f"the variant is {variant}, expected {STANDARD}; {plan.maker.name} has no other")
        if directions == ("reverse",):
            raise ValueError("directions is ('reverse',), expected forward or both; reverse x within its lengths")
        p = parameters[0][0]
        self.plan, self.dtype, self.I = plan, p.g.W.dtype, p.g.W.shape[1]
        self.form = plan.form_of(parameters)
        module = plan.construct(self.I, self.form)
        self.module = module.to(device=plan.device, dtype=to_tensor(p.g.W[:0]).dtype)
        self.parameters = dict(unwrap_compiled(self.module).named_parameters())
        self.load(parameters)
        self.run = torch.compile(self.module) if plan.compile else self.module

    def forward(self, x: Array, state: State | Literal["kept"] | None = None, lengths: Array | None = None) -> Answer:
        """The answer of the inference pass; x (T, B, I)."""
        with torch.no_grad():
            return self.answer(*self.call(*self.arrange(x, state, lengths)))

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | Literal["kept"] | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer of the training pass, and what `backward` puts into `.grad`."""
        given, states, lengths = self.arrange(x, state, lengths)
        for name, parameter in self.parameters.items():
            parameter.requires_grad_(any(part in wanted for part in self.plan.parts_of(name, self.form)))
            parameter.grad = None
        leaves = {"x": given} | ({} if states is None else dict(zip("hc", states, strict=True)))
        for name, leaf in leaves.items():
            leaf.requires_grad_(name in wanted)
        found = self.call(given, states, lengths)
        d = (self.turn(cotangents.y), *map(self.flatten, cotangents.state))
        pairs = [(a, to_tensor(b, self.plan.device)) for a, b in zip(found, d, strict=True) if a.requires_grad]
        if pairs:
            torch.autograd.backward(*map(list, zip(*pairs, strict=True)))
        dx, dh, dc = (self._gradient_of(leaves.get(name)) for name in "xhc")
        named = {name: self._gradient_of(parameter) for name, parameter in self.parameters.items()}
        rows = self.plan.rows_of(named, self.form, is_gradient=True)
        return self.answer(*found), Gradients(rows, self.turn(dx), State(self.stack(dh), self.stack(dc)))

    def _gradient_of(self, leaf: Any) -> Any:
        if leaf is None:
            return np.zeros((0, 0, 0), self.dtype)
        return to_array(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad, self.dtype)

    # ---------------------------------------------------------------- arrays in the order of the module

    def arrange(self, x: Array, state: Any, lengths: Array | None) -> tuple[Any, Any, Any]:
        """x, the pair of h and c, and the lengths, as the module takes them."""
        device = self.plan.device
        if lengths is not None and self.plan.style.is_cell:  # the steps are done here, and not by the module
            _check_samples(x, state, lengths)
        if lengths is not None and self.plan.style.lengths == "packed":
            _check_packed(x, state, self.I, self.form)
        states = None if state is None else tuple(to_tensor(self.flatten(a), device) for a in state)
        sizes = None if lengths is None else torch.from_numpy(np.array(lengths))
        return to_tensor(self.turn(x), device), states, sizes

    def call(self, x: Any, state: Any, lengths: Any) -> Any:
        """y, h and c."""
        if self.form.P is None:
            return call_module(self.plan.style, self.run, x, state, lengths)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", QUIET)
            return call_module(self.plan.style, self.run, x, state, lengths)

    def answer(self, y: Any, h: Any, c: Any) -> Answer:
        """The Answer that was returned."""
        y, h, c = (to_array(a, self.dtype) for a in (y, h, c))
        return Answer(self.turn(y), State(self.stack(h), self.stack(c)))

    def turn(self, a: Array) -> Array:
        """From time first to the order of the module, and back."""
        return np.swapaxes(a, 0, 1) if self.plan.style.batch_first and a.ndim > 1 else a

    def flatten(self, a: Array) -> Array:
        """A state as the module has it."""
        return a if self.plan.style.is_stacked or len(a) != 1 else a[0]

    def stack(self, a: Array) -> Array:
        """A state as (L*D, B, P)."""
        return a[None] if a.ndim == 2 else a

    # ---------------------------------------------------------------- parameters

    def load(self, parameters: Rows) -> None:
        """Copy them over the parameters, in place. Raises ValueError if their shapes are others."""
        arrays = self.plan.arrays_of(parameters)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                if arrays[name].shape != parameter.shape:
                    wanted = tuple(parameter.shape)
                    raise ValueError(f"{name} gets shape {arrays[name].shape}, expected {wanted}; it was built so")
                parameter.copy_(to_tensor(arrays[name]))

    def read(self) -> Rows:
        """The parameters as they are now."""
        named = {name: to_array(parameter, self.dtype).copy() for name, parameter in self.parameters.items()}
        return self.plan.rows_of(named, self.form)

    def save(self) -> bytes:
        """Its state_dict as a file."""
        file = io.BytesIO()
        torch.save(self.module.state_dict(), file)
        return file.getvalue()

    def restore(self, saved: bytes) -> None:
        """Load a state_dict that another one saved."""
        self.module.load_state_dict(torch.load(io.BytesIO(saved), weights_only=True))

    def copy(self) -> "TorchModule":
        """copy.deepcopy of the module."""
        other = copy.copy(self)
        other.module = copy.deepcopy(self.module)
        other.parameters = dict(unwrap_compiled(other.module).named_parameters())
        other.run = torch.compile(other.module) if self.plan.compile else other.module
        return other

    def tie(self, other: "TorchModule") -> None:
        """Assign the parameters of the other module, as people tie weights."""
        mine, theirs = (dict(unwrap_compiled(one.module).named_modules()) for one in (self, other))
        for path, module in mine.items():
            for name, parameter in theirs[path].named_parameters(recurse=False, remove_duplicate=False):
                setattr(module, name, parameter)
        self.parameters = dict(unwrap_compiled(self.module).named_parameters())

    def train(self, on: bool) -> None:
        """Switch to training, or to evaluation."""
        self.module.train(on)


def _check_samples(x: Array, state: State | None, lengths: Array) -> None:
    T, B = x.shape[:2]
    check_lengths(lengths, T, B)
    for a in state or ():
        if a.shape[1] != B:
            raise ValueError(f"a state has {a.shape[1]} samples, expected {B} as in x; give one for each")


def _check_packed(x: Array, state: State | None, I: int, form: Form) -> None:
    """torch checks no shape of what is packed, and leaves its memory: docs/findings/torch-packed-width.md."""
    (T, B), rows = x.shape[:2], form.layers * form.directions
    h, c = state or (None, None)
    for name, a, shape in (("x", x, (T, B, I)), ("h", h, (rows, B, form.P or form.H)), ("c", c, (rows, B, form.H))):
        if a is not None and a.shape != shape:
            raise ValueError(f"{name} has shape {a.shape}, expected {shape}; pass arrays that fit the weights")


def build_module(plan: Plan, problem: Problem) -> TorchModule:
    """A module for a problem."""
    return TorchModule(plan, problem.parameters, problem.variant, problem.directions)


def ask_module(plan: Plan, problem: Problem) -> Answer:
    """The answer of a module that is built for the problem."""
    return build_module(plan, problem).forward(problem.x, problem.state, problem.lengths)
