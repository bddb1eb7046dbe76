"""TensorFlow Lite models: every LSTM operator is asked what the model asks of it, by its interpreter."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from conformance.models.asked import Asked, ModelError, describe_error, require_file
from conformance.models.drawing import draw_input
from lstm_spec import LAYOUTS, Network, network_from
from lstm_spec.adapters.archives import LARGEST as UNPACKED
from lstm_spec.adapters.archives import MOST
from lstm_spec.layouts.fitting import names_and_axes
from lstm_spec.types import Array

LIBRARIES = {  # the interpreter, and the reader of the format
    "ai_edge_litert": ("ai_edge_litert.interpreter", "ai_edge_litert.schema_py_generated"),
    "tensorflow": ("tensorflow.lite.python.interpreter", "tensorflow.lite.python.schema_py_generated"),
}
PARTS = [name for part in ("W", "U", "p", "b", "R") for name in names_and_axes(getattr(LAYOUTS["tflite"], part))[0]]
UNKNOWN = {17: "a bias of the projection", 20: "layer normalisation"}  # inputs for which there are no equations
HIDDEN, CELL = 18, 19  # variables, which start at zero and hold the last state in the end
OPERATOR = "UNIDIRECTIONAL_SEQUENCE_LSTM"
TANH = 4  # in the format
LARGEST = 1 << 31  # bytes of a file: FlatBuffers have no more
STEPS = 16


def ask_lite(path: Path, inputs: Mapping[str, Array]) -> Iterator[Asked]:
    """What each LSTM operator was asked, and answered, in one run of the model. Raises ModelError."""
    library = next(filter(find_spec, LIBRARIES), "")
    if not library:
        raise ModelError('no interpreter of TensorFlow Lite is installed; pip install "lstm-spec[tflite]"')
    require_file(path, "a TensorFlow Lite model", LARGEST)
    interpreter, schema = map(import_module, LIBRARIES[library])
    try:
        raw = path.read_bytes()
        with warnings.catch_warnings(action="ignore"):  # of the memory that it takes to keep all tensors
            lite = interpreter.Interpreter(model_content=raw, num_threads=1, experimental_preserve_all_tensors=True)
        _check_sizes(path, lite, len(raw))
        lite.allocate_tensors()  # it has verified the model
        options = _list_options(schema, raw)
        _feed(lite, inputs)
        lite.invoke()
        operators = lite._get_ops_details()  # no public way leads to the inputs of an operator
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path} cannot be read or run by {library} ({describe_error(error)})") from error
    found = [operator for operator in operators if "LSTM" in operator["op_name"]]
    if not found:
        raise ModelError(
            f"{path} has no LSTM operator, expected {OPERATOR}; an LSTM of Keras 3 is converted to a loop of other"
            " operators, which is not judged: convert one of tf_keras"
        )
    for operator in found:
        yield _read_question(lite, operator, options, f"{library} {version(packages_distributions()[library][0])}")


def _check_sizes(path: Path, lite: Any, stored: int) -> None:
    """Raise ModelError if a small file has large tensors."""
    size = 4 * sum(prod(map(int, one["shape"])) for one in lite.get_tensor_details())
    if size > max(UNPACKED, MOST * stored):
        raise ModelError(f"{path} has tensors of {size:,} bytes, expected at most {UNPACKED:,}; convert a shorter one")


def _list_options(schema: Any, raw: bytes) -> dict[int, Any]:
    """The options of each LSTM operator, by its number."""
    graph, found = schema.Model.GetRootAs(raw, 0).Subgraphs(0), {}
    for k in range(graph.OperatorsLength()):
        if graph.Operators(k).BuiltinOptionsType() == schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions:
            table, options = graph.Operators(k).BuiltinOptions(), schema.UnidirectionalSequenceLSTMOptions()
            options.Init(table.Bytes, table.Pos)
            found[k] = options
    return found


def _feed(lite: Any, inputs: Mapping[str, Array]) -> None:
    asked = {one["name"]: one for one in lite.get_input_details()}
    given = {next(iter(asked), ""): inputs[""]} if "" in inputs else dict(inputs)
    if extra := [name for name in given if name not in asked]:
        raise ModelError(f"--inputs has {extra[0]!r}, expected inputs of the model: {', '.join(asked)}")
    for k, (name, one) in enumerate(asked.items()):
        drawn = draw_input(tuple(map(int, one["shape"])), np.dtype(one["dtype"]), None, k, STEPS)
        lite.set_tensor(one["index"], np.asarray(given.get(name, drawn), one["dtype"]))


def _read_question(lite: Any, operator: Mapping[str, Any], options: Mapping[int, Any], library: str) -> Asked:
    name, taken = f"operator {operator['index']}", [int(k) for k in operator["inputs"]]
    about = options.get(operator["index"])
    if operator["op_name"] != OPERATOR or about is None:
        raise ModelError(f"{name} is {operator['op_name']}, expected {OPERATOR}; it is not judged")
    for k, what in UNKNOWN.items():
        if k < len(taken) and taken[k] >= 0:
            raise ModelError(f"{name} has {what}, expected none; it is not judged")
    if about.FusedActivationFunction() != TANH:
        raise ModelError(f"{name} has another activation, expected tanh; it is not judged")
    tensors = {part: lite.get_tensor(taken[k]) for k, part in enumerate(PARTS, 1) if taken[k] >= 0}
    if quantised := [a.dtype.name for a in tensors.values() if a.dtype.kind != "f"]:
        raise ModelError(f"{name} has quantised weights ({quantised[0]}), expected floats; it is not judged")
    network = network_from(tensors, "tflite" if PARTS[0] in tensors else "tflite-cifg")
    return _ask_network(lite, name, taken, operator, about, network, library)


def _ask_network(
    lite: Any, name: str, taken: list[int], operator: Mapping[str, Any], about: Any, network: Network, library: str
) -> Asked:
    x, y = lite.get_tensor(taken[0]), lite.get_tensor(int(operator["outputs"][0]))
    h, c = (lite.get_tensor(taken[k])[None] for k in (HIDDEN, CELL))
    x, y = (np.ascontiguousarray(a if about.TimeMajor() else np.swapaxes(a, 0, 1)) for a in (x, y))
    bounded = replace(network, clip=about.CellClip() or None, projection_clip=about.ProjClip() or None)
    return Asked(name, library, bounded.ask(x), (y, h, c))
