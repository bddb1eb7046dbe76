"""A torch.nn.Module written by hand, and its gradients by autograd: lstm-conform run examples.torch_module:BACKEND"""

import torch

from lstm_spec import Description, Feature, from_packed


class HandWritten(torch.nn.Module):
    def __init__(self, W, U, b):
        super().__init__()
        self.W, self.U, self.b = (torch.nn.Parameter(torch.from_numpy(a)) for a in (W, U, b))

    def forward(self, x, h, c):
        outputs = []
        for x_t in x:
            i, f, g, o = (x_t @ self.W.T + h @ self.U.T + self.b).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), h, c


def forward(x, h, c, W, U, b):
    with torch.no_grad():
        found = HandWritten(W, U, b)(*map(torch.from_numpy, (x, h, c)))
    return tuple(a.numpy() for a in found)


def gradients(x, h, c, W, U, b, dy, dh, dc):
    module, given = HandWritten(W, U, b), [torch.from_numpy(a).requires_grad_() for a in (x, h, c)]
    answer = module(*given)
    loss = [torch.from_numpy(a) for a in (dy, dh, dc)]
    found = torch.autograd.grad(answer, [*given, module.W, module.U, module.b], loss)
    return tuple(a.detach().numpy() for a in (*answer, *found))


about = Description(version=torch.__version__, features=frozenset({Feature.DETERMINISTIC}))
BACKEND = from_packed(forward, gradients, order="ifgo", biases=1, name="torch module", description=about)
