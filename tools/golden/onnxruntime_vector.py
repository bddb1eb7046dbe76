"""ONNX Runtime on the CPU, plain and with peepholes."""

import onnxruntime
from common import H, I, drawn, inputs, write
from lstm_node import lstm

SHAPES = {"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 8 * H)}

for name, shapes in (("onnxruntime", SHAPES), ("onnxruntime-peephole", SHAPES | {"P": (1, 3 * H)})):
    weights, given = drawn(shapes), inputs()
    feeds = weights | {"X": given["x"], "initial_h": given["h0"][None], "initial_c": given["c0"][None]}
    session = onnxruntime.InferenceSession(lstm(feeds).SerializeToString(), providers=["CPUExecutionProvider"])
    y, h, c = session.run(None, feeds)
    found = {"y": y[:, 0], "h_T": h[0], "c_T": c[0]}
    write(name, "onnxruntime", onnxruntime.__version__, "onnx", weights, given, found)
