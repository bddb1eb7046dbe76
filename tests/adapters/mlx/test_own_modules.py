"""Modules of people's in MLX: right ones hold, mistaken ones are refuted and named."""

import pytest

from lstm_spec import from_mlx
from tests.helpers.adapted import ANSWER, GRADIENT, OWN, assert_refuted, find_broken, write_module
from tests.helpers.root import ROOT

FILE = ROOT / "tests/adapters/mlx/modules.py"


@pytest.mark.parametrize(("name", "asked"), [("Sequence", OWN), ("Cell", OWN[:-1])])
def test_a_right_module_holds_however_it_is_written(name: str, asked: tuple[str, ...]) -> None:
    implementation = from_mlx(getattr(write_module(FILE), name))
    for each in asked:
        assert find_broken(implementation, name=each, examples=2) == set()


MISTAKES = {  # a property, the class, a part of it, what stands there then, and the known fault that is named, or None
    "forgets tanh": (ANSWER, "Sequence", "mx.sigmoid(o) * mx.tanh(c)", "mx.sigmoid(o) * c", "does_not_squash"),
    "begins anew": (ANSWER, "Sequence", "h, c = state or (", "h, c = (", ""),
    "returns the old c": (ANSWER, "Cell", "mx.tanh(new), new", "mx.tanh(new), c", None),
    "cuts the gradient": (GRADIENT, "Cell", "self.h2h(h)", "self.h2h(mx.stop_gradient(h))", "hidden_state"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_it_is_refuted_and_named(mistake: str) -> None:
    asked, where, old, new, fault = MISTAKES[mistake]
    assert_refuted(from_mlx(getattr(write_module(FILE, where, old, new), where)), asked, fault)


def test_what_takes_no_state_is_told_what_is_missing() -> None:
    with pytest.raises(TypeError, match="NoState cannot be used: it takes x and no state.*write __call__"):
        from_mlx(write_module(FILE).NoState)
