"""That a crash and a hang are verdicts, and that nothing else can be told from a backend in the same process."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors import deserialize
from safetensors.numpy import load_file

from backends.numpy.backend import BACKEND as NUMPY
from conformance.arrays import frozen
from conformance.assertions.shapes import assert_answer_shaped
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Errored, Outcome, Refuted
from conformance.report.report import Report
from conformance.run.check import check
from conformance.targets import child
from conformance.targets.border import guard_backend
from conformance.targets.isolated import Isolated, start_isolated
from conformance.targets.link import FORMAT, pack_question, unpack_question
from conformance.targets.nouns import put_together, take_apart
from conformance.targets.resolve import TargetError, resolve
from conformance.targets.wire import pack_tensors, unpack_tensors
from lstm_spec import Answer, Backend, Cotangents, ErrorModel, Gate, Parameters, Problem, State
from lstm_spec.types import Array, Variant
from tests.helpers import fragile
from tests.helpers.root import ROOT

SPECIMENS = "tests.helpers.specimens"
PLENTY = 60.0  # seconds: none of these backends takes longer than that unless it hangs


def drawn(T: int = 2, dtype: Any = "float32", B: int = 2, I: int = 3, H: int = 4) -> Problem:
    rng = np.random.default_rng(T)

    def make(*shape: int) -> Array:
        return frozen(rng.standard_normal(shape).astype(dtype))

    i, f, g, o = (Gate(make(H, I), make(H, H), make(H)) for _ in "ifgo")
    return Problem(((Parameters(i, f, g, o),),), make(T, B, I), State(make(1, B, H), make(1, B, H)))


def cotangents(problem: Problem) -> Cotangents:
    answer = NUMPY.forward(problem)
    return Cotangents(answer.y, answer.state)


SHORT, LONG = drawn(2), drawn(fragile.LONG)


def alone(name: str, timeout: float = PLENTY, folder: Path | None = None) -> Isolated:
    return start_isolated(name if ":" in name else f"tests.helpers.fragile:{name}", None, timeout, folder)


def said(function: Callable[..., Any], *arguments: Any) -> str:
    """What a call of a backend raises: the type of the exception, and its text."""
    with pytest.raises((Errored, Refuted)) as raised:
        function(*arguments)
    return f"{type(raised.value).__name__}: {raised.value}"


def gone(process: int) -> bool:
    """Whether the process ends within a second; one that nobody has waited for is still there."""
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def process_of(backend: Backend) -> int:
    return int(backend.forward(SHORT).y)


def bits(a: Array) -> tuple[str, tuple[int, ...], bytes]:
    return a.dtype.str if a.dtype.kind != "V" else a.dtype.name, a.shape, a.tobytes()


# ---------------------------------------------------------------- crashes


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("segfaults", "signal SIGSEGV"),
        ("reads_address_zero", "signal SIGSEGV"),
        ("is_killed", "signal SIGKILL"),
        ("exits_at_once", "exit status 3"),
        ("exits_as_if_well", "exit status 0"),
    ],
)
def test_a_crash_is_errored(name: str, how: str) -> None:
    with alone(name) as it:
        assert said(it.backend.forward, SHORT) == f"Errored: it crashed ({how})"


def test_a_crash_in_the_gradient_pass_is_errored() -> None:
    with alone("segfaults_in_the_gradient_pass") as it:
        assert said(it.backend.differentiate, SHORT, cotangents(SHORT)) == "Errored: it crashed (signal SIGSEGV)"
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_after_a_crash_the_next_question_is_answered() -> None:
    with alone("segfaults_on_long") as it:
        for T in (3, 4):
            assert said(it.backend.forward, drawn(T)) == "Errored: it crashed (signal SIGSEGV)"
            assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_a_crash_is_seen_at_once_where_a_helper_holds_the_socket_and_that_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    started = time.monotonic()
    with alone("leaves_a_helper") as it:
        assert said(it.backend.forward, SHORT) == "Errored: it crashed (signal SIGSEGV)"
    assert time.monotonic() - started < PLENTY / 2
    assert ends(int((tmp_path / "helper").read_text()), within=5)


def test_the_search_goes_on_after_a_crash() -> None:
    with alone("segfaults_on_long") as it:
        report = check(it.backend, profile="quick", name="every_output_has_its_shape")
    (verdict,) = report.verdicts
    assert verdict.outcome is Outcome.ERRORED and "it crashed (signal SIGSEGV)" in verdict.detail
    assert verdict.examples > 1


def test_a_backend_that_cannot_be_made_again_is_errored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    with alone("made_once") as it:
        said(it.backend.forward, LONG)
        for _ in range(2):
            expected = "it could not be made again: tests.helpers.fragile:made_once is unavailable: it is used up"
            assert said(it.backend.forward, SHORT) == f"Errored: {expected}"


# ---------------------------------------------------------------- hangs


def test_a_hang_is_errored_and_the_next_question_is_answered() -> None:
    with alone("hangs_on_long", timeout=1.5) as it:
        started = time.monotonic()
        assert said(it.backend.forward, LONG) == "Errored: it did not answer within 1.5 s"
        assert 1.5 <= time.monotonic() - started < PLENTY / 2
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_the_process_that_hangs_is_killed() -> None:
    it = alone("hangs", timeout=0.5)
    process = child_of(it)
    assert said(it.backend.forward, SHORT) == "Errored: it did not answer within 0.5 s"
    assert gone(process)
    it.close()


def test_what_killed_the_backend_once_is_not_asked_again(tmp_path: Path) -> None:
    """Hypothesis tries what fails several times, and every time would cost the whole timeout."""
    with alone("hangs", 0.5, tmp_path) as it:
        first = said(it.backend.forward, SHORT)
        started = time.monotonic()
        assert said(it.backend.forward, SHORT) == first
        assert time.monotonic() - started < 0.5


# ---------------------------------------------------------------- the process


def child_of(it: Isolated) -> int:
    return it.pid


def test_one_process_that_is_not_ours_answers_all_questions() -> None:
    with alone("shows_its_process") as it:
        assert process_of(it.backend) == process_of(it.backend) == child_of(it) != os.getpid()


def test_no_process_is_left_when_it_is_closed() -> None:
    it = alone("shows_its_process")
    process = process_of(it.backend)
    it.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    it.close()
    with pytest.raises(ValueError, match="fragile:shows_its_process is asked after it was closed; ask it before"):
        it.backend.forward(SHORT)


def test_no_process_is_left_when_it_is_forgotten() -> None:
    it = alone("shows_its_process")
    process = process_of(it.backend)
    del it
    assert gone(process)


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
sys.path.insert(0, {root!r})
from conformance.targets.isolated import start_isolated
from tests.conformance.targets.test_isolation import SHORT
it = start_isolated("tests.helpers.fragile:{name}", None, {timeout}, None)
print(it.pid, flush=True)
{then}
"""


