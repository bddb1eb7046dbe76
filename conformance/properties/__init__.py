"""The properties, by family; importing this package fills the registry of conformance.property.

The order is that of the report: what a later family shows may follow from what an earlier one refutes.
"""

# isort: off
from conformance.properties import shapes as shapes
from conformance.properties import gate_ranges as gate_ranges
from conformance.properties import values as values
from conformance.properties import sequences as sequences
from conformance.properties import contract as contract
from conformance.properties import memory as memory
from conformance.properties import gradients as gradients
from conformance.properties import sizes as sizes
from conformance.properties import gradient_flow as gradient_flow
from conformance.properties import numbers as numbers
from conformance.properties import lengths as lengths
from conformance.properties import directions as directions
from conformance.properties import layers as layers
from conformance.properties import variants as variants
from conformance.properties import combinations as combinations
from conformance.properties import modules as modules
