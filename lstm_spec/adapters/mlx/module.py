"""A module of MLX that is kept, and asked often."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from lstm_spec.adapters.forms import draw_problem
from lstm_spec.adapters.making import Maker, find_maker, make_first
from lstm_spec.adapters.search import B, H, I, T, find_plan, list_candidates
from lstm_spec.adapters.styles import Style, list_styles
from lstm_spec.adapters.weights import Named, has_biases, name_tensors, read_tensors
from lstm_spec.contract import PARTS, BackendUnavailable, Description, Implementation, Rows
from lstm_spec.layouts.fitting import find_layout
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Answer, Array, Cotangents, Direction, Feature, Gradients, Problem, State, Variant

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


USUAL = Style(batch_first=True, is_pair=False)
SIGNATURE = "write __call__(self, x, hidden=None, cell=None) that returns all hidden states and all cell states"
REMEDY = "name the LSTM in it, or a function that makes that"


def adapt_module(
    make: Any, name: str | None, layout: str | Layout | None, device: str, description: Description | None
) -> Implementation:
    """As `from_mlx`, with mlx there."""
    where, maker = _find_device(device), find_maker(make or nn.LSTM, name, "IH")
    made = make_first(maker, lambda: maker.construct(I, H))
    if not isinstance(made, nn.Module):
        raise TypeError(f"{maker.name} makes a {type(made).__name__}, expected an mlx.nn.Module; return that")
    known = find_layout(layout) if layout else LAYOUTS["mlx"] if isinstance(made, nn.LSTM) else None
    shapes = {name: tuple(a.shape) for name, a in tree_flatten(made.parameters())}
    layouts = list_candidates(maker.name, shapes, known, REMEDY)

    def ask(problem: Problem, form: tuple[Style, Layout]) -> Answer:
        return MlxModule(maker, *form, where, problem.parameters).forward(problem.x, problem.state)

    style, found, _ = find_plan(
        ask, list_styles(made.__call__, USUAL, maker.name, SIGNATURE), layouts, maker.name, SIGNATURE
    )
    features = CLAIMED | ({Feature.OMITS_BIAS} if maker.accepts("bias") else set())
    if not _omits_state(MlxModule(maker, style, found, where, draw_problem(T, B, I, H).parameters)):
        features -= {Feature.OMITS_STATE}
    about = Description(mx.__version__, device, ("float32",), features, grades={"float32": "absolute"})

    def build(rows: Rows, variant: Variant, directions: tuple[Direction, ...]) -> MlxModule:
        return MlxModule(maker, style, found, where, rows)

    return Implementation(maker.name, build, description or about)


def _omits_state(module: "MlxModule") -> bool:
    try:
        module.forward(draw_problem(T, B, I, H).x)
    except Exception:
        return False
    return True


def _find_device(device: str) -> Any:
    if device not in ("cpu", "gpu") or (device == "gpu" and not mx.metal.is_available()):
        raise BackendUnavailable(f"mlx {mx.__version__} cannot use device {device!r}", "choose cpu, or gpu on a Mac")
    return getattr(mx, device)


class MlxModule:
    """A layer of MLX with its parameters."""

    def __init__(self, maker: Maker, style: Style, layout: Layout, device: Any, rows: Rows) -> None:
        W, self.style, self.layout, self.device = rows[0][0].g.W, style, layout, device
        with mx.stream(device):
            self.layer = maker.construct(W.shape[1], W.shape[0], **({} if has_biases(rows) else {"bias": False}))
        self.layer.eval()
        self.load(rows)

    def load(self, parameters: Rows) -> None:
        """Write these over the layer's parameters."""
        tensors = name_tensors(parameters, self.layout)[0][0]
        self.blank = {name: np.zeros_like(a) for name, a in tensors.items()}
        own = self._list_parameters()
        self._put({name: mx.array(a) for name, a in tensors.items() if name in own})

    def _list_parameters(self) -> dict[str, Any]:
        return dict(tree_flatten(self.layer.parameters()))

    def _put(self, named: dict[str, Any]) -> None:
        self.layer.update(tree_unflatten(list(named.items())))

    def read(self) -> Rows:
        """The parameters that the layer has."""
        return self._to_rows(self._list_parameters())

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
            return _to_answer(_call(self.style, self.layer, mx.array(np.array(x, order="C")), *_to_arrays(state)))

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer, and the gradients by mx.vjp of what is wanted."""
        own = self._list_parameters()
        given = {"x": mx.array(np.array(x, order="C")), **dict(zip("hc", _to_arrays(state), strict=False))}
        asked = [part for part in given if part in wanted]
        weights = list(own) if {"W", "U", "b"} & {*wanted} else []

        def run(*some: Any) -> tuple[Any, ...]:
            self._put(dict(zip(weights, some, strict=False)))
            all_given = given | dict(zip(asked, some[len(weights) :], strict=True))
            return _call(self.style, self.layer, *all_given.values())

        d = map(np.copy, (cotangents.y, *(a[0] for a in cotangents.state)))
        try:
            with mx.stream(self.device):
                primals = [own[name] for name in weights] + [given[part] for part in asked]
                answer, found = mx.vjp(run, primals, list(map(mx.array, d)))
        finally:
            self._put(own)
        named = dict(zip([*weights, *asked], map(np.array, found), strict=True))
        rows = self._to_rows({name: named[name] for name in weights}, is_gradient=True)
        dx: Any = named.get("x")
        dh, dc = (named[part][None] if part in named else None for part in "hc")
        return _to_answer(answer), Gradients(rows, dx, State(dh, dc))  # type: ignore[arg-type]

    def _to_rows(self, parameters: dict[str, Any], is_gradient: bool = False) -> Rows:
        named: Named = self.blank | {name: np.array(a) for name, a in parameters.items()}
        return read_tensors([[named]], self.layout, is_gradient)


def _call(style: Style, layer: Any, x: Any, h: Any = None, c: Any = None) -> tuple[Any, Any, Any]:
    """y (T, B, H) and the last states (B, H) for x (T, B, I)."""
    if style.is_cell:
        outputs = []
        for x_t in x:
            y, h, c = style.split_result(style.call(layer, x_t, h, c))
            outputs.append(y)
        return mx.stack(outputs), h, c
    given = mx.swapaxes(x, 0, 1) if style.batch_first else x
    y, h, c = style.split_result(style.call(layer, given, h, c))
    return mx.swapaxes(y, 0, 1) if style.batch_first else y, h, c


def _to_arrays(state: State | None) -> list[Any]:
    return [] if state is None else [mx.array(np.array(a, order="C")) for (a,) in state]


def _to_answer(found: Any) -> Answer:
    y, h, c = map(np.array, found)
    return Answer(y, State(h[None], c[None]))
