"""The LSTM, defined. Start reading at equations.py.

The nouns and the contract are imported at once, everything else when it is first used.
"""

from typing import TYPE_CHECKING, Any

from lstm_spec.contract import Backend as Backend
from lstm_spec.contract import BackendUnavailable as BackendUnavailable
from lstm_spec.contract import Description as Description
from lstm_spec.contract import GradientsNotOffered as GradientsNotOffered
from lstm_spec.contract import Implementation as Implementation
from lstm_spec.contract import Module as Module
from lstm_spec.contract import Shapes as Shapes
from lstm_spec.contract import at_most as at_most
from lstm_spec.contract import multiple_of as multiple_of
from lstm_spec.types import STANDARD as STANDARD
from lstm_spec.types import Activations as Activations
from lstm_spec.types import Answer as Answer
from lstm_spec.types import Array as Array
from lstm_spec.types import Cotangents as Cotangents
from lstm_spec.types import Feature as Feature
from lstm_spec.types import Gate as Gate
from lstm_spec.types import Gradients as Gradients
from lstm_spec.types import Kind as Kind
from lstm_spec.types import Parameters as Parameters
from lstm_spec.types import Problem as Problem
from lstm_spec.types import State as State
from lstm_spec.types import Variant as Variant

if TYPE_CHECKING:
    from lstm_spec.accuracy import GRADES as GRADES
    from lstm_spec.accuracy import ErrorModel as ErrorModel
    from lstm_spec.accuracy import error_model as error_model
    from lstm_spec.adapters.cell import from_cell as from_cell
    from lstm_spec.adapters.jax import from_equinox as from_equinox
    from lstm_spec.adapters.jax import from_flax as from_flax
    from lstm_spec.adapters.keras import from_keras as from_keras
    from lstm_spec.adapters.mlx import from_mlx as from_mlx
    from lstm_spec.adapters.narrow import wide_inside as wide_inside
    from lstm_spec.adapters.onnx import from_onnx as from_onnx
    from lstm_spec.adapters.packed import from_packed as from_packed
    from lstm_spec.adapters.torch import from_torch as from_torch
    from lstm_spec.clauses import CLAUSES as CLAUSES
    from lstm_spec.clauses import Clause as Clause
    from lstm_spec.layouts.convert import LossyConversion as LossyConversion
    from lstm_spec.layouts.convert import convert as convert
    from lstm_spec.layouts.convert import from_layout as from_layout
    from lstm_spec.layouts.convert import to_layout as to_layout
    from lstm_spec.layouts.network import Network as Network
    from lstm_spec.layouts.network import buffer_from as buffer_from
    from lstm_spec.layouts.network import network_from as network_from
    from lstm_spec.layouts.network import networks_from as networks_from
    from lstm_spec.layouts.network import tensors_from as tensors_from
    from lstm_spec.layouts.table import LAYOUTS as LAYOUTS
    from lstm_spec.layouts.table import Layout as Layout
    from lstm_spec.modules.backend import make_backend as make_backend
    from lstm_spec.modules.reference import REFERENCE_MODULE as REFERENCE_MODULE
    from lstm_spec.modules.reference import ReferenceModule as ReferenceModule
    from lstm_spec.network import REFERENCE as REFERENCE
    from lstm_spec.packing import Packed as Packed
    from lstm_spec.packing import pack as pack
    from lstm_spec.packing import unpack as unpack
    from lstm_spec.validation import checked as checked
    from lstm_spec.variants import KINDS as KINDS
    from lstm_spec.version import SPECIFICATION as SPECIFICATION

_WHEN_USED = {
    "accuracy": ("GRADES", "ErrorModel", "error_model"),
    "adapters.cell": ("from_cell",),
    "adapters.jax": ("from_equinox", "from_flax"),
    "adapters.keras": ("from_keras",),
    "adapters.mlx": ("from_mlx",),
    "adapters.narrow": ("wide_inside",),
    "adapters.onnx": ("from_onnx",),
    "adapters.packed": ("from_packed",),
    "adapters.torch": ("from_torch",),
    "clauses": ("CLAUSES", "Clause"),
    "layouts.convert": ("LossyConversion", "convert", "from_layout", "to_layout"),
    "layouts.network": ("Network", "buffer_from", "network_from", "networks_from", "tensors_from"),
    "layouts.table": ("LAYOUTS", "Layout"),
    "modules.backend": ("make_backend",),
    "modules.reference": ("REFERENCE_MODULE", "ReferenceModule"),
    "network": ("REFERENCE",),
    "packing": ("Packed", "pack", "unpack"),
    "validation": ("checked",),
    "variants": ("KINDS",),
    "version": ("SPECIFICATION",),
}
_HOME = {name: module for module, names in _WHEN_USED.items() for name in names}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
