"""LSTMs as people write them in PyTorch, each in another form. Tests change lines of this text."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class FusedColumns(nn.Module):
    """Matrices (I, 4H) and (H, 4H), one bias; batch first, states (B, H), which may be left out."""

    def __init__(self, input_sz, hidden_sz):
        super().__init__()
        self.hidden_size, self.kept = hidden_sz, None
        self.W = nn.Parameter(torch.zeros(input_sz, hidden_sz * 4))
        self.U = nn.Parameter(torch.zeros(hidden_sz, hidden_sz * 4))
        self.bias = nn.Parameter(torch.zeros(hidden_sz * 4))

    def forward(self, x, init_states=None):
        B, T, _ = x.size()
        if init_states is None:
            h, c = (torch.zeros(B, self.hidden_size, dtype=x.dtype, device=x.device) for _ in range(2))
        else:
            h, c = init_states
        outputs = []
        for t in range(T):
            z = x[:, t] @ self.W + h @ self.U + self.bias
            i, f, g, o = z.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        self.kept = h.detach(), c.detach()
        return torch.stack(outputs, dim=1), (h, c)


class LinearGates(nn.Module):
    """A cell with a Linear for each gate over h and x, in this order."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.forget_gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.input_gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)
        self.output_gate = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, h, c):
        both = torch.cat([h, x], dim=1)
        f = torch.sigmoid(self.forget_gate(both))
        i = torch.sigmoid(self.input_gate(both))
        g = torch.tanh(self.candidate(both))
        o = torch.sigmoid(self.output_gate(both))
        c = f * c + i * g
        return o * torch.tanh(c), c


class TwoLinears(nn.Module):
    """A cell with two Linears, two biases, which may be left out, and the order i, f, o, g."""

    def __init__(self, input_dim, hidden_dim, bias=True):
        super().__init__()
        self.x2h = nn.Linear(input_dim, 4 * hidden_dim, bias=bias)
        self.h2h = nn.Linear(hidden_dim, 4 * hidden_dim, bias=bias)

    def forward(self, x, state):
        h, c = state
        z = self.x2h(x) + self.h2h(h)
        i, f, o, g = z.chunk(4, dim=1)
        c = c * f.sigmoid() + i.sigmoid() * g.tanh()
        h_next = o.sigmoid() * c.tanh()
        return h_next, c


class GateMatrices(nn.Module):
    """A matrix for each gate and source, as in the documentation of PyTorch; time first, forward(x, h, c)."""

    def __init__(self, n_in, n_hidden):
        super().__init__()
        for gate in "ifgo":
            setattr(self, f"W_i{gate}", nn.Parameter(torch.zeros(n_hidden, n_in)))
            setattr(self, f"W_h{gate}", nn.Parameter(torch.zeros(n_hidden, n_hidden)))
            setattr(self, f"b_{gate}", nn.Parameter(torch.zeros(n_hidden)))
        self.packed = None

    def forward(self, x, h, c):
        h, c, y = h[0], c[0], []
        U = self.packed or {gate: getattr(self, f"W_h{gate}").T for gate in "ifgo"}
        for x_t in x:
            z = {k: x_t @ getattr(self, f"W_i{k}").T + h @ U[k] + getattr(self, f"b_{k}") for k in "ifgo"}
            c = torch.sigmoid(z["f"]) * c + torch.sigmoid(z["i"]) * torch.tanh(z["g"])
            h = torch.sigmoid(z["o"]) * torch.tanh(c)
            y.append(h)
        return torch.stack(y), h[None], c[None]


class StackOfCells(nn.Module):
    """Layers of nn.LSTMCell with dropout between them, batch first."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0):
        super().__init__()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(size, hidden_size) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, state):
        h, c, outputs = list(state[0]), list(state[1]), []
        for t in range(x.shape[1]):
            x_t = x[:, t]
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(self.dropout(x_t) if k else x_t, (h[k], c[k]))
                x_t = h[k]
            outputs.append(x_t)
        return torch.stack(outputs, 1), (torch.stack(h), torch.stack(c))


class WithLengths(nn.Module):
    """An nn.LSTM that is given lengths, and packs by itself."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)

    def forward(self, x, state, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, state = self.lstm(packed, state)
        return pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], state


class LengthsFirst(WithLengths):
    """Lengths stand before the state, which may be left out."""

    def forward(self, x, lengths=None, state=None):
        lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
        return super().forward(x, state, lengths)


