"""That what the Coq files prove is what the judge computes, and that neither can change alone. Needs no Coq."""

import inspect
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conformance import backpropagation, rounding, trajectories
from proof import bridge, gallina
from proof.weakened import WEAKENED, Weakened, file_names

PROOF = Path(__file__).parent.parent / "proof"
FILES = sorted(PROOF.glob("*.v"))
FEW = 4  # cases: at the first of them nearly every change is seen

CHANGES = [
    (trajectories, "_summands", "+ 4", "+ 3"),
    (trajectories, "preactivations", "2 * n * m.eta", "n * m.eta"),
    (trajectories, "preactivations", "+ np.abs(w.b) + dz)", "+ dz)"),
    (rounding, "_nearest_to_zero", "np.abs(z.value) - z.error", "np.abs(z.value)"),
    (rounding, "_activation", "2.0", "1.0"),
    (rounding, "_activation", "2 * m.eta", "m.eta"),
    (rounding, "_activation", "(np.abs(v) + d)", "np.abs(v)"),
    (rounding, "sigmoid_slope", "(1 + e) ** 2", "(1 + e)"),
    (rounding, "with_oracle", "3 *", "2 *"),
    (rounding, "with_oracle", "u_acc=m.u_acc + U64", "u_acc=m.u_acc"),
    (trajectories, "written", " + i.error * g.error", ""),
    (trajectories, "cell_state", "* (1 + m.u)", ""),
    (trajectories, "cell_state", "* INFLATION", ""),
    (trajectories, "hidden_state", "squashed.largest", "np.abs(squashed.value)"),
    (backpropagation, "hidden_cotangent", "+ 3", "+ 2"),
    (backpropagation, "product", "(1 + r)", "1"),
    (backpropagation, "product", "* largest)", ")"),
    (backpropagation, "one_minus", "+ s.error)", ")"),
    (backpropagation, "one_minus_square", "(1 + a + dy)", "(a + dy)"),
    (backpropagation, "cell_cotangent", "4 * m.eta", "3 * m.eta"),
    (backpropagation, "_from_gate_gradients", ", 4, m)", ", 3, m)"),
    (backpropagation, "gate_gradients", "one_minus(now.f, m)), 4", "one_minus(now.f, m)), 3"),
    (backpropagation, "gate_gradients", "6 * m.eta", "5 * m.eta"),
    (backpropagation, "_gathered", "n = T * B + 2", "n = T * B + 1"),
    (backpropagation, "_gathered", "* INFLATION + m.eta", "* INFLATION"),
    (backpropagation, "_dot", "2 * n * m.eta", "n * m.eta"),
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
    assert bridge.compare(cases=20).made == 4361


@pytest.mark.parametrize(("module", "function", "old", "new"), CHANGES, ids=[f"{c[1]}: {c[2]}" for c in CHANGES])
def test_a_formula_changed_in_python_alone_is_seen(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, function: str, old: str, new: str
) -> None:
    monkeypatch.setattr(module, function, changed(module, function, old, new))
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
