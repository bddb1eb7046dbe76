"""What looks for rare false alarms at length is marked `soak` and left to `make soak`."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: looks for rare false alarms, and takes long; `make soak` runs it")
    config.option.markexpr = config.option.markexpr or "not soak"
