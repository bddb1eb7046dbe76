"""A network written as a file, in the form that the end of its name says."""

import io
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from conformance.files import write_whole
from conformance.models.asked import ModelError
from conformance.models.differences import name_bounds, name_functions
from conformance.models.weights import KERAS, TORCH
from lstm_spec import BackendUnavailable, Network, tensors_from
from lstm_spec.frameworks import require_library
from lstm_spec.types import Array

FORMS = (".onnx", ".pt", ".pth", ".safetensors", ".npz", ".h5")


def write_network(network: Network, path: Path, layout: str | None) -> None:
    """Write it: ONNX with one node a layer, or tensors in a layout, PyTorch's or Keras' unless another is named.

    Raises ModelError if the form has no place for it, or cannot be written here.
    """
    suffix = path.suffix.lower()
    try:
        if bounds := name_bounds(network):
            raise ModelError(f"{path} has no place for {bounds}, expected an LSTM without bounds; no form has one")
        if suffix == ".onnx":
            write_whole(path, _make_graph(network))
        elif network.activations:
            functions = name_functions(network.activations)
            raise ModelError(
                f"{path} has no place for the activations of this LSTM ({functions}), and would be read with sigmoid"
                " and tanh; write .onnx, which has one"
            )
        elif suffix in FORMS:
            tensors = tensors_from(network, layout or ("keras" if suffix in KERAS else "pytorch"), prefix="lstm.")
            write_whole(
                path,
                _pack(suffix, {name.replace(".", "/") if suffix in KERAS else name: a for name, a in tensors.items()}),
            )
        else:
            raise ModelError(f"{path} ends in {suffix!r}, expected one of {', '.join(FORMS)}; name it so")
    except (OSError, ValueError, TypeError, ImportError, BackendUnavailable) as error:
        raise ModelError(f"{path} cannot be written ({str(error).splitlines()[0][:300]})") from error


def _make_graph(network: Network) -> bytes:
    require_library("onnx")
    adapter = import_module("lstm_spec.adapters.onnx.module")
    graph = import_module("lstm_spec.adapters.onnx.graph")
    weights = adapter.arrange_weights(network.parameters)
    form, coupled = graph.Form(state=True), network.variant.kind == "coupled"
    model = graph.make_graph(weights, form, network.directions, 0, coupled, network.activations)[0]
    I, H, D = weights[0]["W"].shape[2], weights[0]["R"].shape[2], len(network.directions)
    for one in model.graph.input:
        sizes = ("T", "B", I) if one.name == "X" else (D, "B", H)
        for axis, size in zip(one.type.tensor_type.shape.dim, sizes, strict=True):
            setattr(axis, "dim_param" if isinstance(size, str) else "dim_value", size)
    raw: bytes = model.SerializeToString()
    return raw


def _pack(suffix: str, tensors: Mapping[str, Array]) -> bytes:
    """The bytes of a file of that form."""
    if suffix == ".safetensors":
        from safetensors.numpy import save

        return save(dict(tensors))
    file = io.BytesIO()
    if suffix in TORCH:
        require_library("torch")
        import_module("lstm_spec.adapters.torch.stored").save_tensors(tensors, file)
    elif suffix in KERAS:
        import_module("lstm_spec.adapters.keras.stored").save_tensors(tensors, file)
    else:
        np.savez(file, **tensors)  # type: ignore[arg-type]
    return file.getvalue()
