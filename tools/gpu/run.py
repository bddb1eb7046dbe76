"""L6, for whoever has an NVIDIA GPU: what the CuPy backend does on it, in one JSON file.

The whole suite at every dtype with TF32 off and on, answers beside torch's on the same device, and times beside cuDNN's
(torch.nn.LSTM). Needs CuPy and torch with CUDA: pip install "lstm-spec[conformance,cuda13x,torch]".
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from conformance.diagnosis.probes import make_probe
from conformance.files import write_whole
from lstm_spec import Backend, State
from lstm_spec.contract import BackendUnavailable

Sizes = tuple[tuple[int, int, int, int], ...]
SIZES: Sizes = ((50, 1, 64, 64), (100, 32, 128, 256), (100, 64, 512, 512), (1000, 16, 768, 768), (35, 20, 650, 650))
SMALL: Sizes = ((5, 1, 3, 4), (3, 5, 2, 6))  # of a rehearsal
DTYPES = ("float32", "float64", "bfloat16", "float16")
ROUNDS = 9


def judged(profile: str, device: str, tf32: str) -> Any:
    """The suite's report, of a process of its own: CuPy reads CUPY_TF32 when it is imported."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["run", "cupy", "--profile", profile, "--device", device, "--json", str(report), "--accept-declared"]
        command += [f"--dtype={dtype}" for dtype in DTYPES]
        done = subprocess.run([sys.executable, "-m", "lstm_conform", *command], env=os.environ | {"CUPY_TF32": tf32})
        if not report.exists():
            raise click.ClickException(f"the suite ended with status {done.returncode} and no report; see above")
        return json.loads(report.read_text(encoding="utf-8"))


def farthest(one: Backend, other: Backend, all_sizes: Sizes, dtype: str) -> float:
    """The largest difference of y and of dx, relative to the largest number in them."""
    found = 0.0
    for number, sizes in enumerate(all_sizes[:2]):
        problem, d = make_probe(number, sizes, dtype)
        (answer, gradients), (theirs, of_theirs) = one.differentiate(problem, d), other.differentiate(problem, d)
        for a, b in ((answer.y, theirs.y), (gradients.x, of_theirs.x)):
            a, b = (np.asarray(q, np.float64) for q in (a, b))
            found = max(found, float(np.abs(a - b).max() / np.abs(b).max()))
    return found


def milliseconds(function: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """The median by the clock of the host, the device's work included."""
    found = []
    for _ in range(ROUNDS + 2):
        wait()
        started = time.perf_counter()
        function()
        wait()
        found.append(1000 * (time.perf_counter() - started))
    return median(found[2:])


def times(sizes: tuple[int, int, int, int], device: str, of_torch: str, dtype: str) -> dict[str, Any]:
    """Of CuPy's layer and of cuDNN's, everything on the device already; forward, and with the backward pass."""
    import cupy
    import torch

    from backends.cupy.backend import device_number, problem_on_device
    from backends.cupy.backwards import read_backwards
    from backends.cupy.layer import layer_of, read_forwards
    from backends.torch import make_module, to_inputs
    from lstm_spec.adapters.torch.tensors import to_tensor

    problem, d = make_probe(0, sizes, dtype)
    with cupy.cuda.Device(device_number(device)) as where:
        layer, q = layer_of(problem.layer, problem.variant), problem_on_device(problem)
        s, dy = State(q.state.h[0], q.state.c[0]), cupy.asarray(d.y)
        last = State(*(cupy.asarray(a[0]) for a in d.state))
        lstm, (x, state) = make_module(of_torch, problem), to_inputs(of_torch, problem)
        leaves, outside = [x, *state, *lstm.parameters()], [to_tensor(a, of_torch) for a in (d.y, *d.state)]

        def cupy_forward() -> Any:
            return read_forwards(layer, q.x, s, None, keep=False)

        def cupy_both() -> Any:
            trace = read_forwards(layer, q.x, s, None, keep=True).trace
            return read_backwards(layer, trace, dy, last, None)

        def cudnn_forward() -> Any:
            with torch.no_grad():
                return lstm(x, state)

        def cudnn_both() -> Any:
            for leaf in leaves:
                leaf.requires_grad_()
            y, after = lstm(x, state)
            return torch.autograd.grad([y, *after], leaves, outside)

        found = {f.__name__: milliseconds(f, where.synchronize) for f in (cupy_forward, cupy_both)}
        wait = (lambda: None) if of_torch == "cpu" else torch.cuda.synchronize
        found |= {f.__name__: milliseconds(f, wait) for f in (cudnn_forward, cudnn_both)}
    return {"sizes": sizes, "dtype": dtype, "milliseconds": found}


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--device", default="cuda", show_default=True)
@click.option("--profile", default="standard", show_default=True)
@click.option("--rehearse", is_flag=True, help="On an emulated device: a few numbers, beside torch on the CPU.")
def main(path: Path, device: str, profile: str, rehearse: bool) -> None:
    """Write what was found to PATH."""
    from backends import torch as torch_backend
    from backends.cupy import backend as cupy_backend

    of_torch, sizes = ("cpu", SMALL) if rehearse else (device, SIZES)
    try:
        cupy, torch = cupy_backend.backend(device), torch_backend.backend(of_torch)
    except BackendUnavailable as error:
        raise click.ClickException(str(error)) from error
    found = {
        "generated by": "tools/gpu/run.py" + (" --rehearse: nothing here was measured on a GPU" if rehearse else ""),
        "device": _name(device),
        "versions": {"cupy": cupy.description.version, "torch": torch.description.version},
        "suite": {f"TF32 {word}": judged(profile, device, tf32) for word, tf32 in (("off", "0"), ("on", "1"))},
        "farthest from torch": {dtype: farthest(cupy, torch, sizes, dtype) for dtype in ("float32", "float64")},
        "times": [times(one, device, of_torch, dtype) for dtype in ("float32", "float64") for one in sizes],
    }
    write_whole(path, (json.dumps(found, indent=1) + "\n").encode())
    click.echo(f"written to {path}")


def _name(device: str) -> str:
    import cupy

    from backends.cupy.backend import device_number

    name = cupy.cuda.runtime.getDeviceProperties(device_number(device))["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


if __name__ == "__main__":
    main()
