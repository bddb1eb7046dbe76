"""What a test of ours asks is read from its name, whatever other plugins make of that."""

import pytest

from conformance.plugin.selected import Asked, parse_node, quote_target

TARGETS = ("numpy", "my_lstm:BACKEND", "my_lstm:BACKEND-2", "my.lstm[0]:münchen")
NAME = "the_cell_is_right"
OTHERS = ("{}", "{}-1-3", "1-3-{}")  # what pytest-repeat adds


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize("file", ["test_properties.py", "../site-packages/conformance/test_properties.py", "a[1]/b.py"])
def test_a_name_says_what_is_asked(target: str, dtype: str, form: str, file: str) -> None:
    asked = Asked(target, dtype, NAME)
    for group in ("", "@slow"):  # what pytest-xdist adds
        node = f"{file}::test_property[{form.format(asked.id)}]{group}"
        assert parse_node(node, TARGETS) == asked and node.isascii()


@pytest.mark.parametrize(
    "node",
    [
        "test_properties.py::test_theirs",
        "test_properties.py::test_property",
        "test_properties.py::test_property[1-2]",
        "test_properties.py::test_property[torch-float32-the_cell_is_right]",
        "test_properties.py::test_property[numpy-float8-the_cell_is_right]",
        "test_properties.py::test_other[numpy-float32-the_cell_is_right]",
    ],
)
def test_a_name_of_somebody_elses_test_says_nothing(node: str) -> None:
    assert parse_node(node, TARGETS) is None


def test_a_target_is_quoted_only_where_pytest_would_change_it() -> None:
    assert quote_target("pkg.my_lstm:BACKEND") == "pkg.my_lstm:BACKEND"
    assert quote_target("münchen") == "m%C3%BCnchen"
