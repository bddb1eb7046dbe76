"""The browser that all tests of pages share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.browsing import open_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened
