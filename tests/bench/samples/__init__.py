"""Messages of every venue and kind, always the same, and the steps that a bridge takes with each."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .sample import NOW, Pipeline, Sample, Step

__all__ = ["MISSING", "NOW", "SAMPLES", "Pipeline", "Sample", "Step"]

VENUES = ("btse", "ctp", "futu", "pingpongx")
MISSING: dict[str, str] = {}
"""Venue → why it has no samples: its plugin is not installed."""


def _found() -> dict[str, Callable[[], Sample]]:
    samples: dict[str, Callable[[], Sample]] = {}
    for venue in VENUES:
        try:
            samples |= importlib.import_module(f"{__name__}.{venue}").SAMPLES
            if venue == "btse":
                samples |= importlib.import_module(f"{__name__}.commands").SAMPLES
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != f"venuebus_{venue}":
                raise
            MISSING[venue] = str(error)
    return samples


SAMPLES = _found()
"""Name → what makes it anew."""
