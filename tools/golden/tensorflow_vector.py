"""TensorFlow's BlockLSTM and BlockLSTMV2 operators, plain and with peepholes; the cell state is not bounded."""

import numpy as np
import tensorflow as tf
from common import H, I, T, drawn, inputs, write

for operator, layout, settings in (
    ("BlockLSTM", "lstmblock", {"forget_bias": 1.0}),
    ("BlockLSTMV2", "blocklstmv2", {}),
):
    for peepholes in (False, True):
        given = inputs()
        shapes = {"w": (I + H, 4 * H), "b": (4 * H,)} | ({"wci": (H,), "wcf": (H,), "wco": (H,)} if peepholes else {})
        weights = drawn(shapes)
        gates = {name: np.zeros(H, np.float32) for name in ("wci", "wcf", "wco")} | weights
        out = getattr(tf.raw_ops, operator)(
            seq_len_max=T,
            x=given["x"],
            cs_prev=given["c0"],
            h_prev=given["h0"],
            **gates,
            cell_clip=0.0,
            use_peephole=peepholes,
            **settings,
        )
        name = layout + ("-peephole" if peepholes else "")
        found = {"y": out.h, "h_T": out.h[-1], "c_T": out.cs[-1]}
        write(name, "tensorflow", tf.__version__, layout, weights, given, found)
