"""One LSTM layer as a torch module, as somebody writes it for a model of their own; autograd differentiates it."""

import torch
from torch import nn


class Layer(nn.Module):
    """The rows of W, U and b belong to i, f, g, o; x is (T, B, I), h and c are (B, H)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(4 * hidden_size, input_size))
        self.U = nn.Parameter(torch.zeros(4 * hidden_size, hidden_size))
        self.b = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x, h, c):
        Wi, Wf, Wg, Wo = self.W.chunk(4)
        Ui, Uf, Ug, Uo = self.U.chunk(4)
        bi, bf, bg, bo = self.b.chunk(4)
        y = []
        for t in range(len(x)):
            i = torch.sigmoid(x[t] @ Wi.T + h @ Ui.T + bi)
            f = torch.sigmoid(x[t] @ Wf.T + h @ Uf.T + bf)
            g = torch.tanh(x[t] @ Wg.T + h @ Ug.T + bg)
            o = torch.sigmoid(x[t] @ Wo.T + h @ Uo.T + bo)
            c = f * c + i * g
            h = o * torch.tanh(c)
            y.append(h)
        return torch.stack(y), h, c
