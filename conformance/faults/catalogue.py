"""Every known fault, each a target: lstm-conform run fault:NAME. The list is a sample, not the goal."""

# ruff: noqa: F401, I001  imported so that they register their faults, in the order of the catalogue
from conformance.faults.fault import FAULTS as FAULTS
from conformance.faults.fault import Fault as Fault
from conformance.faults.plain import weights, sizes, sequence, cell, precision, gradient, contract, buffers, numbers
from conformance.faults.networks import lengths, refusals, padding, directions, layers
from conformance.faults.networks import (
    peepholes,
    kinds,
    activations,
    projection,
    clip,
    packing,
    memory,
    spreading,
    storage,
)
from conformance.faults.modules import calls, parameters
