"""A torch.nn.Module written by hand, and its gradients by autograd: lstm-conform run examples.torch_module:BACKEND"""

import torch

from lstm_spec import from_torch


class HandWritten(torch.nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = torch.nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, h, c):
        outputs = []
        for x_t in x:
            i, f, g, o = self.gates(torch.cat([x_t, h], dim=1)).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), h, c


BACKEND = from_torch(HandWritten)
