"""TOML tables into frozen structs, with every mistake told at once and every secret kept out of the telling.

msgspec stops at the first mistake; a person who mends a configuration wants them all. So structs, mappings and
lists are walked here key by key, and only the leaves are left to msgspec.
"""

from __future__ import annotations

import difflib
import enum
import os
import re
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import msgspec

from ..guard import call
from ..secret import Secret, redact, remember

REFERENCE = 'a string, { env = "NAME" } or { file = "path" }'
_KEY_FIRST = re.compile(r"([A-Za-z_][\w.-]*): (.+)", re.DOTALL)
_AT = re.compile(r" - at `\$?(.*)`\Z")
_FAILED: Any = object()  # a leaf that could not be read; the mistake is noted already


class TableReader:
    """Reads tables into structs and collects what is wrong with them.

    Args:
        folder: where relative paths and ``{ file = … }`` start from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mistakes: list[tuple[str, str]] = []
        self.files: dict[Path, None] = {}  # those that values were read from, in that order

    def mistake(self, path: str, text: str) -> None:
        """Note that what stands at ``path`` is wrong."""
        self.mistakes.append((path, redact(text)))

    def struct(self, kind: type[Any], table: object, path: str) -> Any | None:
        """Return ``table`` as ``kind``, or ``None`` after noting every mistake in it."""
        if not isinstance(table, Mapping):
            self.mistake(path, f"expected a table, got {_type_name(table)}")
            return None
        before = len(self.mistakes)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag_field = kind.__struct_config__.tag_field
        for key in table:
            if key not in fields and key != tag_field:
                self.mistake(_join(path, key), f"unknown key{did_you_mean(str(key), fields)}")
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in table:
                values[field.name] = self.value(field.type, table[key], _join(path, key))
            elif field.required:
                self.mistake(_join(path, key), f"missing; expected {describe(field.type)}")
        if len(self.mistakes) > before:
            return None
        return self._finish(kind, values, path)

    def value(self, kind: Any, value: object, path: str) -> Any:
        """Return ``value`` as ``kind``; what it returns after a mistake means nothing."""
        options = _options(kind)
        if value is None and types.NoneType in options:
            return None
        reference = is_reference(value)
        structs = [option for option in options if _is_struct(option)]
        if isinstance(value, Mapping) and structs and not reference:
            return self._one_of(structs, value, path)
        if isinstance(value, Mapping) and not reference:
            for option in options:
                if get_origin(option) is dict and len(get_args(option)) == 2:
                    inner = get_args(option)[1]
                    return {str(key): self.value(inner, item, _join(path, str(key))) for key, item in value.items()}
        if isinstance(value, list | tuple):
            for option in options:
                if get_origin(option) in (list, tuple):
                    return self._sequence(option, value, path)
        if structs and all(option is types.NoneType or option in structs for option in options):
            self.mistake(path, f"expected a table, got {_type_name(value)}")
            return _FAILED
        if Secret in options:
            return self._secret(value, path)
        if Path in options:
            return self._path(value, path)
        return self._leaf(kind, options, value, path)

    def _finish(self, kind: type[Any], values: dict[str, Any], path: str) -> Any | None:
        """Build the struct and let it check itself, where it can (`venuebus.VenueConfig.validate`)."""
        try:
            built = kind(**values)
            validate = getattr(built, "validate", None)
            if callable(validate):
                call(kind.__name__, "validate", validate)
        except ValueError as error:
            for text in [str(arg) for arg in error.args] or ["not valid"]:
                match = _KEY_FIRST.match(text)
                self.mistake(_join(path, match[1]) if match else path, match[2] if match else text)
            return None
        except Exception as error:  # noqa: BLE001 - a plugin's own code; its bug must not hide the other mistakes
            self.mistake(path, f"could not be checked: {error}")
            return None
        return built

    def _one_of(self, structs: list[Any], table: Mapping[Any, Any], path: str) -> Any:
        if len(structs) == 1:
            return self.struct(structs[0], table, path)
        tags = {option.__struct_config__.tag: option for option in structs}
        tag_field = structs[0].__struct_config__.tag_field
        chosen = tags.get(table.get(tag_field))
        if chosen is None:
            self.mistake(_join(path, str(tag_field)), f"expected one of {', '.join(map(str, tags))}")
            return _FAILED
        return self.struct(chosen, table, path)

    def _sequence(self, kind: Any, items: Iterable[object], path: str) -> Any:
        args = get_args(kind)
        values = list(items)
        if get_origin(kind) is tuple and not (len(args) == 2 and args[1] is Ellipsis):
            if len(args) != len(values):
                self.mistake(path, f"expected {len(args)} items, got {len(values)}")
                return _FAILED
            inner = list(args)
        else:
            inner = [args[0] if args else Any] * len(values)
        built = [self.value(t, v, f"{path}[{i}]") for i, (t, v) in enumerate(zip(inner, values, strict=True))]
        return tuple(built) if get_origin(kind) is tuple else built

    def _secret(self, value: object, path: str) -> Any:
        if isinstance(value, str):
            return Secret(value)
        if isinstance(value, Secret):
            return value
        if self.resolve(value, path) is _FAILED:
            return _FAILED
        assert isinstance(value, Mapping)
        secret = Secret(file=self.folder / value["file"]) if "file" in value else Secret(env=value["env"])
        if not secret:
            self.mistake(path, f"{secret!r} is empty")
        return secret

    def _path(self, value: object, path: str) -> Any:
        # for a path, { file = … } names the path itself rather than a file that contains it
        text = value["file"] if is_reference(value) and "file" in value else self.resolve(value, path)
        return _FAILED if text is _FAILED else self.folder / Path(text).expanduser()

    def _leaf(self, kind: Any, options: tuple[Any, ...], value: object, path: str) -> Any:
        plain = self.resolve(value, path) if is_reference(value) or str in options else self._deep(value, path)
        if plain is _FAILED:
            return _FAILED
        choices = _choices(options)
        if choices and plain not in choices:
            shown = f", got {plain!r}{did_you_mean(str(plain), choices)}" if plain is value else ""
            self.mistake(path, f"expected one of {', '.join(map(str, choices))}{shown}")
            return _FAILED
        try:
            return msgspec.convert(plain, kind)
        except msgspec.ValidationError as error:
            text = str(error)
            at = _AT.search(text)
            text = _AT.sub("", text).replace("`", "")
            self.mistake(path + (at[1] if at else ""), text[:1].lower() + text[1:])
            return _FAILED

    def _deep(self, value: object, path: str) -> Any:
        """Resolve references inside values whose type says nothing about their inside (``Any``, ``dict``)."""
        if is_reference(value):
            return self.resolve(value, path)
        if isinstance(value, Mapping):
            found: Any = {key: self._deep(item, _join(path, str(key))) for key, item in value.items()}
            return _FAILED if any(item is _FAILED for item in found.values()) else found
        if isinstance(value, list):
            found = [self._deep(item, f"{path}[{i}]") for i, item in enumerate(value)]
            return _FAILED if any(item is _FAILED for item in found) else found
        return value

    def resolve(self, value: object, path: str) -> Any:
        """Return the text that ``value`` stands for, remembered as a secret if it came by reference."""
        if isinstance(value, Mapping):
            if not is_reference(value):
                self.mistake(path, f"expected {REFERENCE}, got a table")
                return _FAILED
            try:
                text = os.environ[value["env"]] if "env" in value else self._read(value["file"])
            except KeyError:
                self.mistake(path, f"environment variable {value['env']} is not set")
                return _FAILED
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                self.mistake(path, f"cannot read {self.folder / value['file']}: {why}")
                return _FAILED
            remember(text)
            return text
        return value if isinstance(value, str) else self._wrong_type(value, path)

    def _wrong_type(self, value: object, path: str) -> Any:
        self.mistake(path, f"expected {REFERENCE}, got {_type_name(value)}")
        return _FAILED

    def _read(self, name: str) -> str:
        self.files[self.folder / name] = None
        return (self.folder / name).read_text(encoding="utf-8").rstrip("\r\n")


def is_reference(value: object) -> TypeGuard[Mapping[str, str]]:
    """Tell whether ``value`` is ``{ env = "NAME" }`` or ``{ file = "path" }``."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    [(key, target)] = value.items()
    return key in ("env", "file") and isinstance(target, str) and target != ""


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """Return "; did you mean …?" with the nearest of ``known``, or "; known: …", or nothing if there are none."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(names))}" if names else ""


def describe(kind: Any) -> str:
    """Name a field's type in words of the configuration file."""
    options = [option for option in _options(kind) if option is not types.NoneType]
    choices = _choices(tuple(options))
    if choices:
        return "one of " + ", ".join(map(str, choices))
    names = {str: REFERENCE, Secret: REFERENCE, Path: "a path", bool: "true or false", int: "an integer",
             float: "a number"}  # fmt: skip
    words = []
    for option in options:
        origin = get_origin(option) or option
        kind_name = "a table" if origin is dict or _is_struct(option) else "a list" if origin in (list, tuple) else None
        words.append(names.get(option) or kind_name or str(getattr(option, "__name__", option)))
    return " or ".join(dict.fromkeys(words))


def _options(kind: Any) -> tuple[Any, ...]:
    """Alternatives of a type, with ``Annotated`` and ``NewType`` taken off."""
    while get_origin(kind) is Annotated or hasattr(kind, "__supertype__"):
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind.__supertype__
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(option for arg in get_args(kind) for option in _options(arg))
    return (kind,)


def _choices(options: tuple[Any, ...]) -> list[Any]:
    found: list[Any] = []
    for option in options:
        if option is types.NoneType:
            continue
        if get_origin(option) is Literal:
            found += get_args(option)
        elif isinstance(option, type) and issubclass(option, enum.Enum):
            found += [member.value for member in option]
        else:
            return []
    return found


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _type_name(value: object) -> str:
    names = {bool: "true/false", int: "an integer", float: "a number", str: "a string", list: "a list", dict: "a table"}
    return names.get(type(value), type(value).__name__)
