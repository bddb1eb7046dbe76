"""What is only measured, and decides nothing: σ and tanh in ulp, a run from end to end."""
