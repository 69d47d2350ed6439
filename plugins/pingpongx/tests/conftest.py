"""The venue's own sample, and messages made like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def sample_bytes() -> bytes:
    """The body of positionExtend as the venue's document shows it, word for word."""
    return (Path(__file__).parent / "position_extend.json").read_bytes()


@pytest.fixture
def sample(sample_bytes: bytes) -> dict[str, Any]:
    """The same, to be changed."""
    return json.loads(sample_bytes)  # type: ignore[no-any-return]