def script(name: str, then: str, timeout: float = PLENTY) -> tuple["subprocess.Popen[str]", int]:
    """A judge in a process of its own, and the process of its backend."""
    text = SCRIPT.format(root=str(ROOT), name=name, then=then, timeout=timeout)
    command = [sys.executable, "-W", "error", "-c", text]
    pipe = subprocess.PIPE
    judge = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert judge.stdout is not None
    return judge, int(judge.stdout.readline())


def test_no_process_is_left_when_the_judge_ends_without_a_word() -> None:
    judge, child = script("echoes", "it.backend.forward(SHORT)")
    assert judge.communicate(timeout=60) == ("", "")
    assert judge.returncode == 0 and gone(child)


@pytest.mark.parametrize("name", ["echoes", "hangs"])
def test_no_process_is_left_when_the_judge_is_interrupted(name: str) -> None:
    judge, child = script(name, "it.backend.forward(SHORT)\nprint(flush=True)\nimport time; time.sleep(1000)")
    time.sleep(1)
    judge.send_signal(signal.SIGINT)
    _, errors = judge.communicate(timeout=60)
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert errors.count("Traceback") == 1 and "Warning" not in errors
    assert gone(child)


@pytest.mark.parametrize(("name", "timeout"), [("echoes", PLENTY), ("hangs", 2.0)])
def test_the_process_ends_when_the_judge_is_killed(name: str, timeout: float) -> None:
    judge, child = script(name, "it.backend.forward(SHORT)\nimport time; time.sleep(1000)", timeout)
    time.sleep(timeout / 4 if name == "hangs" else 0)  # until it is asked
    judge.kill()
    judge.communicate(timeout=60)
    assert ends(child, within=3 * timeout)


