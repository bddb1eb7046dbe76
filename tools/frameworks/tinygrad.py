"""tinygrad's LSTMCell, and its gradients: lstm-conform run tools.frameworks.tinygrad:BACKEND

Time is unrolled, and each size takes seconds to compile, so at most 16 steps are claimed. It needs clang.
"""

from functools import cache
from importlib.metadata import version

from tinygrad import Tensor, TinyJit
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


def differentiate(*given):
    *arguments, dy, dh, dc = given
    answer = run(*arguments)
    loss = sum((a * d).sum() for a, d in zip(answer, (dy, dh, dc), strict=True))
    return *answer, *loss.gradient(*arguments)


@cache
def compile_for(function, *shapes):
    """The function for these shapes; a TinyJit has one set of shapes."""

    def compute(*given):
        found = function(*given)
        Tensor.realize(*found)
        return found

    return TinyJit(compute)


def ask(function, given):
    compiled = compile_for(function, *(a.shape for a in given))
    return tuple(a.numpy() for a in compiled(*(Tensor(a).realize() for a in given)))


BACKEND = from_packed(
    lambda *given: ask(run, given),
    lambda *given: ask(differentiate, given),
    order="ifgo",
    name="tinygrad LSTMCell",
    description=Description(
        version("tinygrad"),
        dtypes=("float32",),
        shapes=Shapes(T=at_most(16)),
        grades={"float32": "absolute"},  # its tanh z is 2 σ(2z) - 1
        compiles=True,
    ),
)
