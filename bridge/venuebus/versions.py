"""Which venuebus a plugin needs whose hooks ask for what this one does not hand over."""

from __future__ import annotations

import inspect
import re
from importlib import metadata

from . import hookspecs
from .hookspecs import PROJECT

_CORE = re.compile(rf"{PROJECT}(?![\w-])")
_LEAST = re.compile(r">=\s*([0-9][\w.]*)")


def too_new(plugin: object, distribution: str, error: Exception) -> str:
    """Return one sentence about a plugin whose hooks do not fit, such as ``needs venuebus >= 0.3: …``.

    The version is the one that its distribution requires, where that is not the one that runs.
    """
    own = metadata.version(PROJECT)
    least = _LEAST.search(_required(distribution))
    needs = f">= {least[1]}" if least is not None and least[1] != own else f"> {own}"
    strange = []
    for name, spec in vars(hookspecs).items():
        function = getattr(plugin, name, None)
        if name.startswith(f"{PROJECT}_") and inspect.isroutine(function):
            known = inspect.signature(spec).parameters
            strange += [f"{name}({asked})" for asked in inspect.signature(function).parameters if asked not in known]
    if strange:
        return f"needs venuebus {needs}: {own} does not hand over {', '.join(strange)}"
    return f"needs venuebus {needs}: {' '.join(str(error).split())}"


def _required(distribution: str) -> str:
    """Return what the distribution says of venuebus itself, not of its plugins."""
    try:
        required = metadata.requires(distribution) if distribution else None
    except metadata.PackageNotFoundError:
        return ""
    return next((one for one in required or () if _CORE.match(one)), "")
