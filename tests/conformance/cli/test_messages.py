"""What the user reads: every refusal is one sentence with the value, what was expected and the remedy."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_conform
from conformance.outcome import Difference, Outcome, Refuted
from conformance.property import PROPERTIES
from conformance.report.failures import failure_lines
from conformance.report.findings import Findings, Request
from conformance.report.report import Cause, Report
from conformance.report.status import FAILED, NOTHING, PASSED, SUITE_ERROR, UNUSABLE, worst_status
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import (
    CLAUSES,
    Array,
    Cotangents,
    Description,
    Gate,
    Packed,
    Parameters,
    Problem,
    State,
    Variant,
    error_model,
    from_packed,
    pack,
    unpack,
)
from lstm_spec.validation import check_cotangents, checked
from tests.helpers.specimens import said, target

WRONG_OPTION = 2
QUICK = ("--profile", "quick", "--examples", "2")
EQUATIONS = (*QUICK, "-k", "the_answer_is_that_of_the_equations")
GATE_GRADIENTS = (*QUICK, "-k", "the_gate_gradients_are_the_derivatives")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases of failures are written below the current folder."""
    monkeypatch.chdir(tmp_path)


# ---------------------------------------------------------------- exit status 3: a target that cannot be used

UNUSABLE_TARGETS = {
    "no such module": (
        "tests.no_such:THING",
        "module 'tests.no_such' cannot be imported (ModuleNotFoundError: No module named 'tests.no_such')",
        "run it from the folder that holds the module",
    ),
    "no module": (":THING", "module '' cannot be imported", "run it from the folder"),
    "no such attribute": (target("raizes"), "has no 'raizes', did you mean 'raises'?", "name a Backend"),
    "no attribute": (target(""), "has no ''", "name a Backend"),
    "no such part of a name": (target("raises.name.colour"), "has no 'raises.name.colour'", "name a Backend"),
    "no backend": (target("NOT_A_BACKEND"), "is of type object, expected an lstm_spec.Backend", "from_packed"),
    "a function that makes none": (
        target("makes_something_else"),
        "is of type str, expected an lstm_spec.Backend",
        "from_packed",
    ),
    "unknown": ("numppy", "is not an installed backend (cupy, numpy, torch), did you mean 'numpy'?", "package.module:"),
    "unknown, and like no other": ("zzz", "is not an installed backend (cupy, numpy, torch);", "package.module:NAME"),
    "unknown fault": (
        "fault:swaps_input_and_forget_gate",
        "is not in the catalogue, did you mean 'swaps_input_and_forget_gates'?",
        "see lstm-conform list faults",
    ),
    "unavailable, installed": ("cupy", "cupy is unavailable: cupy cannot be imported", "lstm-spec[cuda13x]"),
    "unavailable, one's own": (target("unavailable"), "is unavailable: there is no tpu here", "buy one"),
    "raises when made": (
        target("raises_when_made"),
        "making the backend raised ValueError: cannot make 'tpu'",
        "raise lstm_spec.BackendUnavailable if it cannot be used here",
    ),
}


def assert_one_sentence(text: str, *fragments: str) -> None:
    assert text.startswith("lstm-conform: "), text
    assert text.count("\n") == 1, f"more than one line: {text}"
    for fragment in fragments:
        assert fragment in text, text


@pytest.mark.parametrize("case", UNUSABLE_TARGETS.values(), ids=UNUSABLE_TARGETS)
def test_a_target_that_cannot_be_used_is_named_with_the_remedy(case: tuple[str, str, str]) -> None:
    status, text = said("run", case[0])
    assert status == UNUSABLE
    assert_one_sentence(text, case[0].removeprefix("fault:"), *case[1:])


def test_a_missing_torch_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    status, text = said("run", "torch")
    assert status == UNUSABLE
    assert_one_sentence(text, "torch is unavailable: torch cannot be imported", 'pip install "lstm-spec[torch]"')


def test_a_device_that_a_backend_does_not_run_on_is_refused() -> None:
    status, text = said("run", "numpy", "--device", "cuda")
    assert status == UNUSABLE
    assert_one_sentence(text, "target 'numpy' runs on cpu only, not on 'cuda'", "drop --device")


def test_a_function_is_handed_the_device() -> None:
    _, text = said("run", target("unavailable"), "--device", "npu")
    assert "there is no npu here" in text


@pytest.mark.parametrize(
    "field", [{"grades": "names_an_unknown_grade"}, {"shapes": "gives_a_size_for_a_range"}], ids=str
)
def test_a_malformed_description_is_the_targets_fault_and_not_the_suites(field: dict[str, str]) -> None:
    ((_, name),) = field.items()
    status, text = said("run", target(name), *EQUATIONS)
    assert "suite error" not in text
    assert status in (FAILED, UNUSABLE)


def test_an_extra_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lstm_conform, "NEEDED", ("click", "no_such_package"))
    with pytest.raises(SystemExit) as stopped:
        lstm_conform.main()
    assert stopped.value.code == UNUSABLE
    assert_one_sentence(capsys.readouterr().err, 'no_such_package not installed; pip install "lstm-spec[conformance]"')


