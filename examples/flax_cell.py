"""flax.linen.OptimizedLSTMCell under nn.RNN, and its gradients: lstm-conform run examples.flax_cell:BACKEND"""

from flax import linen

from lstm_spec import from_flax

BACKEND = from_flax(linen.OptimizedLSTMCell)