def ends(process: int, within: float) -> bool:
    """Whether an orphan ends; when it is taken off the list of processes is not ours to say."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        done = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
        if done.stdout.strip().startswith("Z") or not done.stdout.strip():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """What interrupts this process half a second later."""

    def raised(*about: object) -> None:
        raise KeyboardInterrupt

    def soon() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.5)

    before = signal.signal(signal.SIGALRM, raised)
    yield soon
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupted_question_does_not_disturb_the_next(interrupt: Callable[[], None]) -> None:
    with alone("hangs_on_long", timeout=10) as it:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            it.backend.forward(LONG)
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_no_process_is_left_when_closing_it_is_interrupted(interrupt: Callable[[], None]) -> None:
    it = alone("lingers")
    it.backend.forward(SHORT)
    interrupt()
    with pytest.raises(KeyboardInterrupt):
        it.close()
    assert gone(child_of(it))


def test_a_process_that_does_not_want_to_end_is_killed() -> None:
    it = alone("lingers")
    it.backend.forward(SHORT)
    it.close()
    assert gone(child_of(it))


def test_what_the_backend_prints_passes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with alone("talks") as it:
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)
    assert capfd.readouterr() == ("printed\nwritten\n", "complained\n")


def test_the_backend_does_not_read_what_is_typed_to_the_judge() -> None:
    judge, _ = script(
        "asks_the_user",
        "from tests.conformance.targets.test_isolation import said; print(said(it.backend.forward, SHORT))",
        5,
    )
    assert judge.stdout is not None
    assert judge.stdout.readline() == "Errored: it raised EOFError: EOF when reading a line\n"
    assert judge.communicate(timeout=60) == ("", "")


def test_a_number_that_overflows_is_no_warning_as_in_a_run(capfd: pytest.CaptureFixture[str]) -> None:
    with alone("overflows") as it:
        it.backend.forward(SHORT)
    assert capfd.readouterr() == ("", "")


def test_the_child_loads_no_large_library_of_its_own_accord() -> None:
    code = "import conformance.targets.isolated, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "conformance.targets.isolated" in loaded.split()
    assert not {"torch", "cupy", "hypothesis", "autograd", "click", "rich"} & set(loaded.split())


# ---------------------------------------------------------------- making it


@pytest.mark.parametrize("target", ["numpy", f"{SPECIMENS}:measures_itself", f"{SPECIMENS}:in_blocks_of_8"])
def test_it_says_of_itself_what_it_says_in_this_process(target: str) -> None:
    here = resolve(target)
    with start_isolated(target, None, PLENTY, None) as it:
        assert (it.backend.name, it.backend.description) == (here.name, here.description)
        assert (it.backend.gradients is None) == (here.gradients is None)


def test_a_model_of_its_own_and_a_lack_of_gradients_arrive() -> None:
    with alone("tests.helpers.specimens:measures_itself") as it:
        assert it.backend.description.grades["float32"] == ErrorModel(1.0, 1.0, 1.0)
    with alone("echoes") as it:
        assert it.backend.gradients is None


@pytest.mark.parametrize(
    "target",
    [
        "nunpy",
        "tests.helpers.fragile:segfault",
        "tests.absent:BACKEND",
        "tests.helpers.fragile:unavailable",
        "tests.helpers.fragile:LONG",
    ],
)
def test_a_target_that_cannot_be_used_is_refused_in_the_same_words(target: str) -> None:
    with pytest.raises(TargetError) as here:
        resolve(target)
    with pytest.raises(TargetError, match=f"^{re.escape(str(here.value))}$"):
        start_isolated(target, None, PLENTY, None)


def test_the_device_is_handed_on() -> None:
    with pytest.raises(TargetError, match="there is no mars here; buy one"):
        start_isolated("tests.helpers.specimens:unavailable", "mars", PLENTY, None)


def test_a_crash_while_it_is_made_is_a_sentence() -> None:
    expected = r"fragile:dies_when_made': making the backend killed the process \(signal SIGSEGV\); import it"
    with pytest.raises(TargetError, match=expected):
        alone("dies_when_made")


def test_a_hang_while_it_is_made_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.targets.isolated.STARTING", 1.0)
    with pytest.raises(TargetError, match="making the backend did not end within 1 s; import it alone"):
        alone("hangs_when_made", timeout=0.5)


def test_a_module_beside_the_user_is_found_from_wherever_it_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("from tests.helpers.fragile import segfaults_on_long as BACKEND\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    with start_isolated("mine:BACKEND", None, PLENTY, None) as it:
        monkeypatch.chdir(ROOT)
        said(it.backend.forward, LONG)
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)


def test_a_module_on_the_path_of_this_process_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "on_the_path.py").write_text("from tests.helpers.fragile import echoes as BACKEND\n")
    monkeypatch.syspath_prepend(tmp_path)
    with start_isolated("on_the_path:BACKEND", None, PLENTY, None) as it:
        assert it.backend.name == "echoes"


# ---------------------------------------------------------------- the same words as in this process


@pytest.mark.parametrize(
    ("target", "pass_"),
    [
        ("tests.helpers.fragile:fails", "forward"),
        ("tests.helpers.fragile:leaves", "forward"),
        ("tests.helpers.specimens:exits", "forward"),
        ("tests.helpers.specimens:returns_a_tuple", "forward"),
        ("tests.helpers.specimens:returns_only_gradients", "gradients"),
        ("tests.helpers.specimens:returns_packed_gradients", "gradients"),
        ("tests.helpers.fragile:returns_half_a_pair", "gradients"),
    ],
)
def test_what_is_no_answer_is_told_in_the_same_words(target: str, pass_: str) -> None:
    arguments = (SHORT, cotangents(SHORT))[: 1 + (pass_ == "gradients")]
    here = said(getattr(guard_backend(resolve(target)), pass_), *arguments)
    with start_isolated(target, None, PLENTY, None) as it:
        assert said(getattr(it.backend, pass_), *arguments) == here
        assert said(getattr(guard_backend(it.backend), pass_), *arguments) == here


def test_the_clause_of_a_wrong_answer_arrives() -> None:
    with alone("tests.helpers.specimens:returns_only_gradients") as it, pytest.raises(Refuted) as refuted:
        it.backend.differentiate(SHORT, cotangents(SHORT))
    assert refuted.value.clause == "SHAPE-3"


@pytest.mark.parametrize(
    "target",
    [f"tests.helpers.specimens:{name}" for name in ("returns_tensors", "returns_float16", "puts_the_batch_first")]
    + ["tests.helpers.fragile:answers_other_things"],
)
def test_parts_that_are_no_arrays_of_the_right_kind_are_told_in_the_same_words(target: str) -> None:
    here = resolve(target).forward(LONG)
    with start_isolated(target, None, PLENTY, None) as it:
        there = it.backend.forward(LONG)
    assert said(assert_answer_shaped, there, LONG) == said(assert_answer_shaped, here, LONG)
    for one, other in ((here.y, there.y), *zip(here.state, there.state, strict=True)):
        assert f"{type(one).__module__}.{type(one).__name__}" == f"{type(other).__module__}.{type(other).__name__}"
        assert str(getattr(one, "dtype", "")) == str(getattr(other, "dtype", "")) or not isinstance(one, np.ndarray)


def test_an_answer_of_another_kind_of_answer_is_one() -> None:
    tensors: dict[str, Array] = {}
    form = take_apart(Special(SHORT.x, SHORT.state), "answer", tensors)
    answer = put_together(form, tensors)
    assert type(answer) is Answer and answer.y is SHORT.x


class Special(Answer):
    """Somebody's subclass."""


