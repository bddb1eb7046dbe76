"""A model that is one LSTM node, all of whose arrays are inputs."""

from collections.abc import Mapping

import numpy as np
from common import H
from onnx import ModelProto, TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

INPUTS = ("X", "W", "R", "B", "", "initial_h", "initial_c", "P")


def lstm(feeds: Mapping[str, np.ndarray]) -> ModelProto:
    """The model that takes these feeds."""
    names = [name if name in feeds else "" for name in INPUTS]
    node = make_node("LSTM", names if names[-1] else names[:-1], ["Y", "Y_h", "Y_c"], hidden_size=H)
    takes = [make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in feeds.items()]
    gives = [make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h", "Y_c")]
    return make_model(make_graph([node], "lstm", takes, gives), opset_imports=[make_opsetid("", 22)], ir_version=10)
