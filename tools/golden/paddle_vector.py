"""PaddlePaddle's nn.LSTMCell, plain and with a projection."""

import paddle
from common import H, I, P, drawn, inputs, write

for name, width in (("paddle", 0), ("paddle-projection", P)):
    cell = paddle.nn.LSTMCell(I, H, proj_size=width)
    weights = drawn({name: tuple(a.shape) for name, a in cell.named_parameters()})
    cell.set_state_dict(weights)
    given = inputs(width or H)
    x, h, c = map(paddle.to_tensor, given.values())
    outputs = []
    for x_t in x:
        y_t, (h, c) = cell(x_t, (h, c))
        outputs.append(y_t)
    y = paddle.stack(outputs)
    write(name, "paddlepaddle", paddle.__version__, "paddle", weights, given, {"y": y, "h_T": h, "c_T": c})