def test_a_folder_that_shadows_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "__init__.py").touch()
    command = [sys.executable, "-c", "import lstm_conform; lstm_conform.main()"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == UNUSABLE
    assert_one_sentence(done.stderr, str(tmp_path / "conformance"), "in place of ours", "run it from another folder")


# ---------------------------------------------------------------- exit status 2: a wrong option

WRONG_OPTIONS = {
    "clause": (("--clause", "NOPE-*"), "no clause matches 'NOPE-*'; see lstm-conform list clauses"),
    "require": (("--require", "speed"), "'speed' is no clause, feature or dtype; features are gradients"),
    "json without a folder": (
        ("--json", "/no/such/folder/x.json"),
        "x.json cannot be written (No such file or directory); name a file in",
    ),
    "json, a folder": (("--json", "/"), "'/' is a directory"),
    "junit without a folder": (
        ("--junit", "/no/such/folder/x.xml"),
        "x.xml cannot be written (No such file or directory); name a file in",
    ),
    "deviations without a file": (
        ("--deviations", "/no/such/file.toml"),
        "/no/such/file.toml cannot be read (No such file or directory); name a file of deviations",
    ),
    "seed": (("--seed", "-1"), "-1 is not in the range x>=0"),
    "examples": (("--examples", "0"), "0 is not in the range x>=1"),
    "maxfail": (("--maxfail", "0"), "0 is not in the range x>=1"),
    "profile": (("--profile", "quik"), "'quik' is not one of 'quick', 'standard', 'full', 'soak'"),
    "dtype": (("--dtype", "float8"), "'float8' is not one of 'float32', 'float64'"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
def test_a_wrong_option_is_refused_before_anything_is_judged(case: tuple[tuple[str, str], str]) -> None:
    status, text = said("run", target("raises"), *case[0])
    assert status == WRONG_OPTION
    assert re.search(f"Invalid value for '?{case[0][0]}'?:", text) or "is a directory" in text
    assert case[1] in text
    assert "ERRORED" not in text


def test_a_json_file_that_cannot_be_written_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    status, text = said("run", target("raises"), *EQUATIONS, "--json", str(tmp_path / ("x" * 300)))
    assert status == WRONG_OPTION
    assert "ERRORED" not in text


@pytest.mark.parametrize("arguments", [("run",), ("explain",), ("list",), ("no_such_command",)], ids=" ".join)
def test_a_command_without_its_argument_is_refused(arguments: tuple[str, ...]) -> None:
    status, text = said(*arguments)
    assert status == WRONG_OPTION
    assert "Missing argument" in text or "No such command" in text


# ---------------------------------------------------------------- exit status 1: verdicts

VERDICTS = {
    "raises": ("ERRORED", "CELL-1", "it raised RuntimeError: the kernel crashed"),
    "exits": ("ERRORED", "CELL-1", "it raised SystemExit: goodbye"),
    "returns_a_tuple": ("REFUTED", "SHAPE-1", "forward returned a tuple, expected an lstm_spec.Answer; return Answer("),
    "returns_tensors": (
        "REFUTED",
        "SHAPE-1",
        "y is a tests.helpers.specimens.Tensor, expected a numpy.ndarray; convert it before returning it",
    ),
    "puts_the_batch_first": ("REFUTED", "SHAPE-1", "y has shape (2, 1, 1), expected (1, 2, 1)"),
    "drops_the_layer_axis": ("REFUTED", "SHAPE-1", "the final h has shape (1, 1), expected (1, 1, 1)"),
    "returns_float16": ("REFUTED", "SHAPE-2", "y is float16, expected float32 like the problem"),
    "returns_nan": ("REFUTED", "CELL-1", ""),
    "swaps_input_and_forget_gates": ("REFUTED", "CELL-1", ""),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_a_wrong_answer_is_called_by_its_word(name: str) -> None:
    word, clause, reason = VERDICTS[name]
    status, text = said("run", target(name), *EQUATIONS)
    assert status == FAILED
    assert f"\n{word}  {clause}" in text
    assert f"because           {reason}" in text if reason else "first difference  " in text
    assert "does not conform: 1 of 1 verdicts are against it" in text


@pytest.mark.parametrize("name", ["returns_only_gradients", "returns_packed_gradients"])
def test_a_wrong_gradient_is_called_by_its_word(name: str) -> None:
    status, text = said("run", target(name), *GATE_GRADIENTS)
    assert status == FAILED
    assert f"\nREFUTED  SHAPE-3  {CLAUSES['SHAPE-3'].sentence.rstrip('.')}      {name}" in text
    assert "expected" in text


def test_gradients_without_their_answer_are_refuted_with_the_remedy() -> None:
    _, text = said("run", target("returns_only_gradients"), *GATE_GRADIENTS)
    assert (
        "gradients returned a Gradients, expected (Answer, Gradients); also return the answer of the pass that" in text
    )


def test_a_refutation_says_where_by_how_much_and_in_what() -> None:
    _, text = said("run", target("returns_nan"), *EQUATIONS)
    assert "  first difference  t=0, batch 0, unit 0, output y\n" in text
    assert "(derived)   got nan   ∞ × allowed\n" in text
    assert "  smallest found    T = 1, B = 1, I = 1, H = 1" in text
    assert re.search(r"  the answer is that of the equations      returns_nan \S+ \(cpu, float32, relative\)\n", text)


# ---------------------------------------------------------------- a failure, as the design shows it


def refuted(clause: str, name: str, found: Difference | None = None, dtype: str = "float32") -> Verdict:
    """A verdict made by hand."""
    (prop,) = (prop for prop in PROPERTIES if prop.name == name)
    error = Refuted("y is off", clause=clause, difference=found)
    error.problem = error.asked = well_formed()
    return Verdict(prop, dtype, Outcome.REFUTED, "y is off", refutation=error)


FIRST = Difference("y", {"t": 0, "batch": 0, "unit": 0}, 0.43774210, 1.6e-6, 0.37694758)
CAUSE = "equals the spec with gates i and f SWAPPED (3 dense probes; 1 of 96 known faults fits)"
SWAPPED = Cause(CAUSE, is_known=True)
CASE = Path(".lstm-conform/cell-1-a1b2.safetensors")
ONE, MANY = "numbers_of_any_size_are_read_as_they_are", "the_answer_is_that_of_the_equations"


def shown(
    found: Difference | None = FIRST,
    clause: str = "CELL-1",
    dtype: str = "float32",
    which: int = 0,
    cause: Cause = SWAPPED,
    **about: Any,
) -> str:
    """What is printed of the failure that the design shows, or of another; of the first, or which."""
    step, whole = refuted(clause, ONE, found, dtype), refuted("SEQ-1", MANY)
    verdicts = [step, refuted("CELL-5", "open_gates_count_the_steps"), whole]
    cases = {(ONE, dtype): CASE} | {(name, "float32"): CASE for name in ("open_gates_count_the_steps", MANY)}
    description = Description(version="0.3", device="cuda:0")
    findings = Findings("triton_lstm", description, False, Request("quick", 0, ("float32",)), verdicts)
    report = Report(findings, cause, **{"origin": Origin("triton_lstm", 0), "cases": cases, **about})
    return "\n".join(failure_lines(report, report.roots[which]))


def test_a_failure_reads_like_the_designs_example() -> None:
    assert shown() == (
        "REFUTED  CELL-1  The input gate decides, from the input and the short-term memory, how much of the candidate "
        "is added to the long-term memory: i = σ(W_i x + U_i h + b_i)      "
        "triton_lstm 0.3 (cuda:0, float32, relative)\n"
        "  by                numbers of any size are read as they are\n"
        "  first difference  t=0, batch 0, unit 0, output y\n"
        "    expected 0.4377421   allowed ±1.6e-6 (derived)   got 0.37694758   38 000 × allowed\n"
        "  smallest found    T = 2, B = 3, I = 4, H = 5, non-zero numbers: 254\n"
        "  likely cause      equals the spec with gates i and f SWAPPED (3 dense probes; 1 of 96 known faults fits)\n"
        "  also refuted because of this: CELL-5, SEQ-1\n"
        "  reproduce         lstm-conform reproduce .lstm-conform/cell-1-a1b2.safetensors triton_lstm\n"
        "                    and 2 more cases in .lstm-conform/"
    )


PLACES = {
    "y": ({"t": 3, "batch": 1, "unit": 2}, "t=3, batch 1, unit 2, output y"),
    "dz": ({"t": 0, "batch": 1, "gate row": 7}, "t=0, batch 1, gate f, unit 2, output dz"),
    "<J^T d, v>": ({}, "output <J^T d, v>"),
}


@pytest.mark.parametrize("quantity", PLACES)
def test_the_place_is_told_in_the_words_of_the_specification(quantity: str) -> None:
    where, said = PLACES[quantity]
    assert f"  first difference  {said}\n" in shown(replace(FIRST, quantity=quantity, where=where))


NUMBERS = {
    "in units of what is allowed": (FIRST, "float32", "allowed ±1.6e-6 (derived)   got 0.37694758   38 000 × allowed"),
    "few of them": (Difference("y", {}, 1, 0.25, 2), "float32", "allowed ±0.25 (derived)   got 2   4 × allowed"),
    "very many": (Difference("y", {}, 0, 1e-38, 1), "float32", "allowed ±1e-38 (derived)   got 1   1e38 × allowed"),
    "not a number": (Difference("y", {}, 1, 0.1, np.nan), "float32", "got nan   ∞ × allowed"),
    "infinite": (Difference("y", {}, 1, 0.1, -np.inf), "float32", "got -inf   ∞ × allowed"),
    "nothing allowed": (Difference("y", {}, 1, 0, 2), "float32", "allowed no difference   got 2\n"),
    "the digits of float64": (
        Difference("y", {}, 1 / 3, 1e-16, 1 / 3 + 2e-16),
        "float64",
        "expected 0.33333333333333331   allowed ±1e-16 (derived)   got 0.33333333333333354",
    ),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_numbers_are_told_with_the_digits_that_matter(what: str) -> None:
    found, dtype, said = NUMBERS[what]
    assert said in shown(found, dtype=dtype)


CONDITIONS = {
    "float32": (0.03, "rounding alone may move it by 3 %, more than half of its digits"),
    "float64": (1e-7, "rounding alone may move it by 1e-5 %, more than half of its digits"),
    "bfloat16": (0.1, "rounding alone may move it by 10 %, more than half of its digits"),
    "float16": (50.0, "rounding alone may move it by 50 times its size, more than half of its digits"),
}


@pytest.mark.parametrize("dtype", CONDITIONS)
def test_an_ill_conditioned_value_is_said_to_be_one(dtype: str) -> None:
    allowed, said = CONDITIONS[dtype]
    assert f"\n  ill-conditioned   {said}\n" in shown(Difference("y", {}, -1, allowed, 1e3), dtype=dtype)


@pytest.mark.parametrize(
    "dtype, allowed", [("float32", 1e-4), ("float64", 1e-9), ("bfloat16", 0.06), ("float16", 0.02)]
)
def test_what_keeps_half_of_its_digits_is_not(dtype: str, allowed: float) -> None:
    assert "ill-conditioned" not in shown(Difference("y", {}, 1, allowed, 1e3), dtype=dtype)
    assert "ill-conditioned" not in shown(Difference("y", {}, 0, allowed, 1e3), dtype=dtype)


def test_a_reason_is_told_where_no_difference_says_it() -> None:
    assert "\n  because           y is off\n" in shown(None) and "because" not in shown(FIRST).replace("because of", "")


def test_a_clause_is_named_where_one_is_known_to_be_broken_else_the_property() -> None:
    several = "REFUTED  CELL-1 … ACC-1  numbers of any size are read as they are      triton_lstm 0.3 (cuda:0"
    assert shown(clause="").startswith(several)
    assert shown(clause="", cause=SWAPPED._replace(clause="CELL-2")).startswith(
        "REFUTED  CELL-2  The forget gate decides, "
    )
    assert shown(clause="", cause=SWAPPED._replace(clause="GRAD-4")).startswith(several)


def test_where_nothing_known_fits_that_is_said_and_the_next_is_told_too() -> None:
    nothing = "none of 96 known faults fits"
    text = shown(cause=Cause(nothing))
    assert f"  likely cause      {nothing}\n  also refuted because of this: SEQ-1\n" in text


def test_without_a_diagnosis_there_is_no_likely_cause() -> None:
    assert "likely cause" not in shown(cause=Cause())


def test_the_likely_cause_is_that_of_the_first_failure_alone() -> None:
    assert [CAUSE in shown(cause=Cause(CAUSE), which=k) for k in range(2)] == [True, False]


def test_the_command_is_one_that_a_shell_takes() -> None:
    cases = {(ONE, "float32"): Path("my cases/cell-1-a1b2.safetensors")}
    text = shown(cases=cases, origin=Origin("mine:BACKEND", 0, "cuda:1"))
    assert text.endswith("reproduce 'my cases/cell-1-a1b2.safetensors' mine:BACKEND --device cuda:1")
    assert "reproduce" not in shown(cases={})


def masked(text: str) -> str:
    """The text without the figures, which depend on how far shrinking came in its time."""
    text = re.sub(r"-[0-9a-f]{8}\.", "-#.", text)
    return re.sub(r"(?<![\w.-])-?\d+(\.\d+)*(e-?\d+)?( \d{3})*(?![\w.])", "#", text)


def test_the_whole_text_of_a_refutation(tmp_path: Path) -> None:
    asked = ("--profile", "quick", "-k", "read_alone", "--out", str(tmp_path))
    _, text = said("run", "fault:swaps_input_and_forget_gates", *asked)
    assert masked(text[text.index("\nREFUTED") :]).replace(str(tmp_path), "OUT") == WHOLE


WHOLE = """
REFUTED  CELL-1  The input gate decides, from the input and the short-term memory, how much of the candidate is added \
to the long-term memory: i = σ(W_i x + U_i h + b_i)      fault:swaps_input_and_forget_gates (deliberately wrong) \
(cpu, float32, relative)
  by                the input gate read alone is the logistic function
  first difference  batch #, unit #, output i
    expected #   allowed ±# (derived)   got #   # × allowed
  smallest found    T = #, B = #, I = #, H = #, non-zero numbers: #
  likely cause      The weights of f, i, g, o are used for i, f, g, o (# dense probes; # of # known faults fits: \
swaps_input_and_forget_gates)
  also refuted because of this: CELL-2, CELL-3, CELL-4
  reproduce         lstm-conform reproduce OUT/cell-1-#.safetensors fault:swaps_input_and_forget_gates
                    and # more cases in OUT/

fault:swaps_input_and_forget_gates (deliberately wrong) (cpu) does not conform: # of # verdicts are against it
  # refuted; # examples in # s; profile quick, seed #
"""


def test_brackets_in_a_name_and_a_version_are_printed_as_they_are() -> None:
    status, text = said("run", target("has_brackets_in_its_name"), *EQUATIONS)
    assert status == PASSED
    assert "lstm[/bold] 1.0 [cuda] (cpu)" in text


def test_a_packed_implementation_that_returns_too_little_is_told_what_to_return() -> None:
    _, text = said("run", target("returns_pairs_like_torch"), *EQUATIONS)
    assert "(y, h, c)" in text
    assert "_Packing" not in text


# ---------------------------------------------------------------- several targets


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([PASSED, PASSED], PASSED),
        ([NOTHING, PASSED], NOTHING),
        ([NOTHING, UNUSABLE], UNUSABLE),
        ([UNUSABLE, NOTHING, SUITE_ERROR], SUITE_ERROR),
        ([SUITE_ERROR, UNUSABLE, NOTHING, FAILED], FAILED),
        ([], PASSED),
    ],
)
def test_the_worst_of_several_targets_counts(statuses: list[int], expected: int) -> None:
    assert worst_status(statuses) == expected
    assert worst_status(statuses[::-1]) == expected


def test_every_target_is_judged_though_one_cannot_be_used() -> None:
    status, text = said("run", "zzz", "numpy", target("raises"), *EQUATIONS)
    assert status == FAILED
    assert "target 'zzz' is not an installed backend" in text
    assert "holds on this selection; nothing is said about the rest" in text
    assert "ERRORED  CELL-1" in text


def test_an_unusable_target_beside_one_that_conforms_is_unusable() -> None:
    assert said("run", "numpy", "zzz", *EQUATIONS).status == UNUSABLE


def test_options_that_leave_nothing_to_test_are_not_green() -> None:
    status, text = said("run", "numpy", "-k", "no_such_property")
    assert status == NOTHING
    assert "no statement: the options left nothing to test" in text


def test_a_dtype_that_the_backend_does_not_claim_leaves_nothing_to_test() -> None:
    status, text = said("run", target("float64_only"), "--dtype", "float32")
    assert status == NOTHING
    assert "no statement: the options left nothing to test" in text


@pytest.mark.parametrize(
    "what, name", [("gradients", "forward_only"), ("SHAPE-3", "forward_only"), ("lengths", "plain")]
)
def test_what_is_required_has_to_be_claimed(what: str, name: str) -> None:
    status, text = said("run", target(name), *EQUATIONS, "--require", what)
    assert status == FAILED
    assert f"does not conform: not claimed, or never conclusive: {what}" in text


def test_a_required_dtype_has_to_be_judged() -> None:
    assert said("run", "numpy", *EQUATIONS, "--require", "float32").status == PASSED
    assert said("run", "numpy", *EQUATIONS, "--require", "float64").status == FAILED


# ---------------------------------------------------------------- list, explain, doctor


def test_clauses_are_listed_one_per_line() -> None:
    status, text = said("list", "clauses")
    assert status == PASSED
    assert [line.split()[0] for line in text.splitlines()] == list(CLAUSES)


def test_properties_are_listed_one_per_line() -> None:
    text = said("list", "properties").text
    assert [line.split()[1] for line in text.splitlines()] == [prop.name for prop in PROPERTIES]


def test_faults_are_listed_one_per_line() -> None:
    from conformance.faults.catalogue import ALL_FAULTS

    text = said("list", "faults").text
    assert [line.split()[0] for line in text.splitlines()] == list(ALL_FAULTS)


def test_backends_are_listed_one_per_line() -> None:
    assert said("list", "backends").text.split("\n") == ["cupy", "numpy", "torch", ""]


@pytest.mark.parametrize("id", CLAUSES)
def test_every_clause_is_explained(id: str) -> None:
    status, text = said("explain", id.lower())
    assert status == PASSED
    assert text.startswith(f"{id} ({CLAUSES[id].level}) {CLAUSES[id].sentence}\n")


def test_an_explanation_names_code_properties_and_faults() -> None:
    text = said("explain", "CELL-5").text
    assert "c = f * c + i * g" in text and "lstm_spec/equations.py:" in text
    assert "verified by\n" in text and "  the answer is that of the equations\n" in text
    assert "broken by\n" in text and "  fault:never_forgets  " in text


def test_an_unknown_clause_is_refused() -> None:
    status, text = said("explain", "CELL-99")
    assert status == WRONG_OPTION
    assert "'CELL-99' is not a clause; see lstm-conform list clauses" in text


def test_the_doctor_names_versions_and_every_backend() -> None:
    status, text = said("doctor")
    assert status == PASSED
    for start in (
        "lstm-spec ",
        "Python ",
        "numpy ",
        "hypothesis ",
        "subnormal numbers are kept",
        "grades: relative at",
    ):
        assert any(line.startswith(start) for line in text.splitlines()), start
    assert f"backend numpy: {np.__version__} on cpu, " in text
    assert "backend cupy: cupy is unavailable: " in text


# ---------------------------------------------------------------- JSON


def test_the_json_says_what_the_exit_status_says(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    status, _ = said("run", "zzz", "numpy", target("returns_nan"), *EQUATIONS, "--json", str(file))
    written = json.loads(file.read_text(encoding="utf-8"))
    assert (written["version"], written["specification"]) == (1, "1.0")
    assert written["exit_status"] == status == FAILED
    assert [(t["name"], t["exit_status"]) for t in written["targets"]] == [("numpy", PASSED), ("returns_nan", FAILED)]
    assert [t["verdicts"][0]["outcome"] for t in written["targets"]] == ["holds", "refuted"]
    assert written["targets"][1]["verdicts"][0]["difference"]["got"] == "nan"
    assert [u["name"] for u in written["unavailable"]] == ["zzz"]


def test_the_json_holds_an_error_model_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    said("run", target("measures_itself_generously"), *EQUATIONS, "--json", str(file))
    assert json.loads(file.read_text(encoding="utf-8"))["targets"][0]["grades"]["float32"]["u"] == 2.0**-20


# ---------------------------------------------------------------- problems that are refused


def well_formed(dtype: str = "float32") -> Problem:
    """T, B, I, H = 2, 3, 4, 5."""
    gate = Gate(np.ones((5, 4), dtype), np.ones((5, 5), dtype), np.ones(5, dtype))
    state = State(np.ones((1, 3, 5), dtype), np.ones((1, 3, 5), dtype))
    return Problem(((Parameters(gate, gate, gate, gate),),), np.ones((2, 3, 4), dtype), state)


def with_gate(letter: str, **parts: Any) -> Callable[[Problem], Problem]:
    def change(problem: Problem) -> Problem:
        gate = getattr(problem.layer, letter)._replace(**parts)
        return replace(problem, parameters=((problem.layer._replace(**{letter: gate}),),))

    return change


def with_layer(**parts: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, parameters=((problem.layer._replace(**parts),),))


def with_state(**parts: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, state=problem.state._replace(**parts))


def zeros(*shape: int, dtype: str = "float32") -> Array:
    return np.zeros(shape, dtype)


def stacked(problem: Problem, width: int = 5, **parts: Any) -> Problem:
    """Two layers; the second reads that width, and has other parts."""
    gate = Gate(zeros(5, width), zeros(5, 5), zeros(5))
    above = Parameters(gate, gate, gate, gate)._replace(**parts)
    return replace(problem, parameters=(*problem.parameters, (above,)), state=State(zeros(2, 3, 5), zeros(2, 3, 5)))


def both_ways(problem: Problem, directions: Any = ("forward", "reverse")) -> Problem:
    state = State(zeros(2, 3, 5), zeros(2, 3, 5))
    return replace(problem, parameters=((problem.layer, problem.layer),), state=state, directions=directions)


def of_kind(kind: Any, clip: Any = None, **parts: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(with_layer(**parts)(problem), variant=Variant(kind, clip))


def with_peepholes(shape: int = 5, **parts: Any) -> Callable[[Problem], Problem]:
    """Of that many numbers; and with other parts, gate by gate."""
    seeing = well_formed().layer.i._replace(p=zeros(shape))
    return of_kind("peephole", **{"i": seeing, "f": seeing, "o": seeing, **parts})


def projected(problem: Problem, P: int = 2) -> Problem:
    gate = problem.layer.i._replace(U=zeros(5, P))
    parameters = Parameters(gate, gate, gate, gate, zeros(P, 5))
    return replace(problem, parameters=((parameters,),), state=State(zeros(1, 3, P), zeros(1, 3, 5)))


def with_lengths(lengths: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, lengths=lengths)


BLIND, SEEING = well_formed().layer.i, well_formed().layer.i._replace(p=zeros(5))
WELL_FORMED: dict[str, Callable[[Problem], Problem]] = {
    "plain": lambda p: p,
    "lengths in any order": with_lengths(np.array([2, 0, 1], np.uint8)),
    "reverse": lambda p: replace(p, directions=("reverse",)),
    "both ways": both_ways,
    "two layers": stacked,
    "projected": projected,
    "projected to its own width": lambda p: projected(p, 5),
    "peepholes": with_peepholes(),
    "coupled": of_kind("coupled", f=None),
    "no forget gate": of_kind("no forget gate", f=None),
    "1997 simplified": of_kind("1997 simplified", f=None),
    "clipped": of_kind("standard", 3),
}

MALFORMED: dict[str, tuple[Callable[[Problem], Problem], type[Exception], str]] = {
    "no layer": (
        lambda p: replace(p, parameters=()),
        ValueError,
        "parameters is empty, expected those of at least one layer; give them as [layer][direction]",
    ),
    "unknown directions": (
        lambda p: both_ways(p, ("reverse", "forward")),
        ValueError,
        "directions is ('reverse', 'forward'), expected ('forward',) or ('reverse',) or ('forward', 'reverse'); choose",
    ),
    "a direction, not in a tuple": (
        lambda p: replace(p, directions="forward"),
        ValueError,
        "directions is 'forward', expected ('forward',) or ",
    ),
    "one direction of two": (
        lambda p: replace(p, directions=("forward", "reverse")),
        ValueError,
        "layer 0 has parameters for 1 directions, expected 2 like directions; each direction has its own",
    ),
    "two directions of one": (
        lambda p: both_ways(p, ("forward",)),
        ValueError,
        "layer 0 has parameters for 2 directions, expected 1 like directions; each direction has its own",
    ),
    "a second layer that reads x": (
        lambda p: stacked(p, width=4),
        ValueError,
        "layer 1 forward: i.W has shape (5, 4), expected (5, 5) for H = 5, D·P = 5; "
        "a layer reads all that the one below returned",
    ),
    "a second direction of another width": (
        lambda p: replace(
            both_ways(p), parameters=((p.layer, p.layer._replace(o=Gate(*[zeros(5, 5)] * 2, zeros(5)))),)
        ),
        ValueError,
        "layer 0 reverse: o.W has shape (5, 5), expected (5, 4) for H = 5, I = 4; transpose it",
    ),
    "the state of one layer of two": (
        lambda p: replace(stacked(p), state=p.state),
        ValueError,
        "state.h has shape (1, 3, 5), expected (2, 3, 5) for B = 3, H = 5; the first axis is layers times directions",
    ),
    "the state of one direction of two": (
        lambda p: replace(both_ways(p), state=p.state),
        ValueError,
        "state.h has shape (1, 3, 5), expected (2, 3, 5) for B = 3, H = 5; the first axis is layers times directions",
    ),
    "a length above T": (
        with_lengths(np.array([1, 3, 2])),
        ValueError,
        "lengths has 3, expected 0 to T = 2; pad x, or correct the length",
    ),
    "a negative length": (
        with_lengths(np.array([1, 2, -1])),
        ValueError,
        "lengths has -1, expected 0 to T = 2; pad x, or correct the length",
    ),
    "fractional lengths": (
        with_lengths(np.array([1.0, 2.0, 1.5])),
        TypeError,
        "lengths is float64, expected integers; a length counts steps, so convert them",
    ),
    "a mask for lengths": (with_lengths(np.ones(3, bool)), TypeError, "lengths is bool, expected integers; a length"),
    "too few lengths": (
        with_lengths(np.array([1, 2])),
        ValueError,
        "lengths has shape (2,), expected (3,); give one for each sequence of the batch",
    ),
    "one length for all": (with_lengths(np.array(2)), ValueError, "lengths has shape (), expected (3,); give one for"),
    "lengths, a list": (
        with_lengths([1, 2, 2]),
        TypeError,
        "lengths is a list, expected a NumPy array; convert it first",
    ),
    "an unknown kind": (
        of_kind("GRU"),
        ValueError,
        "variant.kind is 'GRU', expected one of: standard, peephole, coupled, no forget gate, 1997 simplified; choose",
    ),
    "a bound of zero": (
        of_kind("standard", 0.0),
        ValueError,
        "variant.clip is 0.0, expected a positive, finite number; None leaves the cell state unbounded",
    ),
    "a negative bound": (
        of_kind("standard", -3),
        ValueError,
        "variant.clip is -3, expected a positive, finite number;",
    ),
    "a bound at infinity": (
        of_kind("standard", np.inf),
        ValueError,
        "variant.clip is inf, expected a positive, finite",
    ),
    "a bound that the dtype cannot hold": (
        of_kind("standard", 1e300),
        ValueError,
        "variant.clip is 1e+300, which is inf in float32; expected a number it can hold",
    ),
    "a bound that the dtype takes for 0": (
        of_kind("standard", 1e-60),
        ValueError,
        "variant.clip is 1e-60, which is 0.0 in float32; expected a number it can hold",
    ),
    "a bound in words": (of_kind("standard", "3"), TypeError, "variant.clip is '3', expected a number; None leaves"),
    "a kind that is none": (of_kind(["coupled"]), ValueError, "variant.kind is ['coupled'], expected one of: standard"),
    "a bound that is no number": (of_kind("standard", np.nan), ValueError, "variant.clip is nan, expected a positive,"),
    "a forget gate beside a coupled one": (
        of_kind("coupled"),
        ValueError,
        "f is given, expected None; the kind 'coupled' has no forget gate of its own",
    ),
    "no forget gate, but the standard kind": (
        with_layer(f=None),
        ValueError,
        "gate f is a NoneType, expected a Gate; the kind 'standard' has it, so make one of W, U and b",
    ),
    "a gate, a tuple": (
        with_layer(i=tuple(BLIND)),
        ValueError,
        "gate i is a tuple, expected a Gate; the kind 'standard' has it, so make one of W, U and b",
    ),
    "a peephole of the standard kind": (
        with_gate("i", p=zeros(5)),
        ValueError,
        "i.p is given, expected None; the gates i, f and o of the kind 'peephole' see c, and no others",
    ),
    "a peephole of the candidate": (
        with_peepholes(g=SEEING),
        ValueError,
        "g.p is given, expected None; the gates i, f and o of the kind 'peephole' see c, and no others",
    ),
    "a missing peephole": (
        with_peepholes(o=BLIND),
        ValueError,
        "o.p is missing, expected (H,) numbers; the gates i, f and o of the kind 'peephole' see c, and no others",
    ),
    "peepholes of another size": (
        with_peepholes(4),
        ValueError,
        "i.p has shape (4,), expected (5,) for H = 5; a peephole is one number for each cell",
    ),
    "P above H": (
        lambda p: projected(p, 6),
        ValueError,
        "P = 6, expected 1 to H = 5; R is (P, H), so transpose it if it is the other way",
    ),
    "P of zero": (lambda p: projected(p, 0), ValueError, "P = 0, expected 1 to H = 5; R is (P, H), so transpose it"),
    "R transposed": (
        lambda p: with_layer(R=zeros(5, 2))(projected(p)),
        ValueError,
        "i.U has shape (5, 2), expected (5, 5) for H = 5, P = 5 (the rows of R); did you pass",
    ),
    "R for another number of cells": (
        lambda p: with_layer(R=zeros(2, 4))(projected(p)),
        ValueError,
        "R has shape (2, 4), expected (2, 5) for P = 2, H = 5; transpose it if it is stored the other way",
    ),
    "R of one axis": (with_layer(R=zeros(5)), ValueError, "R has shape (5,), expected (P, H); add the missing axis"),
    "R in the first layer only": (
        lambda p: stacked(projected(p, 5)),
        ValueError,
        "layer 1 forward: R is missing, expected one like the first layer's; all layers and directions",
    ),
    "R in the second layer only": (
        lambda p: stacked(p, R=zeros(5, 5)),
        ValueError,
        "layer 1 forward: R is given, expected None like the first layer's; all layers and directions",
    ),
    "a state that is not projected": (
        lambda p: replace(projected(p), state=p.state),
        ValueError,
        "state.h has shape (1, 3, 5), expected (1, 3, 2) for B = 3, H = 5, P = 2 (the rows of R); the first axis",
    ),
    "x of two axes": (
        lambda p: replace(p, x=zeros(2, 4)),
        ValueError,
        "x has shape (2, 4), expected (T, B, I); add the missing axes",
    ),
    "x, a list": (lambda p: replace(p, x=p.x.tolist()), TypeError, "x is a list, expected a NumPy array; convert it"),
    "no inputs": (lambda p: replace(p, x=zeros(2, 3, 0)), ValueError, "I = 0 and H = 5, expected at least 1 each"),
    "a bias of two axes": (
        with_gate("i", b=zeros(5, 1)),
        ValueError,
        "i.b has shape (5, 1), expected (H,); flatten it",
    ),
    "a bias, a list": (
        with_gate("i", b=[0.0] * 5),
        TypeError,
        "i.b is a list, expected a NumPy array; convert it first",
    ),
    "W transposed": (
        with_gate("f", W=zeros(4, 5)),
        ValueError,
        "f.W has shape (4, 5), expected (5, 4) for H = 5, I = 4; transpose it if it is stored inputs first",
    ),
    "W for U": (
        with_gate("g", U=zeros(5, 4)),
        ValueError,
        "g.U has shape (5, 4), expected (5, 5) for H = 5; did you pass the input weights W?",
    ),
    "two biases": (
        with_gate("o", b=zeros(10)),
        ValueError,
        "o.b has shape (10,), expected (5,) for H = 5; one bias per gate, so add the two where there are two",
    ),
    "a missing gate": (with_layer(g=None), ValueError, "gate g is a NoneType, expected a Gate"),
    "a state without its layer": (
        with_state(h=zeros(3, 5)),
        ValueError,
        "state.h has shape (3, 5), expected (1, 3, 5) for B = 3, H = 5; the first axis is layers times directions",
    ),
    "a state of one sample": (
        with_state(c=zeros(1, 1, 5)),
        ValueError,
        "state.c has shape (1, 1, 5), expected (1, 3, 5)",
    ),
    "no state": (with_state(c=None), TypeError, "state.c is a NoneType, expected a NumPy array; convert it first"),
    "two dtypes": (
        with_state(c=zeros(1, 3, 5, dtype="float64")),
        TypeError,
        "state.c is float64, expected float32 like x; convert it first",
    ),
    "integers": (lambda p: well_formed("int64"), TypeError, "int64"),
}


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_problem_is_refused_in_a_sentence(
    case: tuple[Callable[[Problem], Problem], type[Exception], str],
) -> None:
    malform, kind, sentence = case
    with pytest.raises(kind) as refused:
        checked(malform(well_formed()))
    assert sentence in str(refused.value)
    assert "expected" in str(refused.value) and ";" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("form", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_well_formed_problem_is_let_through(form: Callable[[Problem], Problem]) -> None:
    checked(form(well_formed()))


def test_cotangents_of_another_shape_are_refused() -> None:
    problem, state = well_formed(), well_formed().state
    with pytest.raises(
        ValueError,
        match=r"the cotangent of y has shape \(2, 3, 4\), expected \(2, 3, 5\) for T = 2, B = 3, H = 5; a cotangent",
    ):
        check_cotangents(problem, Cotangents(zeros(2, 3, 4), state))
    with pytest.raises(TypeError, match="the cotangent of state.c is float64, expected float32 like x; convert it"):
        check_cotangents(problem, Cotangents(zeros(2, 3, 5), state._replace(c=zeros(1, 3, 5, dtype="float64"))))


def test_cotangents_are_as_wide_as_what_a_network_returns() -> None:
    cotangents = Cotangents(zeros(2, 3, 5), well_formed().state)
    with pytest.raises(ValueError, match=r"of y has shape \(2, 3, 5\), expected \(2, 3, 10\) for T = 2, B = 3, H = 5;"):
        check_cotangents(both_ways(well_formed()), cotangents)
    with pytest.raises(
        ValueError, match=r"expected \(2, 3, 2\) for T = 2, B = 3, H = 5, P = 2 \(the rows of R\); a cot"
    ):
        check_cotangents(projected(well_formed()), cotangents)


# ---------------------------------------------------------------- grades, orders and adapters


def test_an_unknown_grade_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError) as refused:
        error_model("perfect", "float32")
    assert str(refused.value) == (
        "grade 'perfect' is not defined at float32, expected one of: absolute, relative; "
        "name one of them in Description.grades"
    )


def test_a_grade_at_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="grade 'relative' is not defined at float8, expected one of: none yet; name"):
        error_model("relative", "float8")


ORDERS = r"order is 'ifco', expected a permutation of 'ifgo'; write g for the candidate \(often c\)"


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=ORDERS):
        pack(well_formed().layer, "ifco")
    with pytest.raises(ValueError, match=ORDERS):
        unpack(Packed(zeros(20, 4), zeros(20, 5), zeros(20)), "ifco")


def test_an_adapter_refuses_an_order_before_it_is_called() -> None:
    with pytest.raises(ValueError, match=ORDERS):
        from_packed(lambda *arrays: arrays[:3], order="ifco")


@pytest.mark.parametrize("biases", [0, 3, "2"])
def test_an_adapter_refuses_another_number_of_biases(biases: int) -> None:
    with pytest.raises(ValueError, match=f"biases is {biases!r}, expected 1 or 2; a gate's bias is needed"):
        from_packed(lambda *arrays: arrays[:3], biases=biases)
