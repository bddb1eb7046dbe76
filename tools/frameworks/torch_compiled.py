"""torch.compile of torch.nn.LSTM: lstm-conform run tools.frameworks.torch_compiled:BACKEND

Time is unrolled, and each size takes a quarter of a minute to compile, so at most 5 steps of one layer are claimed.
"""

import torch

from lstm_spec import Description, Feature, Shapes, at_most, from_torch

torch._dynamo.config.allow_rnn = True  # or else torch.nn.LSTM runs as it is, and nothing is compiled
torch._dynamo.config.recompile_limit = 10_000  # or else the ninth size is an error
torch._dynamo.config.accumulated_recompile_limit = 10_000


def make(*arguments, **options):
    """torch.nn.LSTM, compiled; what cannot be compiled is an error."""
    return torch.compile(torch.nn.LSTM(*arguments, **options), fullgraph=True)


BACKEND = from_torch(
    make,
    layout="pytorch",
    batch_first=False,
    description=Description(
        torch.__version__,
        dtypes=("float32",),
        features=frozenset({Feature.DETERMINISTIC, Feature.GRADIENTS}),
        shapes=Shapes(T=at_most(5)),
        compiles=True,
    ),
)
