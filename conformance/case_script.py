"""The program that is written beside a case: it asks it again, with NumPy, lstm_spec and the backend alone."""

from conformance.report import Origin


def script(case: str, about: dict[str, str], origin: Origin) -> str:
    """A program that asks the case again; of the suite it imports nothing unless the target is a known fault."""
    kind = "fault" if origin.target.startswith("fault:") else "path" if ":" in origin.target else "entry"
    module, _, name = origin.target.partition(":")
    bfloat16 = about["dtype"] == "bfloat16"
    return _SCRIPT.format(
        clause=about["clause"],
        outcome=about["outcome"],
        target=origin.target,
        case=case,
        needs=f"NumPy, {'ml_dtypes, ' if bfloat16 else ''}lstm_spec and the backend",
        more="\nimport ml_dtypes" if bfloat16 else "",
        codes=', "BF16": ml_dtypes.bfloat16' if bfloat16 else "",
        load=_LOAD[kind].format(target=origin.target, module=module, name=name),
        device=repr(origin.device) if origin.device else "",
    )


_LOAD = {
    "path": "from importlib import import_module\nfrom operator import attrgetter\n\n"
    "found = attrgetter({name!r})(import_module({module!r}))",
    "entry": "from importlib.metadata import entry_points\n\n"
    '(entry,) = entry_points(group="lstm_spec.backends", name={target!r})\nfound = entry.load()',
    "fault": "from conformance.targets import resolve\n\nfound = resolve({target!r})",
}
_SCRIPT = '''"""{clause} is {outcome}: {target} on {case}. Needs {needs}, nothing else."""

import json
import sys
from pathlib import Path

import numpy as np{more}

from lstm_spec import Backend, Cotangents, Gate, Parameters, Problem, State, pack

sys.path.append("")  # the folder that this is run in
{load}
backend = found if isinstance(found, Backend) else found({device})

raw = (Path(__file__).parent / "{case}").read_bytes()
size = int.from_bytes(raw[:8], "little")
header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
about = header.pop("__metadata__")
codes = {{"F64": "f8", "F32": "f4", "F16": "f2"{codes}}}
a = {{
    name: np.frombuffer(data[slice(*entry["data_offsets"])], codes[entry["dtype"]]).reshape(entry["shape"])
    for name, entry in header.items()
}}


def problem_of(x, W):
    i, f, g, o = (Gate(W[k], a[f"asked.{{k}}.U"], a[f"asked.{{k}}.b"]) for k in "ifgo")
    return Problem(((Parameters(i, f, g, o),),), x, State(a["asked.state.h"], a["asked.state.c"]))


x, W = a["asked.x"], {{k: a[f"asked.{{k}}.W"] for k in "ifgo"}}
problem = problem_of(x, W)
print(about["reason"])
answer = backend.forward(problem)
got = {{"y": answer.y, "c_T": answer.state.c[0]}}

if "asked.d.y" in a:
    d = Cotangents(a["asked.d.y"], State(a["asked.d.h"], a["asked.d.c"]))
    T, B, I, H = problem.sizes
    if "probes" in about:  # inputs that are 0, with weights 1: their gradients are those of the gates
        first, last, width = map(int, about["probes"].split())
        ones = np.zeros((4 * H, width - I), x.dtype)
        ones[range(first, last), range(last - first)] = 1
        W = {{k: np.concatenate([W[k], more], axis=1) for k, more in zip("ifgo", np.split(ones, 4))}}
        problem = problem_of(np.concatenate([x, np.zeros((T, B, width - I), x.dtype)], axis=2), W)
    _, gradients = backend.gradients(problem, d)
    dW, dU, db = pack(gradients.parameters[0][0], "ifgo")
    got |= {{"dW": dW[:, :I], "dU": dU, "db": db, "dx": gradients.x[..., :I]}}
    got |= {{"dh_0": gradients.state.h[0], "dc_0": gradients.state.c[0]}}
    if "probes" in about and last - first == 4 * H:
        got["dz"] = gradients.x[..., I : I + 4 * H]

for name, value in got.items():
    if f"expected.{{name}}" in a and value.size:
        expected, allowed = a[f"expected.{{name}}"], a[f"allowed.{{name}}"]
        with np.errstate(all="ignore"):
            error = np.abs(value.astype(float) - expected)
            ratio = np.nan_to_num(np.where(error == 0, 0, error / allowed), nan=np.inf)
        at = np.unravel_index(ratio.argmax(), ratio.shape)
        where = ", ".join(map(str, at))
        print(f"{{name}}[{{where}}]: expected {{expected[at]:.9g}}, got {{float(value[at]):.9g}},", end=" ")
        print(f"error in units of what is allowed: {{ratio[at]:.3g}}")
'''