class OneMatrix(nn.Module):
    """One Linear over x and h, and the order f, i, o, g."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.buffers_of_y = {}

    def forward(self, x, state):
        (h,), (c,) = state
        y = []
        for x_t in x.unbind(0):
            f, i, o, g = self.gates(torch.cat((x_t, h), -1)).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            y.append(h)
        y = torch.stack(y)
        return y, (h[None], c[None])


class Blocks(nn.Module):
    """Weights (4, H, I) and (4, H, H), multiplied by einsum."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(4, hidden_size, input_size))
        self.recurrent = nn.Parameter(torch.zeros(4, hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(4, hidden_size))

    def forward(self, x, hx=None):
        h, c = hx if hx is not None else (x.new_zeros(x.shape[1], self.bias.shape[1]) for _ in "hc")
        y = []
        for x_t in x:
            z = torch.einsum("ghi,bi->gbh", self.kernel, x_t) + torch.einsum("ghk,bk->gbh", self.recurrent, h)
            i, f, g, o = z + self.bias[:, None]
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            y.append(h)
        return torch.stack(y), (h, c)


class MaskFirst(Blocks):
    """Something else than lengths stands before the state."""

    def forward(self, x, mask=None, hx=None):
        return super().forward(x, hx)


class Inherited(nn.LSTM):
    """An nn.LSTM with a forward of its own."""

    def forward(self, x, hx=None):
        y, state = super().forward(x, hx)
        return y, state


class BothWays(nn.Module):
    """Two directions, each a cell."""

    def __init__(self, input_size, hidden_size, bidirectional=False):
        super().__init__()
        self.cell_forward = nn.LSTMCell(input_size, hidden_size)
        self.cell_backward = nn.LSTMCell(input_size, hidden_size) if bidirectional else None

    def forward(self, x, state):
        cells = [cell for cell in (self.cell_forward, self.cell_backward) if cell is not None]
        outputs, states = [], []
        for d, cell in enumerate(cells):
            h, c = state[0][d], state[1][d]
            y = []
            for x_t in x.flip(0) if d else x:
                h, c = cell(x_t, (h, c))
                y.append(h)
            outputs.append(torch.stack(y[::-1] if d else y))
            states.append((h, c))
        return torch.cat(outputs, -1), tuple(torch.stack(parts) for parts in zip(*states, strict=True))


class GatesInTheMiddle(nn.Module):
    """Weights (I, 4, H) and (H, 4, H) in the order o, f, i, g; the states are all that is returned, of every step."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(input_size, 4, hidden_size))
        self.recurrent = nn.Parameter(torch.zeros(hidden_size, 4, hidden_size))
        self.bias = nn.Parameter(torch.zeros(4, hidden_size))

    def forward(self, inputs, h, c):
        hidden, cells = [], []
        for x in inputs:
            z = torch.einsum("bi,igh->gbh", x, self.kernel) + torch.einsum("bh,hgk->gbk", h, self.recurrent)
            o, f, i, g = z + self.bias[:, None]
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            hidden.append(h)
            cells.append(c)
        return torch.stack(hidden), torch.stack(cells)


class GatesOfUnits(nn.Module):
    """The four gates of a unit lie side by side in the columns of two Linears; what is returned is a dictionary."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2z = nn.Linear(input_size, 4 * hidden_size)
        self.h2z = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, state=None):
        H, y = self.h2z.in_features, []
        h, c = state if state is not None else (x.new_zeros(len(x), H) for _ in "hc")
        for x_t in x.unbind(1):
            i, f, g, o = (self.x2z(x_t) + self.h2z(h)).view(len(x), H, 4).unbind(-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            y.append(h)
        return {"y": torch.stack(y, 1), "state": {"h": h, "c": c}}


class LikeTensorFlow(nn.Module):
    """One kernel, the order i, g, f, o, and the state (c, h), which is passed by name only."""

    def __init__(self, units, input_dim):
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(input_dim + units, 4 * units))
        self.bias = nn.Parameter(torch.zeros(4 * units))

    def forward(self, inputs, *, initial_state):
        c, h = initial_state
        y = []
        for x in inputs:
            i, g, f, o = (torch.cat([x, h], 1) @ self.kernel + self.bias).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            y.append(h)
        return torch.stack(y), (c, h)


class LikeFlax(nn.Module):
    """A cell (carry, x) -> (carry, y), with the axis of gates last."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(input_size, hidden_size, 4))
        self.U = nn.Parameter(torch.zeros(hidden_size, hidden_size, 4))
        self.b = nn.Parameter(torch.zeros(hidden_size, 4))

    def forward(self, carry, x):
        h, c = carry
        f, i, o, g = (torch.tensordot(x, self.W, 1) + torch.tensordot(h, self.U, 1) + self.b).unbind(-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h, c), h


class WithADataclass(nn.Module):
    """What it returns has fields."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)

    def forward(self, x, hx=None):
        y, (h, c) = self.lstm(x, hx)
        return Output(y, h, c)


@dataclass
class Output:
    y: torch.Tensor
    h_n: torch.Tensor
    c_n: torch.Tensor


__all__ = ["F"]  # a mistake needs it