# ---------------------------------------------------------------- what else a property can see


def writable(problem: Problem) -> Problem:
    g = problem.layer.g
    layer = problem.layer._replace(g=g._replace(b=g.b.copy()))
    return replace(
        problem, parameters=((layer,),), x=problem.x.copy(), state=problem.state._replace(h=problem.state.h.copy())
    )


def test_what_is_written_into_an_input_is_written_here_even_if_it_fails() -> None:
    handed = writable(SHORT)
    with alone("spoils_its_inputs") as it:
        assert said(it.backend.forward, handed) == "Errored: it raised RuntimeError: too late"
    for got, was in ((handed.x, SHORT.x), (handed.state.h, SHORT.state.h), (handed.layer.g.b, SHORT.layer.g.b)):
        assert np.array_equal(got, was + np.float32(1))
    assert handed.state.c is SHORT.state.c and np.array_equal(handed.layer.i.b, SHORT.layer.i.b)


def test_an_input_that_may_not_be_written_stays_as_it_is() -> None:
    before = bits(SHORT.x)
    with alone("spoils_its_inputs") as it:
        assert said(it.backend.forward, SHORT) == "Errored: it raised RuntimeError: too late"
    assert bits(SHORT.x) == before


def test_an_earlier_answer_changes_with_the_memory_it_shares() -> None:
    with alone("counts") as it:
        answers = [it.backend.forward(SHORT) for _ in range(child.KEPT + 2)]
    numbers = [{float(n) for n in (*answer.y.flat, *answer.state.h.flat)} for answer in answers]
    assert numbers == [{5.0}, *[{6.0}] * (child.KEPT + 1)]


