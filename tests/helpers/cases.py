"""Cases that the tests write and read."""

from functools import cache
from pathlib import Path
from typing import Any

from safetensors import deserialize

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.load import read_array
from conformance.cases.save import save_case
from conformance.property import PROPERTIES
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.origin import Origin
from conformance.targets.resolve import resolve
from conformance.verdict import Verdict

ANSWER = "the_answer_is_that_of_the_equations"
GATE_GRADIENTS = "the_gate_gradients_are_the_derivatives_of_the_equations"
NAN = "a_nan_is_seen_in_every_output_of_its_sample_from_its_step_on"
FREE_GRADIENTS = "the_gradients_without_probes_are_those_of_the_equations"
TRANSPOSED = "fault:transposes_the_recurrent_weights_of_f"
CUT = "fault:drops_the_path_through_the_hidden_state"
PARTS = {"dW", "dU", "db", "dx", "dh_0", "dc_0"}


@cache
def judge_target(target: str, name: str, dtype: str = "float32") -> Verdict:
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    return judge_property(prop, resolve(target), dtype, PROFILES["quick"])


def write_case(folder: Path, target: str, name: str, dtype: str = "float32") -> Path:
    path = save_case(folder, resolve(target), judge_target(target, name, dtype), Origin(target, 0))
    assert path is not None
    return path


def read_arrays(path: Path) -> dict[str, Any]:
    return {name: read_array(name, entry) for name, entry in deserialize(path.read_bytes())}  # type: ignore[no-untyped-call]
