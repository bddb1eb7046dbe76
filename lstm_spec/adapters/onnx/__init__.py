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
    device: str = "cpu",
    description: Description | None = None,
) -> Implementation:
    """The LSTM of an ONNX model in ONNX Runtime. Its weights are initialisers, as in a file; one thread computes.

    `model` is a ModelProto, a path or bytes. It has one LSTM node, which reads forward; the judge's numbers are put in
    place of its weights and its state. x (T, B, I), or (B, T, I) with `batch_first`, enters the model at the tensor
    `input`, and y leaves it at `output`; empty names mean its first ones. Without a model, the runtime is judged, on
    graphs that are made here with `layout` 0 or 1.

    `device` is cpu, cuda, or the name of an execution provider. float32 has the grade "absolute", because the runtime's
    activations are accurate in that sense only; `description` replaces everything that is said of it. Raises
    BackendUnavailable without onnx, onnxruntime or the provider, ValueError or TypeError for no model with such a node.
    """
    require_library("onnx")
    from lstm_spec.adapters.onnx.adapter import adapt_model

    return adapt_model(model, name, input, output, batch_first, layout, device, description)
