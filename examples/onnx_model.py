"""An ONNX model with one LSTM node, in onnxruntime: lstm-conform run examples.onnx_model:BACKEND"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from lstm_spec import Description, from_packed

INPUTS = {"X": 3, "W": 3, "R": 3, "B": 2, "h": 3, "c": 3}


def session(hidden):
    node = helper.make_node("LSTM", ["X", "W", "R", "B", "", "h", "c"], ["Y", "h_T", "c_T"], hidden_size=hidden)
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * n) for name, n in INPUTS.items()]
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "h_T", "c_T")]
    model = helper.make_model(
        helper.make_graph([node], "lstm", given, found), opset_imports=[helper.make_opsetid("", 22)], ir_version=10
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def forward(x, h, c, W, U, b_input, b_recurrent):
    given = {"X": x, "W": W[None], "R": U[None], "B": np.concatenate([b_input, b_recurrent])[None]}
    y, h, c = session(h.shape[1]).run(None, given | {"h": h[None], "c": c[None]})
    return y[:, 0], h[0], c[0]


about = Description(version=onnxruntime.__version__, dtypes=("float32",), grades={"float32": "absolute"})
BACKEND = from_packed(forward, order="iofg", biases=2, name="onnxruntime", description=about)
