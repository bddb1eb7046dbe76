"""TensorFlow's block operators, and their gradients: lstm-conform run tools.frameworks.tensorflow:BLOCK_LSTM

Also BLOCK_LSTM_V2.
"""

from functools import partial

import tensorflow as tf

from lstm_spec import Backend, Description, from_packed


def forward(operator, x, h, c, W, U, b):
    """The answer of BlockLSTM or BlockLSTMV2, which differ in the order of the gates."""
    no_peephole = tf.zeros_like(h[0])
    steps = operator(
        seq_len_max=len(x),
        x=x,
        cs_prev=c,
        h_prev=h,
        w=tf.concat([W, U], 0),
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=b,
        cell_clip=0.0,
        use_peephole=False,
    )
    return steps.h, steps.h[-1], steps.cs[-1]


def gradients(operator, *given):
    *arguments, dy, dh, dc = map(tf.constant, given)
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        answer = forward(operator, *arguments)
    return *answer, *tape.gradient(answer, arguments, [dy, dh, dc])


def adapt(name: str, operator: object, order: str) -> Backend:
    """The Backend of one of the operators."""
    return from_packed(
        lambda x, h, c, W, U, b: forward(operator, x, h, c, W, U, b),
        lambda x, h, c, W, U, b, dy, dh, dc: gradients(operator, x, h, c, W, U, b, dy, dh, dc),
        order=order,
        biases=1,
        transposed=True,
        name=f"TensorFlow {name}",
        description=Description(tf.__version__, dtypes=("float32",)),
    )


BLOCK_LSTM = adapt("BlockLSTM", partial(tf.raw_ops.BlockLSTM, forget_bias=0.0), "igfo")
BLOCK_LSTM_V2 = adapt("BlockLSTMV2", tf.raw_ops.BlockLSTMV2, "ifgo")
