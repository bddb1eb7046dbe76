"""L0: without a GPU the CUDA wheel imports, and the backend says why it cannot be used and what would help."""

import cupy

from backends.cupy.backend import backend
from lstm_spec.contract import BackendUnavailable

try:
    backend()
except BackendUnavailable as error:
    assert "cannot use device 'cuda'" in error.reason and "--device" in error.remedy, error
    print(f"CuPy {cupy.__version__} imports; unavailable: {error.reason.split('(', 1)[1].rstrip(')')}")
else:
    print(f"CuPy {cupy.__version__} finds a GPU; nothing was shown of a machine without one")
