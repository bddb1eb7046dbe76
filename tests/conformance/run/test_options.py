"""An option that makes no sense is refused in Python with the sentence of the command line, and never ignored."""

from typing import Any

import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance import check
from conformance.property import PROPERTIES
from conformance.report.status import NOTHING
from conformance.run.options import OptionError, Options
from conformance.run.selection import explain_no_match, select_properties
from tests.helpers.messages import WRONG_OPTION
from tests.helpers.specimens import said

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a clause": ({"clauses": ("CELL-99",)}, "no clause matches 'CELL-99', did you mean 'CELL-6'?; see lstm"),
    "a glob": ({"clauses": ["CELL-*", "NOPE-*"]}, "no clause matches 'NOPE-*'; see lstm-conform list clauses"),
    "one text": ({"clauses": "CELL-*"}, "clauses is 'CELL-*', expected several; put them into a tuple: ('CELL-*',)"),
    "one dtype": ({"dtypes": "float32"}, "dtypes is 'float32', expected several; put them into a tuple: ('float32',)"),
    "no clauses": ({"clauses": None}, "clauses is None, expected several; put them into a tuple"),
    "a dtype": ({"dtypes": ("float8",)}, "dtypes has 'float8', expected one of float64, float32, float16, bfloat16"),
    "a type": ({"dtypes": (float,)}, "dtypes has <class 'float'>, expected only str; write it in quotes"),
    "a profile": ({"profile": "quik"}, "expected one of quick, standard, full, soak, did you mean 'quick'?"),
    "a list": ({"profile": ["quick"]}, "profile is ['quick'], expected a str; write it in quotes"),
    "a grade": ({"grade": "perfect"}, "grade is 'perfect', expected one of relative, absolute, op-by-op, wide; choose"),
    "required": ({"required": ("speed",)}, "'speed' is no clause, feature or dtype; features are gradients"),
    "no examples": ({"examples": 0}, "examples is 0, expected a whole number of at least 1"),
    "a part": ({"examples": 2.5}, "examples is 2.5, expected a whole number of at least 1"),
    "yes": ({"examples": True}, "examples is True, expected a whole number of at least 1"),
    "a seed": ({"run_seed": -1}, "run_seed is -1, expected a whole number of at least 0"),
    "no seed": ({"run_seed": None}, "run_seed is None, expected a whole number of at least 0"),
    "no failure": ({"maxfail": 0}, "maxfail is 0, expected a whole number of at least 1"),
    "no time": ({"budget": 0}, "budget is 0 s, expected more than 0"),
    "a text": ({"budget": "5"}, "budget is '5', expected a number of seconds; choose e.g. 5"),
    "a truth": ({"budget": True}, "budget is True, expected a number of seconds; choose e.g. 5"),
    "no name": ({"name": None}, "name is None, expected a str; write it in quotes"),
    "a switch": ({"strict": "no"}, "strict is 'no', expected True or False"),
    "a file": ({"deviations": "x.toml"}, "deviations is 'x.toml', expected several; conformance.report.deviations"),
    "files": ({"deviations": ("x.toml",)}, "deviations has 'x.toml', expected only Deviation; conformance.report."),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_an_option_that_makes_no_sense_is_refused(case: tuple[dict[str, Any], str]) -> None:
    options, sentence = case
    with pytest.raises(OptionError) as refused:
        check(NUMPY, **options)
    assert sentence in str(refused.value) and "\n" not in str(refused.value)
    assert refused.value.option in options


@pytest.mark.parametrize(
    "name, hint", [("profil", ", did you mean 'profile'?"), ("seed", ", did you mean 'run_seed'?"), ("k", "")]
)
def test_an_option_that_does_not_exist_is_refused(name: str, hint: str) -> None:
    with pytest.raises(TypeError) as refused:
        check(NUMPY, **{name: 1})  # type: ignore[arg-type]
    assert str(refused.value).startswith(f"there is no option {name!r}{hint}; they are profile, dtypes, clauses, name,")


def test_several_may_be_a_list_and_clauses_may_be_written_small() -> None:
    options = Options(clauses=["cell-1"], dtypes=["float32"])  # type: ignore[arg-type]
    assert (options.clauses, options.dtypes) == (("CELL-1",), ("float32",))


# ---------------------------------------------------------------- the words that the table shows


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_a_property_is_selected_by_its_sentence(prop: Any) -> None:
    expected = select_properties(name=prop.name)
    assert prop in expected
    for written in (prop.sentence, prop.sentence.capitalize(), prop.sentence.replace(" ", "\n  ", 2), f" {prop.name} "):
        assert select_properties(name=written) == expected


def test_a_name_that_no_property_has_is_said_with_those_that_are_like_it() -> None:
    assert explain_no_match("the answer is that of equations") == (
        "no property has 'the answer is that of equations' in its name, did you mean "
        "'the_answer_is_that_of_the_equations'?; see lstm-conform list properties"
    )
    assert explain_no_match("zzz") == "no property has 'zzz' in its name; see lstm-conform list properties"
    assert explain_no_match("equations") == explain_no_match("") == ""


def test_nothing_is_judged_by_a_name_that_no_property_has() -> None:
    report = check(NUMPY, name="the gradient of an input is what it gates receive")
    assert report.status == NOTHING
    assert "nothing to test: no property has 'the gradient of an input is what it gates receive'" in report.statement
    assert "'the_gradient_of_an_input_is_what_its_gates_receive'?" in report.statement


def test_the_command_line_names_its_own_option() -> None:
    status, text = said("run", "numpy", "--clause", "CELL-99")
    assert status == WRONG_OPTION
    assert "Invalid value for --clause: no clause matches 'CELL-99', did you mean 'CELL-6'?" in text
