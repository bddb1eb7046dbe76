"""The CuPy backend: not part of this release, and it says so."""

from lstm_spec.contract import Backend, BackendUnavailable


def backend(device: str = "cuda") -> Backend:
    """Raises BackendUnavailable: the kernels are not written yet."""
    raise BackendUnavailable(
        f"the CuPy backend has no kernels in this release, so it cannot run on {device}",
        "use the torch backend with --device cuda for a GPU",
    )
