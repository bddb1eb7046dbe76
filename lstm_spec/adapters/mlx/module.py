"""A module of MLX that is kept, and asked often."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from lstm_spec.adapters.weights import Named, has_biases, name_tensors, read_tensors
from lstm_spec.contract import PARTS, BackendUnavailable, Description, Implementation, Rows
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Answer, Array, Cotangents, Direction, Feature, Gradients, State, Variant

CLAIMED = frozenset(
    {
        Feature.GRADIENTS,
        Feature.DETERMINISTIC,
        Feature.OMITS_STATE,
        Feature.SAVED,
        Feature.TRAINING,
        Feature.PARTIAL_GRADIENTS,
    }
)


def adapt_module(
    make: Any, name: str | None, layout: str | Layout, device: str, description: Description | None
) -> Implementation:
    """As `from_mlx`, with mlx there."""
    make = make or nn.LSTM
    where = _find_device(device)
    features = CLAIMED | ({Feature.OMITS_BIAS} if "bias" in signature(make).parameters else set())
    about = Description(mx.__version__, device, ("float32",), features, grades={"float32": "absolute"})

    def build(rows: Rows, variant: Variant, directions: tuple[Direction, ...]) -> MlxModule:
        return MlxModule(make, layout, where, rows)

    return Implementation(name or str(getattr(make, "__name__", "mlx")), build, description or about)


def _find_device(device: str) -> Any:
    if device not in ("cpu", "gpu") or (device == "gpu" and not mx.metal.is_available()):
        raise BackendUnavailable(f"mlx {mx.__version__} cannot use device {device!r}", "choose cpu, or gpu on a Mac")
    return getattr(mx, device)


class MlxModule:
    """A layer of MLX with its parameters."""

    def __init__(self, make: Callable[..., Any], layout: str | Layout, device: Any, rows: Rows) -> None:
        W, self.layout, self.device = rows[0][0].g.W, layout, device
        with mx.stream(device):
            self.layer = make(W.shape[1], W.shape[0], **({} if has_biases(rows) else {"bias": False}))
        self.layer.eval()
        self.load(rows)

    def load(self, parameters: Rows) -> None:
        """Write these over the layer's parameters."""
        tensors = name_tensors(parameters, self.layout)[0][0]
        self.blank = {name: np.zeros_like(a) for name, a in tensors.items()}
        own = self.layer.parameters()
        if strange := {*own} - {*tensors}:
            raise ValueError(
                f"the module has a parameter {min(strange)}, expected only {', '.join(tensors)}; say where the gates"
                " lie: layout=lstm_spec.Layout(...)"
            )
        self.layer.update({name: mx.array(a) for name, a in tensors.items() if name in own})

    def read(self) -> Rows:
        """The parameters that the layer has."""
        return self._to_rows(self.layer.parameters())

    def save(self) -> bytes:
        """What the layer writes into a file."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "saved.safetensors"
            self.layer.save_weights(str(file))
            return file.read_bytes()

    def restore(self, saved: bytes) -> None:
        """Have the layer read that file."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "saved.safetensors"
            file.write_bytes(saved)
            self.layer.load_weights(str(file))
            mx.eval(self.layer.parameters())

    def train(self, on: bool) -> None:
        """Switch the layer to training, or to evaluation."""
        self.layer.train(on)

    def forward(self, x: Array, state: State | None = None, lengths: Array | None = None) -> Answer:
        """What the layer answers."""
        with mx.stream(self.device):
            return _to_answer(_call(self.layer, mx.array(np.array(x, order="C")), *_to_arrays(state)))

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer, and the gradients by mx.vjp of what is wanted."""
        own = self.layer.parameters()
        given = {"x": mx.array(np.array(x, order="C")), **dict(zip("hc", _to_arrays(state), strict=False))}
        asked = [part for part in given if part in wanted]
        weights = list(own) if {"W", "U", "b"} & {*wanted} else []

        def run(*some: Any) -> tuple[Any, ...]:
            self.layer.update(dict(zip(weights, some, strict=False)))
            all_given = given | dict(zip(asked, some[len(weights) :], strict=True))
            return _call(self.layer, *all_given.values())

        d = map(np.copy, (cotangents.y.swapaxes(0, 1), *(a[0] for a in cotangents.state)))
        try:
            with mx.stream(self.device):
                primals = [own[name] for name in weights] + [given[part] for part in asked]
                answer, found = mx.vjp(run, primals, list(map(mx.array, d)))
        finally:
            self.layer.update(own)
        named = dict(zip([*weights, *asked], map(np.array, found), strict=True))
        rows = self._to_rows({name: named[name] for name in weights})
        dx: Any = named.get("x")
        dh, dc = (named[part][None] if part in named else None for part in "hc")
        return _to_answer(answer), Gradients(rows, dx, State(dh, dc))  # type: ignore[arg-type]

    def _to_rows(self, parameters: dict[str, Any]) -> Rows:
        named: Named = self.blank | {name: np.array(a) for name, a in parameters.items()}
        return read_tensors([[named]], self.layout)


def _call(layer: Any, x: Any, h: Any = None, c: Any = None) -> tuple[Any, Any, Any]:
    """y (B, T, H) and the last states (B, H) for x (T, B, I)."""
    y, cells = layer(mx.swapaxes(x, 0, 1), hidden=h, cell=c)
    return y, y[:, -1], cells[:, -1]


def _to_arrays(state: State | None) -> list[Any]:
    return [] if state is None else [mx.array(np.array(a, order="C")) for (a,) in state]


def _to_answer(found: Any) -> Answer:
    y, h, c = map(np.array, found)
    return Answer(y.swapaxes(0, 1), State(h[None], c[None]))
