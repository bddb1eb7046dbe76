"""torch.compile of torch.nn.LSTM: lstm-conform run tools.frameworks.torch_compiled:BACKEND"""

import torch

from lstm_spec import from_torch


def make(*arguments, **options):
    """torch.nn.LSTM, compiled."""
    return torch.compile(torch.nn.LSTM(*arguments, **options))


BACKEND = from_torch(make)
