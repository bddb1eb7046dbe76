"""What is added to pytest: everywhere what delivers verdicts, and where pytest writes its report what gathers them."""

import pytest

from conformance.plugin import delivery
from conformance.plugin.gathering import Gathering
from conformance.plugin.lender import LENDER, Lender


def register_plugins(config: pytest.Config) -> None:
    """Add our hooks. Raises UsageError for an option that is wrong."""
    lender = config.stash[LENDER] = Lender(config)
    config.pluginmanager.register(lender, "lstm_spec_lender")
    config.pluginmanager.register(delivery, "lstm_spec_delivery")
    if not lender.is_worker:
        is_each = config.getoption("dist", default="no") == "each"
        config.pluginmanager.register(Gathering(lender, is_each), "lstm_spec_gathering")
