"""mlx.nn.LSTM, and its gradients: lstm-conform run examples.mlx_lstm:BACKEND"""

from mlx import nn

from lstm_spec import from_mlx

BACKEND = from_mlx(nn.LSTM)
