"""tinygrad's LSTMCell, and its gradients: lstm-conform run tools.frameworks.tinygrad:BACKEND

It unrolls time and schedules each step anew, so at most 16 steps are claimed. It needs clang, or DEV=PYTHON.
"""

from importlib.metadata import version

from tinygrad import Tensor
from tinygrad.nn import LSTMCell

from lstm_spec import Description, Shapes, at_most, from_packed

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def run(x, h, c, *weights):
    cell = LSTMCell(x.shape[-1], h.shape[-1])
    for name, a in zip(NAMES, weights, strict=True):
        setattr(cell, name, a)
    outputs = []
    for x_t in x:
        h, c = cell(x_t, (h, c))
        outputs.append(h)
    return Tensor.stack(*outputs), h, c


def forward(*given):
    return tuple(a.numpy() for a in run(*map(Tensor, given)))


def gradients(*given):
    *arguments, dy, dh, dc = map(Tensor, given)
    answer = run(*arguments)
    loss = sum((a * d).sum() for a, d in zip(answer, (dy, dh, dc), strict=True))
    return tuple(a.numpy() for a in (*answer, *loss.gradient(*arguments)))


BACKEND = from_packed(
    forward,
    gradients,
    order="ifgo",
    name="tinygrad LSTMCell",
    description=Description(version("tinygrad"), dtypes=("float32",), shapes=Shapes(T=at_most(16))),
)
