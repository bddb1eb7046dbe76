"""That what the Coq files prove is what the judge computes, and that neither can change alone. Needs no Coq."""

import inspect
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conformance.tolerance import cell, cell_backward, functions, layer, layer_backward, rounding
from proof import bridge, gallina
from proof.weakened import WEAKENED, Weakened, file_names
from tests.helpers.root import ROOT

PROOF = ROOT / "proof"
FILES = sorted(PROOF.glob("*.v"))
FEW = 4  # cases: at the first of them nearly every change is seen

CHANGES = [
    (layer, "count_summands", "+ 4", "+ 3"),
    (layer, "receive_input", "2 * n * m.eta", "n * m.eta"),
    (cell, "receive_input", "wx.parts + size", "wx.parts"),
    (cell, "add_recurrent", "+ uh.parts + dz)", "+ dz)"),
    (rounding, "_nearest_to_zero", "np.abs(z.value) - z.error", "np.abs(z.value)"),
    (rounding, "_activation", "2.0", "1.0"),
    (rounding, "_sigmoid_errors", "2 * m.eta", "m.eta"),
    (rounding, "_activation", "(np.abs(v) + d)", "np.abs(v)"),
    (rounding, "sigmoid_slope", "(1 + e) ** 2", "(1 + e)"),
    (rounding, "with_oracle", "3 *", "2 *"),
    (rounding, "with_oracle", "u_acc=m.u_acc + U64", "u_acc=m.u_acc"),
    (layer, "multiply_gate", " + i.error * g.error", ""),
    (layer, "multiplied_cell_state", "* (1 + m.u)", ""),
    (layer, "multiplied_cell_state", "* INFLATION", ""),
    (layer, "hidden_state", "squashed.largest", "np.abs(squashed.value)"),
    (layer_backward, "hidden_cotangent", "+ 2", "+ 1"),
    (layer_backward, "product", "(1 + r)", "1"),
    (layer_backward, "product", "* growth)", ")"),
    (functions, "one_minus", "+ s.error)", ")"),
    (functions, "one_minus_square", "(1 + a + dy)", "(a + dy)"),
    (layer_backward, "add_up", "2 * len(parts) * m.eta", "3 * m.eta"),
    (cell_backward, "multiply_each", ", 4, m)", ", 3, m)"),
    (layer_backward, "find_slopes", "*gate.slope(f, f, m)", "f"),
    (cell_backward, "leave_margin", "6 * m.eta", "5 * m.eta"),
    (layer_backward, "round_sum", "s.terms + 2", "s.terms + 1"),
    (layer_backward, "round_sum", "2 * n * m.eta", "n * m.eta"),
    (layer_backward, "_gather", "* INFLATION + m.eta", "* INFLATION"),
]


def changed(module: ModuleType, function: str, old: str, new: str) -> Any:
    """The function, compiled anew from a source in which one thing is different."""
    source = inspect.getsource(getattr(module, function))
    assert old in source, f"{function} no longer holds {old!r}"
    names = dict(vars(inspect.getmodule(getattr(module, function)) or module))
    exec(source.replace(old, new), names)
    return names[function]


def copied(folder: Path, weakened: Weakened) -> Path:
    """A copy of the Coq files with one formula changed."""
    for file in FILES:
        shutil.copy(file, folder)
    (folder / f"{weakened.file}.v").write_text(weakened.text())
    return folder


def test_the_proved_formulas_are_the_computed_ones() -> None:
    assert bridge.compare(cases=20).made == 4311


@pytest.mark.parametrize(("module", "function", "old", "new"), CHANGES, ids=[f"{c[1]}: {c[2]}" for c in CHANGES])
def test_a_formula_changed_in_python_alone_is_seen(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, function: str, old: str, new: str
) -> None:
    monkeypatch.setattr(module, function, changed(module, function, old, new))
    monkeypatch.setattr(rounding, "list_rates", rounding.list_rates.__wrapped__)  # nothing is kept from before
    with pytest.raises(bridge.Differ, match="the Coq text gives"):
        bridge.compare(cases=FEW)


@pytest.mark.parametrize("weakened", WEAKENED, ids=[w.what for w in WEAKENED])
def test_a_formula_changed_in_coq_alone_is_seen(tmp_path: Path, weakened: Weakened) -> None:
    with pytest.raises(bridge.Differ, match="the Coq text gives"):
        bridge.compare(copied(tmp_path, weakened), cases=FEW)


def test_a_definition_that_is_gone_is_missed(tmp_path: Path) -> None:
    gone = Weakened("renamed", "CellStep", "Definition cell_error ", "Definition cell_bound ")
    with pytest.raises(gallina.NotUnderstood, match="there is no definition of cell_error"):
        bridge.compare(copied(tmp_path, gone), cases=1)


def test_what_is_not_a_formula_is_not_translated(tmp_path: Path) -> None:
    odd = Weakened("odd", "CellStep", "do * (Rabs tau + dt) + o * dt.", "do * (Rabs tau ? dt) + o * dt.")
    with pytest.raises(gallina.NotUnderstood, match="not an expression of numbers and lists"):
        bridge.compare(copied(tmp_path, odd), cases=1)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_assumed(file: Path) -> None:
    assumed = r"\b(Admitted|admit|Axioms?|Parameters?|Conjecture|Abort)\b"
    assert not re.findall(assumed, file.read_text())


def test_every_file_is_compiled_and_described() -> None:
    assert sorted(file_names()) == [file.stem for file in FILES]
    readme = (PROOF / "README.md").read_text()
    assert [file.name for file in FILES if f"`{file.name}`" not in readme] == []
