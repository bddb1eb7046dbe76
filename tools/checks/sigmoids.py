"""How far the σ and tanh of runtimes are off beyond the relative part of their grade: s_abs and t_abs have to hold it.

`python -m tools.checks.sigmoids` prints it, in roundoffs of float32, for the runtimes that can be imported.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np

from lstm_spec import Array, error_model

MODEL = error_model("relative", "float32")
HALF = np.float32(0.5)
Function = Callable[[Array], Array]


def list_float32() -> Array:
    """Six million numbers of both signs, from 2^-31 to 104, evenly spaced among the floats."""
    positive = np.arange(0x30000000, 0x42D00000, 97, dtype=np.uint32).view(np.float32)
    return np.concatenate([positive, -positive])


def rational_tanh(z: Array) -> Array:
    """The quotient of polynomials in float32 that Eigen had until 2024, and with it TensorFlow and XLA."""
    x = np.clip(z, np.float32(-7.90531110763549805), np.float32(7.90531110763549805))
    above = (
        *(-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08),
        *(1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03),
    )
    below = 1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03
    p, q = (np.polyval(np.array(a, np.float32), x * x) for a in (above, below))
    return np.asarray(x * p / q)


def by_tanh(tanh: Function) -> Function:
    return lambda z: HALF * tanh(HALF * z) + HALF


def beyond_relative(got: Array, exact: Array, relative: float) -> float:
    """The largest error in roundoffs, less what is allowed in relative terms."""
    wide = exact.astype(np.float64)
    return float((np.abs(got.astype(np.float64) - wide) / MODEL.u - relative * np.abs(wide)).max())


def list_runtimes() -> Iterator[tuple[str, Function, Function]]:
    """A name, and σ and tanh."""
    yield "NumPy, σ by its tanh", by_tanh(np.tanh), np.tanh
    yield "rational tanh, σ by it", by_tanh(rational_tanh), rational_tanh
    if find_spec("torch"):
        import torch

        def sigmoid(z: Array) -> Array:
            return np.asarray(torch.sigmoid(torch.from_numpy(z)).numpy())

        yield "PyTorch, tanh by its σ", sigmoid, lambda z: 2 * sigmoid(2 * z) - 1
    if find_spec("onnxruntime"):
        yield "onnxruntime", _run_onnx("Sigmoid"), _run_onnx("Tanh")


def _run_onnx(operator: str) -> Function:
    import onnxruntime
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], operator, [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda z: np.asarray(session.run(None, {"x": z})[0])


def main() -> None:
    z = list_float32()
    wide = z.astype(np.float64)
    e = np.exp(-np.abs(wide))
    exact = np.where(wide >= 0, 1, e) / (1 + e), np.tanh(wide)
    for name, sigmoid, tanh in list_runtimes():
        s, t = beyond_relative(sigmoid(z), exact[0], MODEL.r_s), beyond_relative(tanh(z), exact[1], MODEL.r_t)
        print(f"{name:24} σ {s:5.2f} u, tanh {t:5.2f} u")


if __name__ == "__main__":
    main()
