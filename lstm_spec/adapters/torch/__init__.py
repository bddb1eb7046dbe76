"""A torch.nn.Module as an Implementation. torch is imported when the adapter is used."""

from typing import Any

from lstm_spec.contract import Description, Implementation
from lstm_spec.frameworks import require_library
from lstm_spec.layouts.table import Layout


def from_torch(
    make: Any,
    *,
    name: str | None = None,
    layout: str | Layout | None = None,
    batch_first: bool | None = None,
    device: str = "cpu",
    compile: bool = False,
    description: Description | None = None,
) -> Implementation:
    """The Implementation that `make` makes: a class or a function that is called with the sizes I and H.

    What it makes is a torch.nn.Module that is called like torch.nn.LSTM, as (x, (h, c)) -> (y, (h, c)), or like
    torch.nn.LSTMCell, as (x, (h, c)) -> (h, c); h and c may be two arguments, and y, h, c three results. If it also
    takes num_layers, bidirectional, proj_size, bias or an argument for lengths, those are claimed, too. Instead of
    `make`, one module that is ready may be given: its sizes are those of the Shapes then.

    Its parameters may have any names and shapes. Which gate lies where, and whether x is batch first, is found by
    asking it, unless `layout` and `batch_first` say it. If nothing fits, it is taken for what its names and shapes look
    most like. With `compile`, torch.compile is called with every module.

    `description` replaces everything that is said of the module otherwise. Raises BackendUnavailable without torch or
    without that device, TypeError or ValueError for what is no LSTM module.
    """
    require_library("torch")
    from lstm_spec.adapters.torch.adapter import adapt_module

    return adapt_module(make, name, layout, batch_first, device, compile, description)
