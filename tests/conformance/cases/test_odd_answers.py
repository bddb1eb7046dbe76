"""Whatever a backend answers when it is asked again, its failure has a case, or a sentence that says why not."""

import ast
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conformance.properties  # noqa: F401  fills the registry
from backends.numpy.backend import BACKEND as NUMPY
from conformance.cases import save
from conformance.cases.case import CaseError
from conformance.cases.load import load_case
from conformance.cases.replay import list_steps, replay_case
from conformance.cases.save import save_case, save_cases
from conformance.files import remove_oldest
from conformance.outcome import Errored, Outcome, Refuted
from conformance.problems.question import Question
from conformance.property import find_property
from conformance.report.failures import failure_lines
from conformance.report.findings import Findings, Request
from conformance.report.report import Report
from conformance.targets.origin import Origin
from conformance.verdict import Verdict
from lstm_spec import Backend, Description, Gradients, State
from tests.helpers.cases import ANSWER, GATE_GRADIENTS
from tests.helpers.isolation import cotangents, drawn

HERE = Origin("mine:WRONG", 0)


def fail(T: int = 2, B: int = 2, name: str = GATE_GRADIENTS, **about: Any) -> Verdict:
    """A verdict on a question of that size."""
    raised, problem = Refuted("it is wrong", **about), drawn(T, B=B)
    raised.problem, raised.asked = Question(problem, cotangents(problem)), problem
    raised.loss = raised.problem.d
    return Verdict(find_property(name), "float32", Outcome.REFUTED, raised.reason, refutation=raised)


def with_answer(**parts: Any) -> Backend:
    return replace(NUMPY, forward=lambda problem: replace(NUMPY.forward(problem), **parts))


def with_gradients(change: Callable[[Gradients], Gradients]) -> Backend:
    def differentiate(problem: Any, d: Any) -> Any:
        answer, gradients = NUMPY.differentiate(problem, d)
        return answer, change(gradients)

    return replace(NUMPY, gradients=differentiate)


def with_first_gate(change: Callable[[Any], Any]) -> Backend:
    def change_all(gradients: Gradients) -> Gradients:
        p = gradients.parameters[0][0]
        return replace(gradients, parameters=((p._replace(i=change(p.i)),),))

    return with_gradients(change_all)


def raise_it(error: BaseException) -> Backend:
    def answer(*arguments: Any) -> Any:
        raise error

    return replace(NUMPY, forward=answer, gradients=answer)


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("it has nothing to say")


class Another(Refuted):
    """One that the suite does not know."""


ODD = {
    "a wrong gradient": with_gradients(lambda g: replace(g, x=g.x + 1)),
    "a gradient of objects": with_gradients(lambda g: replace(g, x=g.x.astype(object))),
    "no gradient": with_gradients(lambda g: replace(g, x=None)),  # type: ignore[arg-type]
    "a gradient of a state that is a list": with_gradients(lambda g: replace(g, state=State(*map(list, g.state)))),  # type: ignore[arg-type]
    "no gate": with_first_gate(lambda gate: None),
    "a gate without weights": with_first_gate(lambda gate: gate._replace(W=None)),
    "a bias that is a number": with_first_gate(lambda gate: gate._replace(b=np.array(1.0))),
    "a bias of text": with_first_gate(lambda gate: gate._replace(b=gate.b.astype("U9"))),
    "objects": with_answer(y=np.array([None, "text"], object)),
    "a number": with_answer(y=np.array(1.0)),
    "dates": with_answer(y=np.zeros((2, 2, 4), "M8[s]")),
    "pairs": with_answer(y=np.zeros((2, 2, 4), [("a", "f4"), ("b", "f4")])),
    "numbers of another order of bytes": with_answer(y=np.zeros((2, 2, 4), ">f4")),
    "long numbers": with_answer(y=np.zeros((2, 2, 4), np.longdouble)),
    "no state": with_answer(state=State(None, None)),  # type: ignore[arg-type]
    "an exception": raise_it(RuntimeError("it has gone away")),
    "an exception without words": raise_it(Silent()),
    "half a character": raise_it(RuntimeError("\ud800\x1b[31m")),
    "a refutation of its own": raise_it(Refuted(5, clause="../x")),  # type: ignore[arg-type]
    "a refutation of another type": raise_it(Another("mine")),
    "a name of many kinds": replace(with_answer(y=np.zeros((2, 2, 4))), name="/../\0\ud800\x1b[31m"),
    "an odd version": replace(NUMPY, description=Description(version="\ud800\0", device="\n")),
}


@pytest.mark.parametrize("B", [2, 0])
@pytest.mark.parametrize("T", [2, 0])
@pytest.mark.parametrize("what", ODD)
def test_a_failure_has_a_case_whatever_is_answered_now(what: str, T: int, B: int, tmp_path: Path) -> None:
    path = save_case(tmp_path, ODD[what], fail(T, B), HERE)
    assert path is not None
    case = load_case(path)
    assert case.asked.problem.sizes[:2] == (T, B)
    assert replay_case(case, ODD[what]).outcome in set(Outcome)
    list_steps(case, ODD[what])


def test_what_can_be_compared_is_kept_where_the_rest_cannot(tmp_path: Path) -> None:
    path = save_case(tmp_path, ODD["no gate"], fail(), HERE)
    assert path is not None and b"expected.y" in path.read_bytes() and b"expected.dW" not in path.read_bytes()


