"""docs/accuracy.md: the table of free runs has the rows that benchmarks/free_runs.py prints, and its ends hold."""

import re

import pytest

from tests.helpers.environment import TORCH
from tests.helpers.root import ROOT

if not TORCH:
    pytest.skip("TORCH=none", allow_module_level=True)

from benchmarks.free_runs import LOST, SCALES, compare_answers, measure_chaos, measure_kernels

TEXT = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")


def test_the_table_has_the_rows_of_the_script() -> None:
    rows = re.findall(r"^\| (`assert_close`|bounds) \| ([\d.]+) \|", TEXT, re.MULTILINE)
    assert rows == [(name, str(scale)) for scale in SCALES for name in ("`assert_close`", "bounds")]
    assert all(f"a bias of {bias:.0e} lost" in TEXT for bias in LOST)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", SCALES)
def test_the_bounds_refuse_no_right_answer_and_the_large_fault(scale: float, seed: int) -> None:
    (_, right), (_, large), *_ = compare_answers(seed, scale)
    assert (right, large) == (False, True)


def test_the_tolerance_refuses_right_answers_of_large_weights_and_misses_the_small_fault_of_small_ones() -> None:
    assert any(compare_answers(seed, 1.0)[0][0] for seed in range(5))
    assert not all(compare_answers(seed, 0.1)[2][0] for seed in range(5))


def test_chaos_moves_right_runs_apart_that_the_bounds_accept() -> None:
    apart, ratio = measure_chaos(500, 5)
    assert apart > 1 > ratio
    assert measure_kernels(500, 5) > 0.01
