"""Who notices which known fault: other people's checks, and this suite."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.other_suites import kernelbench, onnx_tests, webnn_tests
from conformance import check
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault

ONLY_AT_FLOAT64 = ("takes_the_biases_in_float32", "takes_the_tanh_in_float32", "computes_in_float32_throughout")
CONTRACT = (  # what the answer to a well-formed question could show, without gradients
    "writes_the_final_state_into_the_initial_one",
    "loses_an_empty_batch",
    "answers_in_float64",
    "drops_an_axis_of_length_one",
    "drops_the_layer_axis_of_the_state",
    "answers_differently_each_time",
    "keeps_the_weights_of_the_first_call",
    "answers_in_one_buffer",
    "reads_memory_in_a_row",
    "answers_nan_for_all_if_one_input_is_no_number",
    "writes_where_it_may_only_read",
    "answers_in_four_buffers_in_turn",
    "packs_the_weights_again_only_if_they_are_other_arrays",
    "reads_from_an_aligned_address",
    "keeps_both_states_in_one_place_if_they_are_one_array",
)
CONTRACT_OF_GRADIENTS = (
    "scales_the_cotangents_in_place",
    "divides_by_an_empty_batch",
    "drops_an_axis_of_length_one_from_the_gradient",
    "returns_the_input_gradient_batch_first",
    "accumulates_gradients_over_calls",
    "returns_gradients_in_two_buffers_in_turn",
    "reads_a_repeated_cotangent_once",
)
WARNING = ("overflows_where_a_gate_is_shut",)  # its answers are right
FORWARD = tuple(
    name
    for name, fault in FAULTS.items()
    if (not fault.networks and fault.kind == "forward" and name not in (*ONLY_AT_FLOAT64, *WARNING)) or name in CONTRACT
)
BACKWARD = tuple(
    name
    for name, fault in FAULTS.items()
    if (not fault.networks and fault.kind == "gradient") or name in CONTRACT_OF_GRADIENTS
)
CHOSEN = FORWARD + BACKWARD
TOO_SLOW = ("accumulates_in_float16",)  # adds one number at a time: about 10 minutes for KernelBench
PROFILES = ("quick", "standard")
OTHERS = ("ONNX node tests", "WebNN", "KernelBench 35", "KernelBench 36 to 38", "assert_close", "gradcheck")
JUDGES = (*OTHERS, *PROFILES)


class Found(NamedTuple):
    """Who noticed a fault; a check that does not look at gradients, or at nothing else, is left out."""

    fault: Fault
    noticed: dict[str, bool]  # by judge


def try_fault(name: str, judges: Sequence[str] = JUDGES) -> Found:
    """Put the fault to each of the judges that can be asked about it."""
    fault = FAULTS[name]
    asked = [judge for judge in judges if is_asked(judge, name)]
    return Found(fault, {judge: notices_fault(judge, fault, name in BACKWARD) for judge in asked})


def is_asked(judge: str, name: str) -> bool:
    """Whether the judge looks at what the fault changes, in reasonable time."""
    if judge == "assert_close" or judge in PROFILES:
        return True
    if judge.startswith("KernelBench") and name in TOO_SLOW:
        return False
    return (judge == "gradcheck") == (name in BACKWARD)


def notices_fault(judge: str, fault: Fault, backward: bool) -> bool:
    """Whether the judge notices the fault."""
    if judge in PROFILES:
        return refutes_fault(fault, judge, backward)
    if judge == "ONNX node tests":
        return onnx_tests.notices_fault(fault.backend())
    if judge == "WebNN":
        return webnn_tests.notices_fault(fault)
    if judge == "KernelBench 35":
        return not kernelbench.is_passed(fault.backend(), kernelbench.FIRST)
    if judge == "KernelBench 36 to 38":
        return kernelbench.notices_fault(fault.backend())
    from benchmarks.other_suites import torch_checks

    if judge == "gradcheck":
        return not torch_checks.passes_gradcheck(fault.backend())
    close = torch_checks.has_close_gradients if backward else torch_checks.is_close
    return not close(fault.backend())


def refutes_fault(fault: Fault, profile: str, backward: bool) -> bool:
    """Whether this suite refutes a MUST in float32; it gets no gradients to look at if the fault is none of them."""
    backend = fault.backend() if backward else replace(fault.backend(), gradients=None)
    first = ("gradients", "contract") if backward else ("values", "contract")
    report = check(backend, profile=profile, dtypes=("float32",), maxfail=1, diagnose=False, shrink=False, first=first)
    return bool(report.failures)
