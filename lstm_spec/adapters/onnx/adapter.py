"""What can be asked of an ONNX model, or of the runtime on graphs that are made here."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from lstm_spec.adapters.forms import draw_problem, find_nearest_form
from lstm_spec.adapters.onnx.given import GivenModel
from lstm_spec.adapters.onnx.graph import Form, make_graph
from lstm_spec.adapters.onnx.module import OnnxModule, Start
from lstm_spec.adapters.onnx.sides import Sides
from lstm_spec.contract import BackendUnavailable, Description, Implementation, Rows, Shapes
from lstm_spec.types import STANDARD, Answer, Direction, Feature, Problem, Variant

ALWAYS = frozenset({Feature.DETERMINISTIC, Feature.SAVED})
OF_RUNTIME = ALWAYS | {
    Feature.LENGTHS,
    Feature.REVERSE,
    Feature.BIDIRECTIONAL,
    Feature.LAYERS,
    Feature.PEEPHOLES,
    Feature.COUPLED,  # input_forget: f = 1 - i, whatever the weights of f
    Feature.ACTIVATIONS,
    Feature.OMITS_STATE,
    Feature.OMITS_BIAS,
}
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def adapt_model(
    model: Any,
    name: str | None,
    input: str,
    output: str,
    batch_first: bool | None,
    layout: int,
    node: str,
    device: str,
    description: Description | None,
) -> Implementation:
    """As `from_onnx`, with its libraries there."""
    start = partial(_start_session, _find_provider(device))
    about = Description(onnxruntime.__version__, device, ("float32",), OF_RUNTIME, grades={"float32": "absolute"})
    if model is None:
        return Implementation(name or "onnxruntime", partial(_build_made, start, layout), description or about)
    given = GivenModel(_read_model(model), input, output, node)
    _try_first(given, start)
    is_turned = _find_order(given, start) if batch_first is None else batch_first
    about = Description(
        onnxruntime.__version__,
        device,
        (given.dtype,),
        _list_features(given),
        _find_shapes(given, is_turned),
        grades={"float32": "absolute"},
    )
    return Implementation(name or "onnxruntime", partial(_build_given, start, given, is_turned), description or about)


def _find_provider(device: str) -> str:
    provider, able = PROVIDERS.get(device, device), onnxruntime.get_available_providers()
    if provider not in able:
        raise BackendUnavailable(
            f"onnxruntime {onnxruntime.__version__} has no {provider}",
            f"choose one that it has: {', '.join(able)}",
        )
    return provider


def _start_session(provider: str, model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(model, options, providers=[provider])


def _read_model(model: Any) -> Any:
    if isinstance(model, str | Path):
        return onnx.load(model)
    if isinstance(model, bytes):
        return onnx.load_model_from_string(model)
    if not isinstance(model, onnx.ModelProto):
        raise TypeError(
            f"model is a {type(model).__name__}, expected a ModelProto, a path or bytes; or None, for the runtime"
        )
    return model


def _try_first(given: GivenModel, start: Start) -> None:
    """Return if the runtime takes the model. Raises ValueError with what it says otherwise."""
    I, H = given.sizes
    D, dtype = len(given.directions), np.dtype(given.dtype)
    tensors = {
        "W": np.zeros((D, 4 * H, I), dtype),
        "R": np.zeros((D, 4 * H, H), dtype),
        "B": np.zeros((D, 8 * H), dtype),
    }
    try:
        start(given.cut([tensors], Form())[0].SerializeToString())
    except Exception as error:
        text = str(error).strip().partition("\n")[0]
        raise ValueError(f"onnxruntime cannot run the model ({text}), expected one that it can; mend that") from error


def _find_order(given: GivenModel, start: Start) -> bool:
    """Whether it is batch first: in which order it answers like the equations, or comes nearer."""

    def ask(problem: Problem, is_turned: bool) -> Answer:
        module = _build_given(start, given, is_turned, problem.parameters, STANDARD, ("forward",))
        return module.forward(problem.x, problem.state)

    usual, distances = bool(given.layout), dict[bool, float]()
    for is_turned in (usual, not usual):
        shapes = _find_shapes(given, is_turned)
        T, B = (n if n in sizes else sizes[0] for n, sizes in ((4, shapes.T), (3, shapes.B)))
        problem = draw_problem(T, B, *given.sizes, given.dtype)
        distances[is_turned] = find_nearest_form(ask, [is_turned], problem)[1]
    return min(distances, key=lambda is_turned: distances[is_turned])


def _list_features(given: GivenModel) -> frozenset[Feature]:
    """What can be asked of a model: what its node takes."""
    optional = {
        Feature.LENGTHS: bool(given.taken["lengths"]),
        Feature.PEEPHOLES: bool(given.taken["P"]),
        Feature.OMITS_STATE: not given.needs_state(),
        Feature.REVERSE: len(given.directions) == 2,
        Feature.BIDIRECTIONAL: len(given.directions) == 2,
    }
    return ALWAYS | {feature for feature, is_there in optional.items() if is_there}


def _find_shapes(given: GivenModel, batch_first: bool) -> Shapes:
    """I and H, and T and B if the model fixes them."""
    I, H = given.sizes
    axes, free = given.shapes[given.x][:2], Shapes()
    T, B = axes[::-1] if batch_first else axes
    return Shapes(range(T, T + 1) if T else free.T, range(B, B + 1) if B else free.B, range(I, I + 1), range(H, H + 1))


def _build_made(
    start: Start, layout: int, rows: Rows, variant: Variant, directions: tuple[Direction, ...]
) -> OnnxModule:
    make = partial(
        make_graph,
        directions=directions,
        layout=layout,
        coupled=variant.kind == "coupled",
        activations=variant.activations,
    )
    return OnnxModule(rows, start, make, layout, bool(layout))


def _build_given(
    start: Start, given: GivenModel, batch_first: bool, rows: Rows, variant: Variant, directions: Any
) -> OnnxModule:
    whole = Sides(given.directions, directions)
    return OnnxModule(rows, start, given.cut, given.layout, batch_first, whole)
