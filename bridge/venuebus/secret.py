"""Secrets by reference: read when needed, never shown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

_SEEN: set[str] = set()
MIN_REDACTED = 4  # shorter values would turn ordinary log text into stars and protect nothing
MIN_LINE = 16  # of a secret of several lines, a key file for instance


class Secret:
    """A value that hides itself: ``repr``, ``str`` and formatting never show it.

    A secret from a file is read again at every `reveal`, so a rotated credential takes effect at the next
    connection attempt.
    """

    __slots__ = ("_origin", "_path", "_value")

    def __init__(self, value: str = "", *, env: str | None = None, file: Path | None = None) -> None:
        self._value = value
        self._path = file
        self._origin = f"env {env}" if env else f"file {file}" if file else "the configuration"
        if env is not None:
            self._value = os.environ[env]
        remember(self.reveal())

    def reveal(self) -> str:
        """Return the value.

        Raises:
            OSError: the file it comes from cannot be read any more.
        """
        if self._path is None:
            return self._value
        text = self._path.read_text(encoding="utf-8").rstrip("\r\n")
        remember(text)
        return text

    @property
    def file(self) -> Path | None:
        """The file that holds the value, if one does."""
        return self._path

    @property
    def is_inline(self) -> bool:
        """Tell whether the value stands in the configuration itself."""
        return self._origin == "the configuration"

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __repr__(self) -> str:
        return f"<secret from {self._origin}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same now and stay so: one file's content changes, another's or a text does not."""
        return isinstance(other, Secret) and other._path == self._path and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash(self._origin)


def remember(value: str) -> None:
    """Have `redact` hide ``value`` from now on, also as it looks inside a repr, in JSON, in a URL, and line by line."""
    forms = {value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe="")}
    if "\n" in value:
        forms.update(line for line in value.splitlines() if len(line) >= MIN_LINE and not line.startswith("-----"))
    _SEEN.update(form for form in forms if len(form) >= MIN_REDACTED)


def redact(text: str) -> str:
    """Return ``text`` with every known secret replaced by stars."""
    # the longest first: a secret that begins with another one must not keep its tail
    for value in sorted(_SEEN, key=len, reverse=True):
        if value in text:
            text = text.replace(value, "***")
    return text
