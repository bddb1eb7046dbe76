"""The variants of the cell: kinds, bounds and projection (VAR-...)."""

from lstm_spec.variants.cells import clip as clip
from lstm_spec.variants.cells import inside as inside
from lstm_spec.variants.kinds import KINDS as KINDS
from lstm_spec.variants.kinds import cell_of as cell_of
