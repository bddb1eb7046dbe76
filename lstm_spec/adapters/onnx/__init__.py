"""ONNX models in ONNX Runtime, as an Implementation. Its libraries are imported when the adapter is used."""

from typing import Any

from lstm_spec.contract import Description, Implementation
from lstm_spec.frameworks import require_library


def from_onnx(
    model: Any = None,
    *,
    name: str | None = None,
    input: str = "",
    output: str = "",
    batch_first: bool | None = None,
    layout: int = 0,
    node: str = "",
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM of an ONNX model in ONNX Runtime. Its weights are initialisers, as in a file; one thread computes.

    `model` is a ModelProto, a path or bytes. The judge's numbers are put in place of the weights and the state of its
    LSTM node. Of several, `node` names one by its name or its output, and each is judged by itself. A node that reads
    in reverse is asked sequences that are turned round; of one that reads both ways, each way is asked, and both.

    x (T, B, I), or (B, T, I) if it is batch first, enters the model at the tensor `input`, and y leaves it at `output`.
    Which it is, is found by asking unless `batch_first` says it.
    Empty names mean the first ones of the model if it has one such node and they may be x and y, or else those of the
    node. Without a model, the runtime is judged, on graphs that are made here with `layout` 0 or 1.

    `device` is cpu, cuda, or the name of an execution provider. float32 has the grade "absolute", because the runtime's
    activations are accurate in that sense only; `description` replaces everything that is said of it. Raises
    BackendUnavailable without onnx, onnxruntime or the provider, ValueError or TypeError for no model with such a node.
    """
    require_library("onnx")
    from lstm_spec.adapters.onnx.adapter import adapt_model

    return adapt_model(model, name, input, output, batch_first, layout, node, device, description)
