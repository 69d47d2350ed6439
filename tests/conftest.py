"""What every test of the core may rely on."""

from __future__ import annotations

import pytest
from venuebus import secret


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> None:
    """Values that another test had hidden must not turn this one's texts into stars."""
    secret._SEEN.clear()