def test_an_earlier_answer_may_change_back() -> None:
    with alone("alternates") as it:
        first, seen = it.backend.forward(SHORT), []
        for _ in range(3):
            seen.append(float(first.y.max()))
            it.backend.forward(SHORT)
    assert seen == [2.0, 1.0, 2.0]


def test_an_answer_is_fresh_and_may_be_written() -> None:
    with alone("echoes") as it:
        first, second = it.backend.forward(SHORT), it.backend.forward(SHORT)
    for a, b in ((first.y, second.y), *zip(first.state, second.state, strict=True)):
        assert a.flags.writeable and not np.shares_memory(a, b)


def test_an_answer_that_was_made_read_only_still_changes() -> None:
    with alone("counts") as it:
        first = it.backend.forward(SHORT)
        first.y.flags.writeable = False
        it.backend.forward(SHORT)
    assert float(first.y.max()) == 2.0


# ---------------------------------------------------------------- bits

DTYPES = ["float64", "float32", "float16", "bfloat16", "longdouble", "int8", "int64", "bool", ">f4", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 2, 5), (0, 2, 5), (2, 0, 1), (), (1,)])
def test_every_bit_survives_there_and_back(echo: Backend, dtype: str, shape: tuple[int, ...]) -> None:
    x = random_bits(np.dtype(dtype), shape)
    answer = echo.forward(replace(SHORT, x=x, state=State(x[..., ::-1] if x.ndim else x, np.asarray(x, order="F"))))
    assert bits(answer.y) == bits(x)
    assert bits(answer.state.h) == bits(x[..., ::-1] if x.ndim else x)
    assert bits(answer.state.c) == bits(x)


@pytest.fixture(scope="module")
def echo() -> Any:
    with alone("echoes") as it:
        yield it.backend


@pytest.fixture(scope="module")
def tells_layouts() -> Any:
    with alone("tells_layouts") as it:
        yield it.backend


@pytest.fixture(scope="module")
def tells_all() -> Any:
    with alone("tells_all") as it:
        yield it.backend


