"""PyTorch's nn.LSTM, plain and with a projection."""

import torch
from common import B, H, I, P, drawn, inputs, write

for name, width in (("torch", 0), ("torch-projection", P)):
    lstm = torch.nn.LSTM(I, H, proj_size=width)
    weights = drawn({name: tuple(a.shape) for name, a in lstm.named_parameters()})
    lstm.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
    given = inputs(width or H)
    x, h0, c0 = (torch.from_numpy(a) for a in given.values())
    with torch.no_grad():
        y, (h, c) = lstm(x, (h0[None], c0[None]))
    assert h.shape == (1, B, width or H)
    layer = {name.removesuffix("_l0"): a for name, a in weights.items()}
    version = torch.__version__.partition("+")[0]
    write(name, "torch", version, "pytorch", layer, given, {"y": y, "h_T": h[0], "c_T": c[0]})
