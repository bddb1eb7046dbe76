"""Every known fault, each a target: lstm-conform run fault:NAME. The list is a sample, not the goal."""

# ruff: noqa: I001  the order of the catalogue
from conformance.faults.fault import FAULTS as FAULTS
from conformance.faults.fault import Fault as Fault
from conformance.faults.plain import weights as weights
from conformance.faults.plain import state as state
from conformance.faults.plain import sequence as sequence
from conformance.faults.plain import cell as cell
from conformance.faults.plain import precision as precision
from conformance.faults.plain import gradient as gradient
from conformance.faults.plain import contract as contract
from conformance.faults.networks import lengths as lengths
from conformance.faults.networks import empty as empty
from conformance.faults.networks import refusals as refusals
from conformance.faults.networks import padding as padding
from conformance.faults.networks import directions as directions
from conformance.faults.networks import layers as layers
from conformance.faults.networks import peepholes as peepholes
from conformance.faults.networks import kinds as kinds
from conformance.faults.networks import projection as projection
from conformance.faults.networks import clip as clip
from conformance.faults.networks import packing as packing
