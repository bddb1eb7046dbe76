"""The program that is written beside a case: it asks it again, with NumPy, lstm_spec and the backend alone."""

from conformance.targets.origin import Origin


def script(case: str, about: dict[str, str], origin: Origin) -> str:
    """A program that asks the case again; of the suite it imports nothing unless the target is a known fault."""
    kind = "fault" if origin.target.startswith("fault:") else "path" if ":" in origin.target else "entry"
    module, _, name = origin.target.partition(":")
    bfloat16 = about["dtype"] == "bfloat16"
    network = about["form"] == "network"
    return (_OPENING + (_NETWORK_SCRIPT if network else _SCRIPT)).format(
        imports=_OF_NETWORKS if network else _OF_ONE_LAYER,
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
_OPENING = '''"""{clause} is {outcome}: {target} on {case}. Needs {needs}, nothing else."""

import json
import sys
from pathlib import Path

import numpy as np{more}

{imports}

sys.path.append("")  # the folder that this is run in
{load}
backend = found if isinstance(found, Backend) else found({device})

raw = (Path(__file__).parent / "{case}").read_bytes()
size = int.from_bytes(raw[:8], "little")
header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
about = header.pop("__metadata__")
codes = {{"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8"{codes}}}
a = {{
    name: np.frombuffer(data[slice(*entry["data_offsets"])], codes[entry["dtype"]]).reshape(entry["shape"])
    for name, entry in header.items()
}}


'''
_SCRIPT = """def problem_of(x, W):
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
"""
_OF_ONE_LAYER = "from lstm_spec import Backend, Cotangents, Gate, Parameters, Problem, State, pack"
_OF_NETWORKS = """import lstm_spec
from lstm_spec import REFERENCE, Backend"""
_NETWORK_SCRIPT = '''

def put_together(form):
    """A noun of lstm_spec from its arrays."""
    if form is None or isinstance(form, str):
        return None if form is None else a[form]
    if isinstance(form, dict):
        return form["plain"]
    noun, *parts = form
    parts = [put_together(part) for part in parts]
    return tuple(parts) if noun == "tuple" else getattr(lstm_spec, noun)(*parts)


def furthest(name, got, expected):
    if got.size:
        error = np.nan_to_num(np.abs(got.astype(float) - expected), nan=np.inf)
        at = np.unravel_index(error.argmax(), error.shape)
        where = ", ".join(map(str, at))
        print(f"{{name}}[{{where}}]: specification {{float(expected[at]):.9g}}, got {{float(got[at]):.9g}}")


asked = [put_together(form) for form in json.loads(about["asked"])["parts"]]
print(about["reason"])
print(asked[0], "answered; where each part is furthest from what lstm_spec answers itself:")
if len(asked) == 1:
    (answer, gradients), (expected, wanted) = (backend.forward(*asked), None), (REFERENCE.forward(*asked), None)
else:
    (answer, gradients), (expected, wanted) = backend.gradients(*asked), REFERENCE.gradients(*asked)
furthest("y", answer.y, expected.y)
furthest("h_T", answer.state.h, expected.state.h)
furthest("c_T", answer.state.c, expected.state.c)
if gradients:
    furthest("dx", gradients.x, wanted.x)
    furthest("dh_0", gradients.state.h, wanted.state.h)
    furthest("dc_0", gradients.state.c, wanted.state.c)
    for layer, (row, right) in enumerate(zip(gradients.parameters, wanted.parameters)):
        for d, (p, q) in enumerate(zip(row, right)):
            for k in "ifgo":
                for part in "WUbp":
                    one, two = (getattr(getattr(r, k), part, None) for r in (p, q))
                    if two is not None:
                        furthest(f"d{{part}}_{{k}} of layer {{layer}} direction {{d}}", one, two)
            if q.R is not None:
                furthest(f"dR of layer {{layer}} direction {{d}}", p.R, q.R)
'''
