"""NumPy does the whole LSTM, PyTorch what nn.LSTM can; what that cannot do is refused, never ignored."""

from dataclasses import replace
from functools import cache

import ml_dtypes  # noqa: F401  makes bfloat16 a name
import numpy as np
import pytest

import conformance.properties  # noqa: F401  fills the registry
from backends.numpy.backend import BACKEND as NUMPY
from conformance.outcome import Outcome
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form, form_of
from conformance.property import PROPERTIES, Property
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES, Profile
from conformance.targets.resolve import resolve
from lstm_spec import REFERENCE, Backend, Cotangents, Feature, Problem, State
from lstm_spec.types import each_array

DENSE = ("dense", "dense", "by-width", "dense", "within-1", "dense")
QUICK = PROFILES["quick"]
WIDE = {"float32": PROFILES["standard"], "float64": QUICK}
NARROW = dict.fromkeys(("bfloat16", "float16"), replace(QUICK, beyond_core_examples=9, exhaustive_examples=30))
of_networks = pytest.mark.parametrize("prop", [p for p in PROPERTIES if p.beyond_core], ids=lambda prop: prop.name)


def question(form: Form, dtype: str = "float64", seed: int = 3) -> tuple[Problem, Cotangents]:
    problem = build_problem(np.dtype(dtype), form, (5, 3, 2, 4), DENSE, seed)
    return problem, build_loss(problem, ("dense", "dense", "dense"), seed)


@cache
def torch() -> Backend:
    pytest.importorskip("torch")
    return resolve("torch")


def assert_it_does_what_it_claims(backend: Backend, prop: Property, profiles: dict[str, Profile]) -> None:
    missing = any(feature not in backend.description.features for feature in prop.features)
    for dtype in prop.at or profiles:
        verdict = judge_property(prop, backend, dtype, profiles[dtype], 5)
        assert verdict.outcome is (Outcome.NOT_CLAIMED if missing else Outcome.HOLDS), verdict.detail


@of_networks
def test_numpy_does_everything(prop: Property) -> None:
    """At float32 and float64 the rows of quick are asked in test_backends.py, those of standard by make soak."""
    assert NUMPY.description.features == set(Feature)
    assert_it_does_what_it_claims(NUMPY, prop, NARROW if prop.exhaustive and not prop.at else WIDE | NARROW)


@of_networks
def test_torch_does_what_it_claims(prop: Property) -> None:
    assert_it_does_what_it_claims(
        torch(), prop, dict.fromkeys(WIDE, QUICK) | NARROW if prop.exhaustive else WIDE | NARROW
    )


@pytest.mark.soak
@of_networks
@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_it_does_so_with_the_examples_of_standard_at_every_dtype(name: str, prop: Property) -> None:
    backend = torch() if name == "torch" else NUMPY
    assert_it_does_what_it_claims(backend, prop, dict.fromkeys((*WIDE, *NARROW), PROFILES["standard"]))


REFUSED = (
    (Form(directions=REVERSE), "directions is ('reverse',), expected forward or both; reverse x within its lengths"),
    (Form(projection="full"), "P = 4 = H, expected fewer projected than cells; torch.nn.LSTM has no other"),
    (Form(lengths="zeros"), "lengths has 0, expected at least 1; leave empty sequences out of the batch"),
    (Form(clip=0.75), "the variant is Variant(kind='standard', clip=0.75), expected Variant("),
    *((Form(kind=k), f"the variant is Variant(kind='{k}'") for k in ("peephole", "coupled", "no forget gate")),
    (Form(kind="1997 simplified"), "the variant is Variant(kind='1997 simplified', clip=None), expected Variant("),
)


@pytest.mark.parametrize("form, sentence", REFUSED, ids=[sentence[:40] for _, sentence in REFUSED])
def test_torch_refuses_what_it_cannot_do(form: Form, sentence: str) -> None:
    problem, d = question(form)
    for ask in (lambda: torch().forward(problem), lambda: torch().differentiate(problem, d)):
        with pytest.raises(ValueError) as refused:
            ask()
        assert str(refused.value).startswith(sentence)


def test_torch_claims_what_it_does() -> None:
    claimed = {Feature.LENGTHS, Feature.BIDIRECTIONAL, Feature.LAYERS, Feature.PROJECTION}
    assert torch().description.features == claimed | {Feature.GRADIENTS, Feature.DETERMINISTIC}
    assert NUMPY.description.features == set(Feature) == REFERENCE.description.features


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_float32_inside(dtype: str) -> None:
    problem, d = question(Form(2, BOTH, "peephole", "narrow", 0.75, "any"), dtype)

    def wide(a: np.ndarray) -> np.ndarray:
        return a.astype(np.float32)

    rows = tuple(tuple(each_array(wide, p) for p in row) for row in problem.parameters)
    wider = replace(problem, parameters=rows, x=wide(problem.x), state=State(*map(wide, problem.state)))
    answer, found = NUMPY.differentiate(problem, d)
    expected, wanted = NUMPY.differentiate(wider, Cotangents(wide(d.y), State(*map(wide, d.state))))
    assert np.array_equal(answer.y, expected.y.astype(problem.dtype)) and answer.y.dtype == problem.dtype
    assert np.array_equal(found.x, wanted.x.astype(problem.dtype))
    assert np.array_equal(found.parameters[1][1].R, wanted.parameters[1][1].R.astype(problem.dtype))
    assert np.array_equal(NUMPY.forward(problem).y, answer.y)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_nan_beyond_a_length_reaches_nothing(backend: str) -> None:
    asked = torch() if backend == "torch" else NUMPY
    problem, d = question(Form(2, BOTH, lengths="any"), "float32")
    assert problem.lengths is not None
    beyond = np.arange(5)[:, None] >= problem.lengths
    x, dy = problem.x.copy(), d.y.copy()
    x[beyond], dy[beyond] = np.nan, np.nan
    (answer, found), (clean, wanted) = (
        asked.differentiate(p, e) for p, e in ((replace(problem, x=x), replace(d, y=dy)), (problem, d))
    )
    assert np.array_equal(answer.y, clean.y) and not answer.y[beyond].any()
    assert np.array_equal(found.x, wanted.x) and not found.x[beyond].any()
    assert np.array_equal(found.parameters[0][1].g.W, wanted.parameters[0][1].g.W)


def test_a_form_is_told_from_its_problem() -> None:
    for form in (Form(), Form(3, BOTH, "coupled", "narrow", 3.0, "any"), Form(1, FORWARD, projection="full")):
        assert form_of(question(form)[0]) == form
