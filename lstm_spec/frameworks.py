"""The libraries whose modules have an adapter, by the prefix of a target, e.g. torch:my_model.py:MyLSTM."""

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from lstm_spec.contract import BackendUnavailable, Implementation


class Adapter(NamedTuple):
    """The function lstm_spec.adapters.MODULE.NAME: from what a target names to an Implementation."""

    module: str
    name: str
    library: str  # that it imports
    extra: str  # of this package, that installs the library
    more: tuple[str, ...] = ()  # that do not come with it
    is_file: bool = False  # the target names a file, not something in Python


ADAPTERS = {
    "equinox": Adapter("jax", "from_equinox", "equinox", "jax"),
    "flax": Adapter("jax", "from_flax", "flax", "jax"),
    "keras": Adapter("keras", "from_keras", "keras", "keras"),
    "mlx": Adapter("mlx", "from_mlx", "mlx.core", "mlx"),
    "onnx": Adapter("onnx", "from_onnx", "onnxruntime", "onnx", ("onnx",), is_file=True),
    "torch": Adapter("torch", "from_torch", "torch", "torch"),
}


def split_adapter(target: str) -> tuple[str, str]:
    """The prefix of a target that names an adapter, and the rest; "" and the target if there is none."""
    prefix, colon, rest = target.partition(":")
    return (prefix, rest) if prefix in ADAPTERS and colon else ("", target)


def require_library(prefix: str) -> None:
    """Import the libraries of an adapter. Raises BackendUnavailable if one is not there."""
    adapter = ADAPTERS[prefix]
    import_module(f"lstm_spec.adapters.{adapter.module}")  # which may have to be first
    for library in (adapter.library, *adapter.more):
        try:
            import_module(library)
        except ImportError as error:
            reason = f"{library} cannot be imported ({error})"
            raise BackendUnavailable(reason, f'pip install "lstm-spec[{adapter.extra}]"') from error


def adapt(prefix: str, found: Any, name: str | None, device: str | None, **more: str) -> Implementation:
    """The Implementation of what a target names; `more` are other options. Raises what the adapter raises."""
    adapter = ADAPTERS[prefix]
    function = getattr(import_module(f"lstm_spec.adapters.{adapter.module}"), adapter.name)
    where = {} if device is None else {"device": device}
    made: Implementation = function(Path(found) if adapter.is_file else found, name=name, **where, **more)
    return made
