"""MXNet's gluon.rnn.LSTM, of one layer."""

import mxnet as mx
from common import H, I, drawn, inputs, write

layer = mx.gluon.rnn.LSTM(H, input_size=I)
layer.initialize()
parameters = {name.partition("l0_")[2]: one for name, one in layer.collect_params().items()}
weights = drawn({name: one.shape for name, one in parameters.items()})
for name, one in parameters.items():
    one.set_data(mx.nd.array(weights[name]))
given = inputs()
x, h, c = (mx.nd.array(a) for a in given.values())
y, (h, c) = layer(x, [h[None], c[None]])
found = {"y": y.asnumpy(), "h_T": h[0].asnumpy(), "c_T": c[0].asnumpy()}
write("mxnet", "mxnet", mx.__version__, "mxnet", weights, given, found)
