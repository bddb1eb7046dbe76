"""OpenVINO's LSTMSequence, on the CPU in float32."""

from importlib.metadata import version

import numpy as np
import openvino as ov
from common import B, H, I, T, drawn, inputs, write
from openvino import opset8 as op

given = inputs()
x, h0, c0 = given.values()
weights = drawn({"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 4 * H)})
X, h_0, c_0 = (op.parameter(shape, np.float32) for shape in ((B, T, I), (B, 1, H), (B, 1, H)))
lengths = op.constant(np.full(B, T, np.int32))
W, R, b = map(op.constant, weights.values())
node = op.lstm_sequence(X, h_0, c_0, lengths, W, R, b, H, "FORWARD")
model = ov.Model(list(node.outputs()), [X, h_0, c_0])
compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
out = compiled([np.swapaxes(x, 0, 1), h0[:, None], c0[:, None]])
y, h, c = (out[k] for k in range(3))
found = {"y": np.swapaxes(y[:, 0], 0, 1), "h_T": h[:, 0], "c_T": c[:, 0]}
write("openvino", "openvino", version("openvino"), "openvino", weights, given, found)
