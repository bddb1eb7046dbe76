"""ONNX Runtime, on graphs with an LSTM node: lstm-conform run examples.onnx_model:BACKEND"""

from lstm_spec import from_onnx

BACKEND = from_onnx()
