"""The three ways to say what was found."""

from __future__ import annotations

from ..venue import Finding


def error(where: str, text: str, fix: str = "") -> Finding:
    """Return what will not work, or is not safe."""
    return Finding(severity="error", where=where, text=text, fix=fix)


def warning(where: str, text: str, fix: str = "") -> Finding:
    """Return what may fail one day."""
    return Finding(severity="warning", where=where, text=text, fix=fix)


def note(where: str, text: str, fix: str = "") -> Finding:
    """Return what is worth knowing."""
    return Finding(severity="note", where=where, text=text, fix=fix)