def random_bits(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Numbers of all kinds: NaN with any payload, infinities, subnormal numbers."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.random.default_rng(dtype.itemsize).integers(0, 2 if dtype.kind == "b" else 256, size, np.uint8)
    return np.frombuffer(raw.tobytes(), dtype).reshape(shape)


@pytest.mark.parametrize(
    ("dtype", "payloads"),
    [
        ("float16", np.array([0x7C01, 0xFE2A, 0x7FFF, 1], np.uint16)),
        ("bfloat16", np.array([0x7F81, 0xFFAA, 0x7FFF, 1], np.uint16)),
        ("float32", np.array([0x7F800001, 0xFFC0BEEF, 1], np.uint32)),
        ("float64", np.array([0x7FF0000000000001, 0xFFF8DEADBEEF0000, 1], np.uint64)),
    ],
)
def test_the_payload_of_a_nan_survives(echo: Backend, dtype: str, payloads: Array) -> None:
    nan = payloads.view(dtype)
    answer = echo.forward(replace(SHORT, x=nan, state=State(nan[::-1], nan[::2])))
    for got, sent in ((answer.y, nan), (answer.state.h, nan[::-1]), (answer.state.c, nan[::2])):
        assert got.dtype == sent.dtype and got.tobytes() == sent.tobytes()


def test_a_large_question_and_a_large_answer_arrive(echo: Backend) -> None:
    x = np.random.default_rng(0).standard_normal((600, 33, 129))
    assert np.array_equal(echo.forward(replace(SHORT, x=x)).y, x)


def strided(a: Array) -> list[Array]:
    spread = np.full((*a.shape[:-1], 2 * a.shape[-1]), 99, a.dtype)
    spread[..., ::2] = a
    return [
        a,
        a.copy(),
        spread[..., ::2],
        a[..., ::-1].copy()[..., ::-1],
        a[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
        np.asfortranarray(a),
        a.swapaxes(0, -1).copy().swapaxes(0, -1),
        np.broadcast_to(a[:1].copy(), a.shape),
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int16"])
@pytest.mark.parametrize("way", range(8))
def test_strides_memory_and_permission_to_write_are_those_of_this_process(
    tells_layouts: Backend, dtype: str, way: int
) -> None:
    numbers = (np.arange(24).reshape(3, 2, 4) + 1).astype(dtype)
    problem = replace(SHORT, x=strided(numbers)[way], state=State(*(strided(numbers[:1])[way] for _ in "hc")))
    assert said(tells_layouts.forward, problem) == said(guard_backend(fragile.tells_layouts).forward, problem)


def test_strides_that_split_numbers_are_kept() -> None:
    fields = np.zeros((3, 4), [("odd", "i1"), ("number", "f4")])
    fields["number"] = np.arange(12).reshape(3, 4)
    a = fields["number"][::-1]
    found = unpack_tensors(pack_tensors({"a": a}, {}))[0]["a"]
    assert found.strides == a.strides == (-20, 5) and np.array_equal(found, a)


def test_memory_read_in_a_row_is_refuted_alike() -> None:
    here = report_of(FAULTS["reads_memory_in_a_row"].backend(), "CONTRACT-4")
    with alone("fault:reads_memory_in_a_row") as it:
        assert report_of(it.backend, "CONTRACT-4") == here
    assert [outcome for _, outcome, _ in here].count(Outcome.REFUTED) == 1


def odd_problems() -> list[Problem]:
    """Malformed, or of what is not judged yet."""
    i, f, g, o = SHORT.layer[:4]
    assert isinstance(f, Gate)
    a = np.arange(3.0)
    peephole = Parameters(i._replace(p=a), None, g, o._replace(p=a), np.eye(4))
    none = Parameters(Gate(None, None, None), Gate(None, i.U, None), g, None)  # type: ignore[arg-type]
    two = Parameters(i, f, g, o)
    return [
        replace(SHORT, parameters=((peephole,),), variant=Variant("peephole", 1.5)),
        replace(SHORT, parameters=((peephole,),), variant=Variant("clipped", np.float32(0.1))),  # type: ignore[arg-type]
        replace(SHORT, parameters=((none,),)),
        replace(SHORT, parameters=((two, none), (peephole, two)), directions=("forward", "reverse")),
        replace(SHORT, parameters=((two,), (none,), (two,)), lengths=np.array([2, 0])),
        replace(SHORT, parameters=((two, none),), directions=("reverse",)),
        replace(SHORT, parameters=()),
        replace(SHORT, parameters=((),)),
        replace(SHORT, parameters=([two],), lengths=[1, 2], variant=None),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("problem", odd_problems(), ids=range(9))
def test_whatever_a_problem_is_made_of_arrives(tells_all: Backend, problem: Problem) -> None:
    assert said(tells_all.forward, problem) == said(guard_backend(fragile.tells_all).forward, problem)


# ---------------------------------------------------------------- the question on disk


def test_the_question_is_whole_on_disk_when_it_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRAGILE_FOLDER", str(tmp_path))
    with alone("reads_the_file", folder=tmp_path) as it:
        for problem in (LONG, SHORT, drawn(7)):
            answer = it.backend.forward(problem)
            assert bits(answer.y) == bits(problem.x) and bits(answer.state.c) == bits(problem.state.c)
        assert [path.name for path in tmp_path.iterdir()] == ["asked.safetensors"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "timeout"), [("segfaults_on_long", PLENTY), ("hangs_on_long", 1.5)])
def test_the_question_that_killed_it_stays(name: str, timeout: float, tmp_path: Path) -> None:
    with alone(name, timeout, tmp_path / "new" / "folder") as it:
        text = said(it.backend.forward, LONG)
        it.backend.forward(SHORT)
    found = re.fullmatch(r"Errored: it .*; the question is in (.*/new/folder/crash-[0-9a-f]{4}\.safetensors)", text)
    assert found
    assert_holds(Path(found[1]), LONG)


def assert_holds(path: Path, problem: Problem) -> None:
    """The names are those of a case, and everything is put together again."""
    tensors = load_file(path)
    expected = {f"asked.{k}.{part}": getattr(getattr(problem.layer, k), part) for k in "ifgo" for part in "WUb"}
    expected |= {"asked.x": problem.x, "asked.state.h": problem.state.h, "asked.state.c": problem.state.c}
    assert {name: bits(a) for name, a in tensors.items()} == {name: bits(a) for name, a in expected.items()}
    call, (found,), _ = unpack_question(path.read_bytes())
    assert call == "forward" and bits(found.x) == bits(problem.x) and bits(found.layer.o.U) == bits(problem.layer.o.U)


def test_the_question_of_a_gradient_names_its_cotangents(tmp_path: Path) -> None:
    d = cotangents(SHORT)
    with alone("segfaults_in_the_gradient_pass", folder=tmp_path) as it:
        said(it.backend.differentiate, SHORT, d)
    (path,) = tmp_path.glob("crash-*.safetensors")
    tensors = load_file(path)
    assert bits(tensors["asked.d.y"]) == bits(d.y)
    assert bits(tensors["asked.d.h"]) == bits(d.state.h) and bits(tensors["asked.d.c"]) == bits(d.state.c)
    call, (problem, found), _ = unpack_question(path.read_bytes())
    assert call == "gradients" and bits(problem.x) == bits(SHORT.x) and bits(found.state.c) == bits(d.state.c)


def test_the_file_says_whose_question_it_is(tmp_path: Path) -> None:
    with alone("segfaults", folder=tmp_path) as it:
        said(it.backend.forward, SHORT)
    (path,) = tmp_path.glob("crash-*.safetensors")
    _, about = unpack_tensors(path.read_bytes())
    assert about["format"] == FORMAT and about["target"] == "tests.helpers.fragile:segfaults"
    assert about["call"] == "forward" and about["device"] == ""


@pytest.mark.parametrize("problem", odd_problems(), ids=range(9))
def test_every_question_is_a_safetensors_file(problem: Problem) -> None:
    strange = replace(problem, x=strided(random_bits(np.dtype(ml_dtypes.bfloat16), (2, 3, 4)))[2])
    _, raw = pack_question("forward", (strange,), {})
    names = {name for name, _ in deserialize(raw)}  # type: ignore[no-untyped-call]
    assert {"asked.x", "memory.asked.x", "asked.state.h"} <= names


def test_a_folder_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        alone("echoes", folder=tmp_path / "file" / "below")


def test_a_folder_that_vanishes_changes_no_verdict(tmp_path: Path) -> None:
    with alone("segfaults_on_long", folder=tmp_path / "gone") as it:
        (tmp_path / "gone" / "asked.safetensors").unlink()
        (tmp_path / "gone").rmdir()
        assert np.array_equal(it.backend.forward(SHORT).y, NUMPY.forward(SHORT).y)
        text = said(it.backend.forward, LONG)
    assert re.fullmatch(r"Errored: it crashed \(signal SIGSEGV\); the question could not be written to .*", text)


# ---------------------------------------------------------------- verdicts


def told(report: Report) -> list[tuple[str, Outcome, str]]:
    return [(v.property.name, v.outcome, v.refutation.clause if v.refutation else "") for v in report.verdicts]


def report_of(backend: Backend, *clauses: str, examples: int = 5) -> list[tuple[str, Outcome, str]]:
    return told(check(backend, profile="quick", examples=examples, clauses=clauses, diagnose=False, shrink=False))


def test_the_verdicts_on_a_right_backend_are_those_of_this_process(tmp_path: Path) -> None:
    with start_isolated("numpy", None, PLENTY, tmp_path) as it:
        report = check(it.backend, profile="quick", examples=2)
    assert told(report) == report_of(NUMPY, examples=2)
    assert report.failures == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fault",
    [
        "writes_the_final_state_into_the_initial_one",
        "scales_the_cotangents_in_place",
        "answers_in_one_buffer",
        "keeps_the_weights_of_the_first_call",
        "accumulates_gradients_over_calls",
        "drops_an_axis_of_length_one_from_the_gradient",
        "answers_problems_that_do_not_fit",
    ],
)
def test_the_verdicts_on_a_broken_contract_are_those_of_this_process(fault: str) -> None:
    clause = FAULTS[fault].clause
    here = report_of(FAULTS[fault].backend(), clause)
    with start_isolated(f"fault:{fault}", None, PLENTY, None) as it:
        assert report_of(it.backend, clause) == here
    assert Outcome.REFUTED in {outcome for _, outcome, _ in here} | {Outcome.ERRORED}
