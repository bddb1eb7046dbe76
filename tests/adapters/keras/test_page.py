"""What docs/your-weights.md shows of Keras is printed, on each backend."""

from pathlib import Path

import keras

from tests.helpers.pages import run_section


def test_what_the_page_shows_is_printed(tmp_path: Path) -> None:
    run_section("your-weights.md", "Keras", tmp_path, changed=("on jax", f"on {keras.backend.backend()}"))
