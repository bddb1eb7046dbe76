"""Shapes that are large take what they need and no more: what is free is small, and fewer examples are tried."""

import resource
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from conformance.assertions.probes import LARGEST_PROBED, PASSES, plan_blocks
from conformance.assertions.widening_plan import plan_for
from conformance.outcome import Inconclusive, NotClaimed
from conformance.problems.covering import BREADTHS, fit_row, list_network_rows, list_plain_rows
from conformance.problems.network_rows import list_free_rows, list_trainable_rows
from conformance.problems.question import Context
from conformance.problems.recipes import networks, problems
from conformance.problems.sizes import LARGEST, USUAL, count_numbers, find_least_sizes, limit_examples, limit_sizes
from conformance.property import PROPERTIES
from conformance.report.statement import write_statement
from conformance.report.status import FAILED
from lstm_spec import Backend, Feature, Shapes, at_most, multiple_of
from tests.helpers.examples import draw_examples
from tests.helpers.root import ROOT


def only(n: int) -> range:
    return range(n, n + 1)


LARGE = {
    "H": Shapes(H=only(1024)),
    "H and B": Shapes(H=only(1024), B=only(512)),
    "T": Shapes(T=only(10**6)),
    "B": Shapes(B=only(65_536)),
    "I": Shapes(I=only(10**5)),
    "multiples": Shapes(H=multiple_of(512)),
    "steps": Shapes(T=range(10_000, 2**20, 1_000), H=range(64, 513, 64)),
}
BEYOND = {
    "H": (Shapes(H=only(8192)), "T = 1, B = 1, I = 1, H = 8,192"),
    "T": (Shapes(T=only(10**8)), "T = 100,000,000, B = 1, I = 1, H = 1"),
    "two": (Shapes(B=only(65_536), H=range(1024, 2049)), "T = 1, B = 65,536, I = 1, H = 1,024"),
}
ROWS = (list_plain_rows, list_network_rows, list_trainable_rows, list_free_rows)


def restricted(shapes: Shapes) -> Backend:
    return replace(NUMPY, description=replace(NUMPY.description, shapes=shapes))


def context(shapes: Shapes, reach: str = "quick") -> Context:
    return Context(np.dtype("float32"), restricted(shapes).description, reach)


@pytest.mark.parametrize("shapes", LARGE.values(), ids=LARGE)
def test_a_problem_is_as_large_as_its_shapes_make_it_and_no_larger(shapes: Shapes) -> None:
    most = max(USUAL, count_numbers(find_least_sizes(shapes)))
    sizes = {fit_row(row, context(shapes)).sizes for rows in ROWS for row in rows(BREADTHS["quick"])}
    for found in sizes:
        assert all(n in getattr(shapes, k) for k, n in zip("TBIH", found, strict=False))
        assert count_numbers(found) <= most
    assert len(sizes) > 9  # what is free still varies


@pytest.mark.parametrize("reach", ["quick", "standard", "full", "soak"])
def test_without_large_shapes_nothing_is_limited(reach: str) -> None:
    for row in (row for rows in ROWS for row in rows(BREADTHS[reach])):
        assert limit_sizes(row.sizes, Shapes()) == row.sizes
    for letter in "TBIH":
        assert limit_examples(400, Shapes(**{letter: range(128, 1024)})) == 400
    assert limit_examples(10_000, Shapes()) == 10_000


@pytest.mark.parametrize("recipe", [problems(), networks(T=(1, 2))], ids=["plain", "network"])
def test_drawn_problems_are_limited(recipe: Any) -> None:
    shapes = Shapes(H=only(128), B=range(2048, 65_536))
    drawn = draw_examples(recipe, 12, "quick", shapes)
    assert all(count_numbers(p.sizes) <= USUAL and p.sizes[3] == 128 for p in drawn)
    assert any(p.sizes[0] > 1 for p in drawn)


def test_fewer_examples_are_tried_of_what_is_larger() -> None:
    tried = [limit_examples(400, Shapes(H=only(n))) for n in (64, 512, 1024, 2048, 4096)]
    assert tried == sorted(tried, reverse=True) and tried[0] == 400 and tried[-1] == 1
    assert limit_examples(400, LARGE["T"]) == 1


@pytest.mark.parametrize("case", BEYOND.values(), ids=BEYOND)
def test_what_is_too_large_is_a_sentence_and_nothing_is_asked(case: tuple[Shapes, str]) -> None:
    def explode(problem: Any) -> Any:
        raise AssertionError("it was asked")

    shapes, sizes = case
    report = check(replace(restricted(shapes), forward=explode, gradients=None), profile="quick", diagnose=False)
    sentence = f"its shapes make the smallest question {sizes}, which takes "
    assert report.status == FAILED and sentence in report.statement
    assert f"and {LARGEST:,} are judged at most; allow smaller sizes if it can do them" in report.statement
    assert {v.outcome for v in report.verdicts} == {"not claimed"}


def test_the_statement_says_how_few_examples_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.problems.sizes.WORK", 3 * 508)  # as if the smallest problem were large
    report = check(NUMPY, profile="quick", name="a hidden state never leaves")
    assert [v.examples for v in report.verdicts] == [3]
    whole = replace(report.findings, request=replace(report.findings.request, is_whole=True))
    every = [replace(v, property=prop) for v in report.verdicts for prop in PROPERTIES]
    sentence = "; its shapes make every problem large, so at most 3 examples of a property were tried"
    assert sentence in write_statement(replace(whole, verdicts=every))


# ---------------------------------------------------------------- what looks inside


def test_probes_are_asked_in_blocks_that_are_no_larger_than_needed() -> None:
    for H in (8, 512, 1024):
        assert len(plan_blocks(3, 4 * H, at_most(2**20))) == 1
    plan = plan_blocks(3, 4 * 4096, at_most(2**20))
    assert 1 < len(plan) <= PASSES and all(width * 4 * 4096 <= LARGEST_PROBED for _, width in plan)
    assert [k for rows, _ in plan for k in rows] == list(range(4 * 4096))


def test_a_stack_that_would_be_too_wide_is_not_looked_into() -> None:
    shapes = Shapes(H=multiple_of(1024))
    (problem,) = draw_examples(networks(T=1, B=1, I=1, layers=2), 1, "quick", shapes, frozenset({Feature.LAYERS}))
    with pytest.raises(Inconclusive, match="to look inside at H = 1024 takes H = 5120, 482,[0-9,]* weights; at most"):
        plan_for(restricted(shapes), problem, probes=True)


MEASURED = """
import resource
from dataclasses import replace
from backends.numpy.backend import BACKEND
from conformance import check
from lstm_spec import Shapes
shapes = Shapes({sizes})
backend = replace(BACKEND, description=replace(BACKEND.description, shapes=shapes))
for name in ("the answer is that of the equations", "the gate gradients are the derivatives"):
    report = check(backend, profile="quick", name=name, diagnose=False)
    assert report.status == 0, report.statement
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10)
"""


@pytest.mark.soak
@pytest.mark.parametrize("sizes, most", [("H=range(1024, 1025)", 1024), ("B=range(65536, 65537)", 2048)])
def test_a_large_shape_takes_bounded_memory(sizes: str, most: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))

    code = MEASURED.format(sizes=sizes)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600, preexec_fn=limit
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most


def test_shapes_that_leave_nothing_are_not_claimed() -> None:
    with pytest.raises(NotClaimed, match="its shapes leave no T of at least 1"):
        find_least_sizes(Shapes(T=range(1)))
