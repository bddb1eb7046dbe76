"""CNTK's layers.LSTM, plain, with peepholes and with a projection: `python tools/golden/cntk_vector.py PYTHON`.

PYTHON is a Python 3.6 with cntk 2.7, which is asked in a process of its own: safetensors has no release for it. CNTK
needs Open MPI 1.10 to be imported (libmpi.so.12, libmpi_cxx.so.1), but calls nothing of it on one machine.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import H, I, P, T, drawn, inputs, write

ASK = """
import sys
import cntk, numpy as np
given = dict(np.load(sys.argv[1]))
width, cells = given["h0"].shape[1], given["c0"].shape[1]
options = {"cell_shape": cells} if "P" in given else {"use_peepholes": "Ci" in given}
h, c, x = (cntk.input_variable(n) for n in (width, cells, given["x"].shape[2]))
step = cntk.layers.LSTM(width, **options)(h, c, x)
for parameter in step.parameters:
    parameter.value = given[parameter.name]
state, ys = [given["h0"], given["c0"]], []
for x_t in given["x"]:
    found = step.eval({h: state[0], c: state[1], x: x_t})
    state = [found[output] for output in step.outputs]
    ys.append(state[0])
np.savez(sys.argv[2], y=np.stack(ys), h_T=state[0], c_T=state[1], version=cntk.__version__)
"""
SHAPES = {"W": (I, 4 * H), "H": (H, 4 * H), "b": (4 * H,)}
PEEPHOLES = {name: (H,) for name in ("Ci", "Cf", "Co")}
PROJECTED = {"H": (P, 4 * H), "P": (H, P)}

for name, more in (("cntk", {}), ("cntk-peephole", PEEPHOLES), ("cntk-projection", PROJECTED)):
    weights, given = drawn(SHAPES | more), inputs(P if more is PROJECTED else H)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / file) for file in ("given.npz", "found.npz")]
        np.savez(paths[0], **weights, **given)  # type: ignore[arg-type]
        subprocess.run([sys.argv[1], "-W", "ignore", "-c", ASK, *paths], check=True, stdout=subprocess.DEVNULL)
        found = dict(np.load(paths[1]))
    version = str(found.pop("version"))
    assert len(found["y"]) == T
    write(name, "cntk", version, "cntk", weights, given, found)
