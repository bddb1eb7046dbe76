"""What may be said of a backend, and of a description that means nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backends.numpy_backend import BACKEND as NUMPY
from conformance import border, checking, targets
from conformance.checking import check
from conformance.faults import FAULTS
from conformance.property import PROPERTIES, Outcome
from conformance.report import FAILED, PASSED, SUITE_ERROR
from lstm_spec import Backend, Description, Feature, from_packed
from lstm_spec.validation import check_backend
from tests import specimens


def test_fewer_examples_than_the_profile_asks_for_are_no_conformance() -> None:
    report = check(NUMPY, profile="standard", examples=1)
    assert report.status == PASSED
    assert report.statement == "no fault found by fewer examples than the profile asks for, so no more is said"


def test_the_suites_own_failure_outranks_what_was_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(context: Any) -> Any:
        raise RuntimeError("a recipe of ours")

    everything = [replace(prop, on=broken) for prop in PROPERTIES]
    monkeypatch.setattr(checking, "PROPERTIES", everything)
    report = check(NUMPY, profile="quick")
    assert report.status == SUITE_ERROR and report.statement.startswith("no statement: the suite itself failed")


def test_gradients_that_are_not_claimed_are_spoken_of() -> None:
    shy = replace(NUMPY, description=replace(NUMPY.description, features=frozenset({Feature.DETERMINISTIC})))
    report = check(shy, profile="quick")
    assert "(forward only: it has gradients, but does not claim them)" in report.statement


def test_gradients_handed_to_from_packed_are_claimed_whatever_the_description_says() -> None:
    backend = from_packed(lambda *a: a, lambda *a: a, description=Description(version="2"))
    assert backend.offers(Feature.GRADIENTS) and backend.description.version == "2"


def test_the_grade_that_would_do_is_named() -> None:
    lenient = specimens.absolute
    unnamed = replace(lenient, description=replace(lenient.description, grades={}))
    report = check(unnamed, profile="quick", dtypes=("float32",))
    assert report.status == FAILED and 'all of it holds at grade "absolute"' in report.cause


def test_a_broken_contract_is_not_put_down_to_the_grade() -> None:
    report = check(FAULTS["answers_differently_each_time"].backend(), profile="quick", name="same_question")
    assert report.status == FAILED and "absolute" not in report.cause


def test_an_exception_on_a_should_is_an_error_and_no_warning() -> None:
    def raises(problem: Any) -> Any:
        raise OSError("no licence")

    report = check(replace(NUMPY, forward=raises), profile="quick", name="floating_point_warning", examples=1)
    assert [v.outcome for v in report.failures] == [Outcome.ERRORED] and not report.warnings


def test_a_backend_that_loses_subnormal_numbers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border, "subnormals_are_kept", lambda: False)
    report = check(NUMPY, profile="quick", name="the_final_hidden_state_is_the_last_output", examples=1)
    (failure,) = report.failures
    assert failure.outcome is Outcome.ERRORED and "do not link it with -ffast-math" in failure.detail


def test_a_target_that_loses_subnormal_numbers_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "subnormals_are_kept", lambda: False)
    with pytest.raises(targets.TargetError, match="switched subnormal numbers off.*-ffast-math"):
        targets.resolve("numpy")


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "a feature that is none": ({"features": {"gradient"}}, "features has 'gradient', expected some of: gradients"),
    "no features": ({"features": None}, "features is None, expected several names"),
    "a dtype that is none": ({"dtypes": ("foat64",)}, "dtypes has 'foat64', expected some of: float64, float32"),
    "a dtype that is a type": ({"dtypes": (np.float32,)}, "dtypes has <class 'numpy.float32'>, expected some of"),
    "a dtype alone": ({"dtypes": "float32"}, "dtypes is 'float32', expected several names"),
    "one grade for all": ({"grades": "absolute"}, "grades is 'absolute', expected one by dtype"),
    "no grades": ({"grades": None}, "grades is None, expected one by dtype"),
    "a grade that is none": ({"grades": {"float32": "exact"}}, "grade 'exact' is not defined at float32"),
    "a grade that is a number": (
        {"grades": {"float32": 3}},
        "the grade at float32 is 3, expected a name or an ErrorModel",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_description_that_means_nothing_is_refused(what: str) -> None:
    changes, sentence = MALFORMED[what]
    backend = replace(NUMPY, description=replace(NUMPY.description, **changes))
    with pytest.raises((TypeError, ValueError)) as refused:
        check_backend(backend)
    assert sentence in str(refused.value)
    with pytest.raises((TypeError, ValueError)):
        check(backend, profile="quick")


def test_no_description_at_all_is_refused() -> None:
    with pytest.raises(TypeError, match="description is a NoneType, expected a Description"):
        check_backend(Backend("x", NUMPY.forward, description=None))  # type: ignore[arg-type]
