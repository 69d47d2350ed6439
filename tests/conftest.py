"""What every test of the core may rely on."""

from __future__ import annotations

import signal

import pytest
from venuebus import secret

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background of a shell ignores Ctrl-C, and so would every program that the tests end with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> None:
    """Values that another test had hidden must not turn this one's texts into stars."""
    secret._SEEN.clear()
