"""The colours of the pictures are seen on their paper, and told apart by people who see no red or no green."""

from itertools import combinations

import numpy as np
import pytest

from conformance import palette
from conformance.palette import ALL, FAINT, INK, MEANINGS, PAPER, Colour, write_dark_rules, write_variables
from lstm_spec.types import Array

EYES = {  # Machado, Oliveira & Fernandes 2009, severity 1: what linear RGB is seen as
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array([[0.41246, 0.35758, 0.18044], [0.21267, 0.71515, 0.07218], [0.01933, 0.11919, 0.95030]])  # sRGB, D65
MEANING = [colour for colour in ALL if colour not in (PAPER, FAINT)]
MODES = ("light", "dark")


def read_linear(colour: str) -> Array:
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def find_contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    low, high = sorted(float(TO_XYZ[1] @ read_linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def find_distance(one: str, other: str, eyes: str) -> float:
    """The distance in CIELAB, 1976."""
    labs = []
    for colour in (one, other):
        x, y, z = np.cbrt(
            np.clip(TO_XYZ @ np.clip(EYES[eyes] @ read_linear(colour), 0, 1) / TO_XYZ.sum(axis=1), 0.009, 1)
        )
        labs.append(np.array([116 * y, 500 * (x - y), 200 * (y - z)]))
    return float(np.linalg.norm(labs[0] - labs[1]))


@pytest.mark.parametrize("mode", MODES)
def test_every_colour_is_seen_on_its_paper(mode: str) -> None:
    for colour in MEANING:
        assert find_contrast(getattr(colour, mode), getattr(PAPER, mode)) >= 3.5, colour
    assert find_contrast(getattr(FAINT, mode), getattr(PAPER, mode)) >= 3
    assert find_contrast(getattr(INK, mode), getattr(PAPER, mode)) >= 7


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("mode", MODES)
def test_no_two_meanings_look_alike(mode: str, eyes: str) -> None:
    distances = {
        (one, other): find_distance(getattr(one, mode), getattr(other, mode), eyes)
        for one, other in combinations(MEANING, 2)
    }
    nearest = min(distances, key=lambda pair: distances[pair])
    assert distances[nearest] >= 20, nearest


def test_colours_that_look_alike_would_be_found() -> None:
    red, green = "#d62728", "#2ca02c"  # of matplotlib's default cycle
    assert find_distance(red, green, "all") > 100 and find_distance("#a05a2c", "#5a7d2c", "no red") < 20
    assert find_contrast("#ffffff", "#000000") == pytest.approx(21)


def test_every_colour_has_its_dark_rule() -> None:
    colours = [value for value in vars(palette).values() if isinstance(value, Colour)]
    assert set(colours) == set(ALL) and len({colour.light for colour in ALL}) == len(ALL)
    for colour in ALL:
        for what in ("fill", "stroke"):
            assert f'[style*="{what}: {colour.light}"]{{{what}:{colour.dark}!important}}' in write_dark_rules()


def test_a_page_has_a_variable_for_each_meaning_and_mode() -> None:
    light, dark = write_variables().split("@media")
    for name, colour in MEANINGS.items():
        assert f"--{name}:{colour.light};" in light and f"--{name}:{colour.dark};" in dark