@pytest.mark.parametrize("example", ["no example", 5, (None, 1), Question(None, None)])  # type: ignore[arg-type]
def test_one_failure_without_a_case_takes_nothing_from_the_others(example: Any, tmp_path: Path) -> None:
    odd = fail(name=ANSWER)
    assert odd.refutation is not None
    odd.refutation.problem = example
    verdicts = [fail(), odd, replace(fail(), dtype="float64")]
    saved = save_cases(tmp_path, NUMPY, verdicts, HERE)
    assert set(saved.cases) == {(GATE_GRADIENTS, "float32"), (GATE_GRADIENTS, "float64")}
    assert saved.reasons[ANSWER, "float32"].startswith("no case can be made of it (") and not saved.complaint
    with pytest.raises(CaseError, match="no case can be made of it"):
        save_case(tmp_path, NUMPY, odd, HERE)


def test_the_report_says_why_there_is_no_case() -> None:
    findings = Findings("x", Description(), True, Request("quick", 0, ("float32",)), [fail()])
    report = Report(findings, origin=HERE, uncased={(GATE_GRADIENTS, "float32"): "no case can be made of it (x)"})
    assert failure_lines(report, report.roots[0])[-1] == "  no case           no case can be made of it (x)"


def test_what_is_too_large_to_be_read_is_written_without_the_comparison_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_case(tmp_path, NUMPY, fail(), HERE)
    assert path is not None and b"expected.y" in path.read_bytes()
    monkeypatch.setattr(save, "LARGEST_FILE", path.stat().st_size - 1)
    assert save_case(tmp_path, NUMPY, fail(), HERE) == path and b"expected.y" not in path.read_bytes()
    monkeypatch.setattr(save, "LARGEST_FILE", path.stat().st_size - 1)
    with pytest.raises(CaseError, match="it would have .* bytes, and `reproduce` reads"):
        save_case(tmp_path, NUMPY, fail(), HERE)


@pytest.mark.parametrize("clause", ["../../CELL-1", "CELL-99", "\x1b[31m", '"""\nimport os\n"""'])
def test_a_clause_that_a_backend_invents_is_that_of_the_property(clause: str, tmp_path: Path) -> None:
    path = save_case(tmp_path / "out", NUMPY, fail(clause=clause), HERE)
    assert (
        path is not None
        and path.parent == tmp_path / "out"
        and load_case(path).about["clause"] == "GRAD-1 GRAD-2 GRAD-3"
    )


@pytest.mark.parametrize(
    "target", ['"""\nimport os\nos.abort()', "a'b\"c\\", "new\nline", "{}{target}", "\ud800", "\x1b[31m"]
)
def test_a_script_only_shows_the_case_whatever_the_target_is_called(target: str, tmp_path: Path) -> None:
    path = save_case(tmp_path, NUMPY, fail(), Origin(target, 0, target))
    assert path is not None
    text = path.with_suffix(".py").read_text(encoding="utf-8")
    *_, call = body = ast.parse(text).body
    assert len(body) == 6 and isinstance(call, ast.Expr) and "show" in ast.dump(call.value)
    assert all(line.isprintable() for line in text.splitlines()) and load_case(path).about["target"].isprintable()


# ---------------------------------------------------------------- how many there are


def test_a_later_run_replaces_the_case_of_the_same_failure_of_the_same_target(tmp_path: Path) -> None:
    first = save_case(tmp_path, NUMPY, fail(T=2), HERE)
    again = save_case(tmp_path, NUMPY, fail(T=3, clause="SHAPE-1"), HERE)
    assert first == again and first is not None and load_case(first).asked.problem.sizes[0] == 3
    others = [(fail(name=ANSWER), HERE), (replace(fail(), dtype="float64"), HERE), (fail(), Origin("mine:OTHER", 0))]
    others += [(fail(), HERE._replace(device="cuda")), (fail(), HERE._replace(grade="absolute"))]
    assert len({first, *(save_case(tmp_path, NUMPY, *other) for other in others)}) == 6


def test_only_the_oldest_cases_of_ours_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save, "MOST_CASES", 2)
    old = save_case(tmp_path, NUMPY, fail(), Origin("old", 0))
    assert old is not None
    os.utime(old, (1, 1))
    names = ("values-00000000.safetensors", "cell-1-00000000.safetensors", "notes.txt", "mine.safetensors")
    yours = [tmp_path / name for name in names]
    for path in yours:
        path.write_bytes(b"yours")
        os.utime(path, (1, 1))
    verdicts = [fail(), fail(name=ANSWER), replace(fail(), dtype="float64")]
    saved = save_cases(tmp_path, NUMPY, verdicts, HERE)
    assert not old.exists() and not old.with_suffix(".py").exists() and all(path.exists() for path in yours)
    assert len(saved.cases) == 3 and all(path.exists() for path in saved.cases.values())


def test_a_script_that_is_not_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = save_case(tmp_path, NUMPY, fail(), Origin("old", 0))
    assert old is not None
    old.with_suffix(".py").write_text("print('mine')")
    monkeypatch.setattr(save, "MOST_CASES", 0)
    save_cases(tmp_path, NUMPY, [], HERE)
    assert not old.exists() and old.with_suffix(".py").exists()


def test_a_folder_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    assert remove_oldest(tmp_path / "none", ".*", "", 0) == []


def test_an_exception_is_a_case_like_any_other(tmp_path: Path) -> None:
    raised, problem = Errored("it crashed"), drawn(2)
    raised.problem, raised.asked = Question(problem, cotangents(problem)), problem
    verdict = Verdict(find_property(ANSWER), "float32", Outcome.ERRORED, "it crashed", error=raised)
    path = save_case(tmp_path, ODD["an exception"], verdict, HERE)
    assert path is not None and load_case(path).about["outcome"] == "errored"
