"""What is wrong with gradients, in words."""

from collections.abc import Mapping

from conformance.diagnosis.experiments.term.asking import STEPS
from conformance.diagnosis.experiments.term.formula import NAMES
from conformance.diagnosis.experiments.term.gradients.gates import EVERY, SEVERAL, WHOLE_CELL
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation
from conformance.diagnosis.experiments.term.words import STATES, write_sum
from lstm_spec.types import GATES

PARTS = NAMES | {"c": "the gradient of the initial cell state c_0", WHOLE_CELL: "what reaches the cell state"}
HIDDEN = {"o", WHOLE_CELL}  # the parts to which the gradient of h′ goes
SPECIAL = {("c", "T−1"): "at every step, the gradient of the forget gate has c_T, the cell state after the last step"}
SOURCES = {"y": "y", "h": "h_T", "c": "c_T"}
ONLY = {
    "ends": " (only there, not at every step)",
    "first": " (only at the first step)",
    "last": " (only at the last step)",
}
QUANTITIES = {  # what may be taken from another step than t, and what to say then
    "y": "at step t, what comes from y is that of step {}",
    "c": "at step t, the gradient of the forget gate has c as it was before step {}",
    "f of c": "at step t, the gradient of the cell state before it is that of c′ times f of step {}",
    "c′": "at step t, what reaches the cell state and the gradient of the output gate has c′ of step {}",
    "dh": "at step t, the gradient of h_0, or of h before it, is made of the gradients of the gates at step {}",
    "read": "at step t, what comes from y and from h_T is taken from where that of step {} is written",
    "written": "at step t, what comes from y and from h_T is written to where that of step {} belongs",
    "tape": "at step t, what was kept of the forward pass is that of step {}",
}
QUANTITIES |= {k: f"at step t, the value of {name} is that of step {{}}" for k, name in NAMES.items()}
WHOLE = ("W", "U", "b", "x", "h_0", "c_0")
LIMITED = {  # what is clipped at each step
    "h": "what reaches the hidden state is clipped to {} at each step",
    "c": "what reaches the cell state is clipped to {} at each step",
    "z": "the gradient of each gate before its function is clipped to {} at each step",
    "dh": "the gradient of h that a step passes back is clipped to {}",
    "dc": "the gradient of c that a step passes back is clipped to {}",
}


def describe_gradients(found: Explanation) -> str:
    """What differs, part by part; what several parts or sources share is said once."""
    by_text: dict[tuple[str, str], list[str]] = {}
    for (part, source), ratio in found.gates.items():
        by_text.setdefault((part, ratio.describe()), []).append(source)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (part, text), sources in by_text.items():
        every = sources == [EVERY] or len(sources) == (2 if part in ("o", WHOLE_CELL) and "c" not in sources else 3)
        groups.setdefault((text, () if every else tuple(sources)), []).append(part)
    said = []
    for (text, only), parts in groups.items():
        gates = [f"the gradient of {PARTS[k]}" if k in NAMES else PARTS[k] for k in parts]
        where = f", as far as it comes from {' and '.join(SOURCES[s] for s in only)}," if only else ""
        if {*parts} == HIDDEN and not only:
            said.append(f"the gradient of h′ {text} before it reaches the output gate and the cell state")
            continue
        if parts == [WHOLE_CELL] and text == "is zero" and not only and (WHOLE_CELL, "c") not in found.gates:
            said.append("nothing reaches the cell state from h′, as if tanh(c′) were a constant")
            continue
        said.append(f"{' and '.join(gates)}{where} {'each ' if len(parts) > 1 else ''}{text}")
    zero = [name for name, terms in found.sums.items() if terms == {}]
    whole = [M for M in "WUb" if {f"{M}_{k}" for k in GATES} <= {*zero}]
    for name in (*whole, *(name for name in found.sums if name[0] not in whole)):
        terms = found.sums.get(name, {})
        new = "is not that of the equations; its formula is unknown" if terms is None else f"is {write_sum(terms)}"
        said.append(f"the gradient of {name} {'is zero' if terms == {} else new}")
    for name, power in found.batch.items():
        what = "is divided by the number of samples" if power else "is not the sum over the samples"
        what = f"leaves out the samples {', '.join(map(str, power))} of {SEVERAL}" if isinstance(power, tuple) else what
        said.append(f"the gradient of {name} {what}")
    if found.only:
        said[-1] += ONLY[found.only]
    said += _describe_limits(found.limits)
    said += filter(None, [found.flow.describe(), _describe_start(found.start)])
    said += [SPECIAL.get(read, QUANTITIES[read[0]]).format(read[1]) for read in found.reads.items()]
    for name, terms in found.steps.items():
        said.append(f"the gradient of {name} in {STEPS} steps is {write_sum(terms)}")
    if any(found.sums.values()) or found.steps:
        said.append("z_k being the gradient of gate k before its function")
    return "; ".join(said)


def _describe_limits(limits: Mapping[str, float]) -> list[str]:
    """What is clipped, and at which value; of whole gradients there is only one."""
    at = {name: f"[−{limit:g}, {limit:g}]" for name, limit in limits.items()}
    whole = [name for name in limits if name in WHOLE]
    said = "every gradient" if len(whole) == len(WHOLE) else f"the gradient of {', '.join(whole)}"
    return [f"{said} is clipped to {at[whole[0]]}"] if whole else [LIMITED[name].format(at[name]) for name in limits]


def _describe_start(start: tuple[str, str]) -> str:
    said = [
        f"{STATES[k]} {f'replaced by {STATES[v]}' if v else 'taken as zero'}"
        for k, v in zip("hc", start, strict=True)
        if k != v
    ]
    return f"the gradients are those of a sequence that begins with {' and '.join(said)}" if said else ""
