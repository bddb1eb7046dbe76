"""An adapter is tested in an environment that has its library; `make test-adapters` makes one for each.

Without the library its folder is not collected. Asked for by name, it has no tests then, and that is a failure.
"""

import os
from importlib.util import find_spec

os.environ.setdefault("KERAS_BACKEND", "jax")  # Keras asks for one when it is imported, and tests import it first

# by folder, which is named like the extra
LIBRARIES = {
    "jax": "flax",
    "keras": "keras",
    "mlx": "mlx",
    "onnx": "onnxruntime",
    "tflite": "ai_edge_litert",
}
collect_ignore = [folder for folder, library in LIBRARIES.items() if find_spec(library) is None]
