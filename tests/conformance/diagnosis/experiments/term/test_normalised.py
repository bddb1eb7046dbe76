"""What is normalised by mistake is named, and nothing is where nothing is normalised."""

import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term.asking import Asking
from conformance.diagnosis.experiments.term.normalised import find_normalised
from conformance.targets.border import guard_backend
from tests.planted.edits import CELL, END, HIDDEN, SUM, Edit, textbook

START = "    steps = []\n"
CENTRED = "c = c - c.mean(1)[:, None]"
BLOCKS = "z = np.concatenate([(k - k.mean(1)[:, None]) / k.std(1)[:, None] for k in np.split(z, 4, 1)], 1)"
PLANTED: tuple[tuple[str, Edit], ...] = (
    (
        "c_T has mean 0 and variance 1 over the units",
        (CELL, f"{CELL}; c = (c - c.mean(1)[:, None]) / c.std(1)[:, None]"),
    ),
    ("c_T has length 1 over the units", (CELL, f"{CELL}; c = c / np.linalg.norm(c, axis=1)[:, None]")),
    ("y has mean 0 and variance 1 over the samples", ("y[t] = h", "y[t] = (h - h.mean(0)) / h.std(0, ddof=1)")),
    (
        "x is normalised over its features: nothing",
        (START, f"{START}    x = x / x.std(2)[..., None]\n"),
    ),
    ("x is normalised over the samples", (START, f"{START}    x = x / x.std((0, 1))\n")),
    ("x is normalised as a whole", (START, f"{START}    x = (x - x.mean()) / x.std()\n")),
    ("the sums z are normalised, those of all gates together", (SUM, f"{SUM}; z = z / z.std(1)[:, None]")),
    ("the sums z are normalised, those of each gate by themselves", (SUM, f"{SUM}; {BLOCKS}")),
)


@pytest.mark.parametrize(("words", "edit"), PLANTED)
def test_what_is_normalised_is_named(words: str, edit: Edit) -> None:
    found = find_normalised(Asking(Laboratory(guard_backend(textbook(edit)), "float32", seconds=60)))
    assert found is not None and found.is_certain and words in found.sentence


@pytest.mark.parametrize(
    "edit",
    [
        (CELL, CELL),
        (CELL, "c = np.clip(f * c + i * g, -1, 1)"),
        (HIDDEN, "h = o * np.sign(s)"),
        (SUM, SUM.replace("x[t]", "x[t, :, ::-1]")),
        (SUM, SUM.replace("x[t]", "np.abs(x[t])")),
        (END, "return y, h - h.mean(1)[:, None], c, steps"),
    ],
)
def test_what_is_wrong_in_another_way_is_not_called_normalised(edit: Edit) -> None:
    assert find_normalised(Asking(Laboratory(guard_backend(textbook(edit)), "float32", seconds=60))) is None
