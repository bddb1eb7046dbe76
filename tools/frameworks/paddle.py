"""PaddlePaddle's nn.LSTM, and its gradients: lstm-conform run tools.frameworks.paddle:BACKEND"""

import paddle

from lstm_spec import Description, from_packed

NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def run(x, h, c, *weights):
    paddle.set_default_dtype(str(x.dtype))
    module = paddle.nn.LSTM(x.shape[-1], h.shape[-1], time_major=True)
    module.set_state_dict(dict(zip(NAMES, weights, strict=True)))
    inputs = [paddle.to_tensor(a, stop_gradient=False) for a in (x, h[None], c[None])]
    y, (h_T, c_T) = module(inputs[0], (inputs[1], inputs[2]))
    return (y, h_T, c_T), [*inputs, *(getattr(module, name) for name in NAMES)]


def forward(*given):
    y, h, c = (a.numpy() for a in run(*given)[0])
    return y, h[0], c[0]


def gradients(*given):
    *arguments, dy, dh, dc = given
    answer, inputs = run(*arguments)
    cotangents = [paddle.to_tensor(a) for a in (dy, dh[None], dc[None])]
    y, h, c = (a.numpy() for a in answer)
    dx, dh, dc, *weights = (a.numpy() for a in paddle.grad(answer, inputs, cotangents))
    return y, h[0], c[0], dx, dh[0], dc[0], *weights


BACKEND = from_packed(
    forward,
    gradients,
    order="ifgo",
    name="PaddlePaddle nn.LSTM",
    description=Description(paddle.__version__),
)
