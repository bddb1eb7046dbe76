"""ONNX's reference evaluator, plain and with peepholes."""

from typing import Any

import onnx
from common import H, I, drawn, inputs, write
from lstm_node import lstm
from onnx.reference import ReferenceEvaluator

SHAPES = {"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 8 * H)}

for name, shapes in (("onnx", SHAPES), ("onnx-peephole", SHAPES | {"P": (1, 3 * H)})):
    weights, given = drawn(shapes), inputs()
    feeds = weights | {"X": given["x"], "initial_h": given["h0"][None], "initial_c": given["c0"][None]}
    found: Any = ReferenceEvaluator(lstm(feeds)).run(None, feeds)
    y, h, c = found
    write(name, "onnx", onnx.__version__, "onnx", weights, given, {"y": y[:, 0], "h_T": h[0], "c_T": c[0]})
