"""How large the questions were is what the backend itself saw."""

from dataclasses import replace
from typing import Any

from backends.numpy.backend import BACKEND as NUMPY
from conformance.run.check import check
from lstm_spec import Problem
from tests.helpers.specimens import said

SEEN = ("T", "B", "I", "H", "L", "TB", "BH", "IH", "TBH")


def list_sizes(problem: Problem) -> tuple[int, ...]:
    T, B, I = problem.x.shape
    H, L = problem.layer.g.b.size, len(problem.parameters)
    return T, B, I, H, L, T * B, B * H, I * H, T * B * H


def test_the_largest_sizes_are_those_that_the_backend_was_asked_forward_and_backward_apart() -> None:
    seen: dict[str, list[tuple[int, ...]]] = {"forward": [], "backward": []}

    def note(which: str, function: Any) -> Any:
        def ask(problem: Problem, *more: Any) -> Any:
            seen[which].append(list_sizes(problem))
            return function(problem, *more)

        return ask

    noting = replace(NUMPY, forward=note("forward", NUMPY.forward), gradients=note("backward", NUMPY.gradients))
    report = check(noting, profile="quick", examples=3, clauses=("GRAD-*", "NET-3", "CELL-5"))
    assert report.extents == {
        which: dict(zip(SEEN, map(max, zip(*asked, strict=True)), strict=True)) for which, asked in seen.items()
    }
    assert report.extents["forward"] != report.extents["backward"]


def test_the_largest_sizes_stand_under_the_statement() -> None:
    _, text = said("run", "numpy", "--profile", "quick", "-k", "hidden_state_is_the_last", "--examples", "1")
    assert "\n  largest asked forward: T 1, B 1, I 1, H 1, L 1, T·B 1, B·H 1, I·H 1, T·B·H 1\n" in text
    assert "largest asked backward" not in text
