"""What the tests may use on this machine."""

import os

# `make test TORCH=none` does without torch; otherwise its absence is a failure
TORCH = os.environ.get("LSTM_SPEC_TORCH", "") != "none"
