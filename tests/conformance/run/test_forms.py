"""An answer in the form in which a framework returned it is judged as it is."""

from typing import Any

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import judge
from conformance.problems.build import build_problem
from conformance.problems.form import Form
from tests.helpers.problems import make_problem

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tensors_are_judged_as_they_are_returned(dtype: str) -> None:
    from lstm_spec.adapters.torch.tensors import to_tensor

    problem = build_problem(np.dtype(dtype), Form(), (6, 3, 4, 5), ("dense",) * 6, 0)
    answer = NUMPY.forward(problem)
    y, h, c = (to_tensor(a) for a in (answer.y, *answer.state))
    for given in (y, (y, h, c), (y, (h, c)), [(y, (h, c))]):
        said = judge(problem, given)
        assert said.holds and said.dtype == dtype, str(said)
    assert not judge(problem, (2 * y, (h, c))).holds


REFUSED: dict[str, tuple[Any, str]] = {
    "another shape": (torch.zeros(3, 2, 9), r"y has shape \(3, 2, 9\), expected an array of shape \(4, 2, 5\)"),
    "no numbers": (torch.zeros(4, 2, 5, device="meta"), "y is torch.float32, torch.strided, on meta, expected a dense"),
    "sparse": (torch.zeros(4, 2, 5).to_sparse(), "y is torch.float32, torch.sparse_coo, on cpu, expected a dense"),
    "eight bits": (torch.zeros(4, 2, 5).to(torch.float8_e5m2), "y is torch.float8_e5m2, .* expected a dense tensor"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tensor_that_does_not_fit_is_refused(case: str) -> None:
    answer, sentence = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=sentence):
        judge(make_problem(), answer)
