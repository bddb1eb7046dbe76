"""Known faults: lengths that do not fit are answered."""

from dataclasses import replace

import numpy as np

from conformance.faults.networks.registering import around, ask_instead, replace_lengths
from lstm_spec import Backend, Problem


@around("contract", "lengths", "LEN-7", "broadcasting")
def repeats_lengths_that_are_missing(network: Backend) -> Backend:
    """Too few lengths are repeated, and of too many the first are read."""

    def fit(problem: Problem) -> Problem:
        n, B = problem.lengths, problem.x.shape[1]
        return problem if n is None or not n.size else replace(problem, lengths=np.resize(n, B))

    return ask_instead(fit, network)


@around("contract", "lengths", "LEN-7", "lengths.astype(int)")
def drops_the_fraction_of_a_length(network: Backend) -> Backend:
    """A length of 2.5 is taken for 2."""
    return replace_lengths(lambda lengths, T: lengths.astype(np.int64), network)


@around("contract", "lengths", "LEN-7", "a pointer to another type")
def reads_the_bytes_of_lengths_as_of_their_usual_dtype(network: Backend) -> Backend:
    """The memory of lengths of any dtype is read as 64-bit integers, and cut to what fits."""

    def reread(lengths: np.ndarray, T: int) -> np.ndarray:
        known = lengths.dtype.kind == "i" and lengths.dtype.itemsize == 8
        raw = np.frombuffer(lengths.tobytes() + bytes(8), np.int64)
        return lengths if known else np.clip(np.resize(raw, len(lengths)), 0, T)

    return replace_lengths(reread, network)
