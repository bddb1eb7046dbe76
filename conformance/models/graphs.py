"""ONNX models: every LSTM node is asked what the model asks of it, by the runtime itself."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np

from conformance.models.asked import Asked, ModelError, describe_error, require_file
from conformance.models.drawing import draw_affordable_units, draw_input
from conformance.models.nodes import Tensors, list_runs, read_question
from conformance.text import LONGEST_NAME, clean_line
from lstm_spec import BackendUnavailable
from lstm_spec.frameworks import require_library
from lstm_spec.types import Array

SECONDS = 120.0  # that a run may take
LARGEST = 1 << 31  # bytes of a file: protobuf has no more
STEPS = (16, 640)  # of inputs whose sizes a model leaves open


def ask_graph(path: Path, inputs: Mapping[str, Array]) -> Iterator[Asked]:
    """What each LSTM node was asked, and answered, in one run of the model. Raises ModelError."""
    try:
        require_library("onnx")
    except BackendUnavailable as error:
        raise ModelError(str(error)) from error
    import onnxruntime

    model = _load_model(path)
    opened, watched = _open_model(path, model)
    names = [text for node in watched for text in node.outputs.values()]
    try:
        found = _run_model(path, opened, names, inputs)
    except ModelError as error:
        if alternating := [clean_line(node.name, LONGEST_NAME) for node in watched if node.loops and node.branches]:
            raise ModelError(
                f"{path}: {alternating[0]} is in an If in a loop, expected one of them; judge the inner graph"
            ) from error
        raise
    for node in watched:
        tensors = {part: found[text] for part, text in node.outputs.items()}
        node = node._replace(name=clean_line(node.name, LONGEST_NAME))
        for k, (name, given) in enumerate(list_runs(node, tensors)):
            asked = read_question(node, given, name, f"onnxruntime {onnxruntime.__version__}")
            yield asked if inputs or k else asked._replace(units=_ask_units(opened, node, given, asked))


def _open_model(path: Path, model: Any) -> tuple[Any, list[Any]]:
    from lstm_spec.adapters.onnx.watching import list_types, list_unjudged, watch_nodes

    try:
        unjudged = list_unjudged(model.graph)
        found: tuple[Any, list[Any]] = watch_nodes(model)
    except Exception as error:
        raise ModelError(f"{path} cannot be read as ONNX ({describe_error(error)})") from error
    if unjudged:
        raise ModelError(
            f"{path}: {clean_line(unjudged[0], LONGEST_NAME)}, expected LSTM of ONNX itself; quantised and fused nodes"
            " are not judged"
        )
    if not found[1]:
        others = " and ".join(sorted({"GRU", "RNN"} & list_types(found[0].graph)))
        raise ModelError(
            f"{path} has no LSTM node{f' but {others}' if others else ''}, expected one; nothing else is judged"
        )
    return found


def _run_model(path: Path, model: Any, names: list[str], inputs: Mapping[str, Array]) -> Tensors:
    """The outputs by name. Inputs that are drawn are short, and longer if the model does not run with them."""
    import onnxruntime

    errors = list[Exception]()
    for steps in STEPS:
        try:
            session = _start_session(model)
            with _end_in_time(path) as run:
                found = session.run(names, _make_feeds(model, inputs, steps), run)
            return dict(zip(names, found, strict=True))
        except ModelError:
            raise
        except Exception as error:
            errors.append(error)
    raise ModelError(
        f"{path} does not run in onnxruntime {onnxruntime.__version__} ({describe_error(errors[0])}); if its inputs"
        " need other shapes or values, give them with --inputs"
    ) from errors[0]


def _ask_units(model: Any, node: Any, tensors: Tensors, asked: Asked) -> tuple[Asked, ...]:
    """The node alone, asked with unit vectors; nothing if the runtime does not run it so, or they are too many."""
    from lstm_spec.adapters.onnx.watching import isolate_node

    found = []
    try:
        for problem in draw_affordable_units(asked.problem):
            session = _start_session(isolate_node(node, model, tensors))
            h, c = problem.state
            Y, last_h, last_c = session.run(None, {"X": problem.x, "initial_h": h, "initial_c": c})
            y = np.ascontiguousarray(Y.transpose(0, 2, 1, 3)).reshape(*problem.x.shape[:2], -1)
            found.append(asked._replace(problem=problem, answer=(y, last_h, last_c)))
    except Exception:  # a node with its batch first, e.g.
        return ()
    return tuple(found)


def _start_session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=0,  # which prints what it does
    )


@contextmanager
def _end_in_time(path: Path) -> Iterator[Any]:
    """Options with which a run ends if it takes too long, as a Loop may. Raises ModelError then."""
    import onnxruntime

    run = onnxruntime.RunOptions()
    timer = Timer(SECONDS, setattr, (run, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield run
    except Exception as error:
        if run.terminate:
            raise ModelError(
                f"{path} does not end within {SECONDS:g} s in onnxruntime; give shorter --inputs"
            ) from error
        raise
    finally:
        timer.cancel()


def _load_model(path: Path) -> Any:
    import onnx

    require_file(path, "an ONNX model", LARGEST)
    try:
        with warnings.catch_warnings(action="ignore"):  # of what it leaves out
            model = onnx.load(path)
    except Exception as error:
        raise ModelError(f"{path} cannot be read as ONNX ({describe_error(error)})") from error
    return model


def _make_feeds(model: Any, inputs: Mapping[str, Array], steps: int) -> Tensors:
    import onnx

    weights = {a.name for a in model.graph.initializer}
    asked = {one.name: one.type.tensor_type for one in model.graph.input if one.name not in weights}
    given = {next(iter(asked), ""): inputs[""]} if "" in inputs else dict(inputs)
    if extra := [name for name in given if name not in asked]:
        raise ModelError(f"--inputs has {extra[0]!r}, expected inputs of the model: {', '.join(asked)}")
    feeds = {}
    sizes = {  # the same name is the same size: states are drawn for as many samples as x was given for
        axis.dim_param: size
        for name, a in given.items()
        for axis, size in zip(asked[name].shape.dim, np.shape(a), strict=False)
    }
    for k, (name, kind) in enumerate(asked.items()):
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
        shape = tuple(d.dim_value or sizes.get(d.dim_param) or d.dim_param or None for d in kind.shape.dim)
        constant, most = _find_range(model.graph, name)
        drawn = draw_input(shape, dtype, most, k, steps)
        drawn = drawn if constant is None else np.full_like(drawn, constant)
        feeds[name] = np.asarray(given[name], dtype) if name in given else drawn
    for name, x in _find_lengths(model.graph).items():
        if name in feeds and name not in given and x in feeds:
            feeds[name] = _draw_lengths(feeds[name], len(feeds[x]))
    return feeds


def _find_lengths(graph: Any) -> dict[str, str]:
    """Inputs that are the lengths of what an LSTM node reads, and the inputs that are that."""
    made_from = {node.output[0]: node.input[0] for node in graph.node if node.op_type in ("Cast", "Identity")}
    found = {}
    for node in graph.node:
        if node.op_type == "LSTM" and len(node.input) > 4 and node.input[4]:
            x, lengths = node.input[0], node.input[4]
            found[made_from.get(lengths, lengths)] = made_from.get(x, x)
    return found


def _draw_lengths(drawn: Array, T: int) -> Array:
    """One of all steps, others of some."""
    found = np.random.default_rng(0).integers(1, T + 1, size=drawn.shape)
    found.flat[:1] = T
    return found.astype(drawn.dtype)


def _find_range(graph: Any, name: str) -> tuple[Array | None, int | None]:
    """A constant that the model compares an input with, e.g. a rate, and how many rows it looks it up in."""
    import onnx

    known = {a.name: a for a in graph.initializer}
    known |= {
        n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"
    }
    for node in graph.node:
        others = [known[one] for one in node.input if one in known]
        if name in node.input and others:
            if node.op_type == "Gather" and node.input[1] == name:
                return None, others[0].dims[0]
            if node.op_type == "Equal":
                return onnx.numpy_helper.to_array(others[0]).ravel()[0], None
    return None, None
