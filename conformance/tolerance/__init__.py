"""How far a right implementation may be off: pure formulas, bridged to the proofs."""
