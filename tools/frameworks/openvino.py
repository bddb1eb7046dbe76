"""OpenVINO's LSTMSequence on the CPU: lstm-conform run tools.frameworks.openvino:BACKEND"""

from importlib.metadata import version

import numpy as np
import openvino as ov
from openvino import opset8 as op

from lstm_spec import Description, from_packed


def forward(x, h, c, W, U, b):
    """Batch first; the weights are constants of a model that is compiled for each question."""
    given = (x, h[:, None], c[:, None])
    X, h_0, c_0 = (op.parameter(a.shape, np.float32) for a in given)
    lengths = op.constant(np.full(len(x), x.shape[1], np.int32))
    weights = (op.constant(a[None]) for a in (W, U, b))
    node = op.lstm_sequence(X, h_0, c_0, lengths, *weights, h.shape[-1], "FORWARD")
    compiled = ov.compile_model(ov.Model(list(node.outputs()), [X, h_0, c_0]), "CPU", SETTINGS)
    y, h_T, c_T = (compiled(given)[k].copy() for k in range(3))
    return y[:, 0], h_T[:, 0], c_T[:, 0]


SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
BACKEND = from_packed(
    forward,
    order="figo",
    biases=1,
    batch_first=True,
    name="OpenVINO LSTMSequence",
    description=Description(version("openvino"), dtypes=("float32",)),
)
