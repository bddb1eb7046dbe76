"""A file of any kind, read: a graph is run, and of other files the weights are taken."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from conformance.models.asked import Asked
from conformance.models.drawing import suggests_inputs
from conformance.models.graphs import ask_graph
from conformance.models.lite import ask_lite
from conformance.models.weights import Stored, list_arrays, read_weights
from lstm_spec.types import Array


class Graph(NamedTuple):
    """Models that are run, and by whom."""

    ask: Callable[[Path, Mapping[str, Array]], Iterator[Asked]]
    runtime: str


GRAPHS = {".onnx": Graph(ask_graph, "onnxruntime"), ".tflite": Graph(ask_lite, "tflite")}


def read_file(path: Path, inputs: Mapping[str, Array], layout: str | None = None) -> list[Asked] | Stored:
    """Every LSTM of a graph, asked with the inputs; or the weights in a file, and what inputs are drawn from.

    Raises ModelError.
    """
    if graph := GRAPHS.get(path.suffix.lower()):
        return list(graph.ask(path, inputs))
    stored = read_weights(path, layout)
    named = {name for network in stored.networks.values() for name in network.names}
    arrays = {name: a for name, a in list_arrays(stored).items() if name in named or suggests_inputs(name)}
    return stored._replace(tensors=arrays)
