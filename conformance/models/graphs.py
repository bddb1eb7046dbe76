"""ONNX models: every LSTM node is asked what the model asks of it, by the runtime itself."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np

from conformance.models.asked import Asked, ModelError, describe_error, require_file
from conformance.models.drawing import draw_affordable_units, draw_input
from conformance.text import LONGEST_NAME, clean_line
from lstm_spec import BackendUnavailable, Problem, State, Variant, network_from
from lstm_spec.frameworks import require_library
from lstm_spec.layouts.functions import read_onnx_activations
from lstm_spec.types import Array, Direction

SIDES: dict[str, tuple[Direction, ...]] = {
    "forward": ("forward",),
    "reverse": ("reverse",),
    "bidirectional": ("forward", "reverse"),
}
MOST_ITERATIONS = 8  # of a Loop, that are judged
SECONDS = 120.0  # that a run may take
LARGEST = 1 << 31  # bytes of a file: protobuf has no more
STEPS = (16, 640)  # of inputs whose sizes a model leaves open
Tensors = dict[str, Array]


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
    found = _run_model(path, opened, names, inputs) if names else {}
    for node in watched:
        tensors = {part: found[text] for part, text in node.outputs.items()}
        node = node._replace(name=clean_line(node.name, LONGEST_NAME))
        for k, (name, given) in enumerate(_list_runs(node, tensors)):
            asked = _read_question(node, given, name, f"onnxruntime {onnxruntime.__version__}")
            yield asked if inputs or k else asked._replace(units=_ask_units(opened, node, given, asked))


def _open_model(path: Path, model: Any) -> tuple[Any, list[Any]]:
    from lstm_spec.adapters.onnx.watching import list_unjudged, watch_nodes

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
    return feeds


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


# ---------------------------------------------------------------- a node


def _list_runs(node: Any, tensors: Tensors) -> Iterator[tuple[str, Tensors]]:
    """What a node was given and answered, in each iteration if it is in a loop, by the name of that."""
    if node.loops > 1:
        raise ModelError(f"{node.name} is in a loop in a loop, expected one loop at most; judge the inner graph")
    if not node.loops:
        if tensors["X"].ndim == 3:  # it was run
            yield node.name, tensors
        return
    for k in range(min(len(tensors["X"]), MOST_ITERATIONS)):
        yield f"{node.name} in iteration {k}", {part: a[k] for part, a in tensors.items()}


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


def _read_question(node: Any, tensors: Tensors, name: str, runtime: str) -> Asked:
    variant, sides = _read_attributes(node), SIDES[node.attributes["direction"].decode()]
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # the sizes of biases are judged with
        network = network_from({part: tensors[part] for part in "WRBP" if part in tensors}, "onnx", directions=sides)
    is_first = bool(node.attributes["layout"])
    x = np.swapaxes(tensors["X"], 0, 1) if is_first else tensors["X"]
    Y = tensors["Y"].transpose((1, 0, 2, 3) if is_first else (0, 2, 1, 3))
    states = {part: np.swapaxes(a, 0, 1) if is_first else a for part, a in tensors.items() if part[-2:] in ("_h", "_c")}
    zeros = np.zeros_like(states["Y_h"])
    state = State(states.get("initial_h", zeros), states.get("initial_c", zeros))
    lengths = tensors.get("sequence_lens")
    whole = lengths is None or bool((lengths == len(x)).all())
    problem = network.ask(x, state, None if whole or lengths is None else lengths.astype(np.int64))
    sizes = network.bias_sizes
    if variant.activations:
        if problem.variant.kind != "standard":
            raise ModelError(f"{name} has peepholes and activations of its own; that is not specified")
        problem = replace(problem, variant=variant)
    if variant.kind == "coupled":
        if problem.layer.g is not None and any(gate.p is not None for gate in problem.layer.gates.values()):
            raise ModelError(f"{name} has coupled gates and peepholes, expected one of them; that is not specified")
        rows = tuple(tuple(p._replace(f=None) for p in row) for row in problem.parameters)
        problem = Problem(rows, x, state, problem.lengths, variant, sides)
        sizes = tuple(tuple({gate: a for gate, a in one.items() if gate != "f"} for one in row) for row in sizes)
    y = Y.reshape(*Y.shape[:2], -1)
    return Asked(name, runtime, problem, (np.ascontiguousarray(y), states["Y_h"], states["Y_c"]), sizes)


def _read_attributes(node: Any) -> Variant:
    """The kind of cell. Raises ModelError for what the specification has no word for."""
    used = [a.decode() for a in node.attributes["activations"]]
    alphas, betas = (node.attributes.get(f"activation_{word}", ()) for word in ("alpha", "beta"))
    try:
        activations = read_onnx_activations(used, alphas, betas, node.name)
    except ValueError as error:
        raise ModelError(str(error)) from error
    if node.attributes["clip"]:
        raise ModelError(f"{node.name} clips what its gates receive, expected no clip; it is not judged")
    if activations and node.attributes["input_forget"]:
        raise ModelError(f"{node.name} has coupled gates and the activations {', '.join(used)}; that is not specified")
    kind = "configured" if activations else "coupled" if node.attributes["input_forget"] else "standard"
    return Variant(kind, activations=activations)
