"""DyNet's VanillaLSTMBuilder."""

from importlib.metadata import version

import dynet as dy
import numpy as np
from common import B, H, I, drawn, inputs, write

PARTS = ("Wx", "Wh", "b")  # the order in which it makes them

model = dy.ParameterCollection()  # has to outlive the builder
builder = dy.VanillaLSTMBuilder(1, I, H, model)
parameters = dict(zip(PARTS, builder.get_parameters()[0], strict=True))
weights = drawn({name: parameter.shape() for name, parameter in parameters.items()})
for name, parameter in parameters.items():
    parameter.set_value(weights[name])
given, samples = inputs(), []
for sample in range(B):
    dy.renew_cg()
    h, c = (dy.inputVector(given[name][sample]) for name in ("h0", "c0"))
    state, outputs = builder.initial_state([c, h]), []
    for x_t in given["x"][:, sample]:
        state = state.add_input(dy.inputVector(x_t))
        outputs.append(state.output().npvalue())
    samples.append((np.stack(outputs), *(a.npvalue() for a in reversed(state.s()))))
y, h, c = map(np.stack, zip(*samples, strict=True))
found = {"y": np.swapaxes(y, 0, 1), "h_T": h, "c_T": c}
write("dynet", "dynet", version("dyNET38"), "dynet", weights, given, found)
