"""What lies on the disk and who may read it: secrets, keys, spool, store; and who may reach the HTTP side."""

from __future__ import annotations

import ipaddress
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ..bus.embedded import default_store_dir
from ..configuration.config import BridgeConfig, BusConfig, listen_address
from ..secret import Secret
from ..venue import Finding
from .finding import error, note, warning

LITTLE = 100 * 1024 * 1024  # bytes of free disk below which nothing good comes


async def examine_files(config: BridgeConfig) -> list[Finding]:
    """Return the findings about files, folders and the HTTP address."""
    return [*_secrets(config), *_folders(config.bus), *_http(config)]


# --- secrets --------------------------------------------------------------------------------------------------


def _secrets(config: BridgeConfig) -> Iterable[Finding]:
    inline = False
    for path, value in _values(config, ""):
        if isinstance(value, Secret):
            inline = inline or value.is_inline
            if value.file is not None:
                yield from _mode(path, value.file)
        elif path.endswith((".credentials", ".key_file")) and isinstance(value, Path):
            yield from _mode(path, value)
    source = Path(config.source)
    if inline and source.is_file():
        yield from _mode("the configuration, which holds secrets,", source)


def _values(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every value of the configuration with its key."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _values(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _values(inner, f"{path}[{number}]")
    else:
        yield path, value


def _mode(where: str, file: Path) -> Iterable[Finding]:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as wrong:
        yield error(where, f"{file}: {wrong.strerror}", "put the file there")
        return
    fix = f"chmod 600 {file}"
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        yield error(where, f"{file} is open to every user here ({mode:04o})", fix)
    elif mode & stat.S_IWGRP:
        yield warning(where, f"{file} may be changed by its group ({mode:04o})", fix)


# --- folders --------------------------------------------------------------------------------------------------


def spool_dir(bus: BusConfig) -> Path:
    """Return where a bridge keeps events while NATS is away."""
    if bus.spool_dir is not None:
        return bus.spool_dir
    return bus.store_dir / "spool" if bus.store_dir is not None else default_store_dir().parent / "spool"


def _folders(bus: BusConfig) -> Iterable[Finding]:
    folder = spool_dir(bus)
    yield from _folder("bus.spool_dir", folder, bus.spool_max_bytes, "bus.spool_max_bytes")
    waiting = [file for file in folder.glob("*.spool") if file.stat().st_size] if folder.is_dir() else []
    for file in waiting:
        size = file.stat().st_size
        yield note(
            "bus.spool_dir",
            f"{file} holds {size} bytes of events that are not on the bus yet",
            "the bridge that owns the account puts them there",
        )
    if bus.embedded:
        yield from _folder("bus.store_dir", bus.store_dir or default_store_dir(), bus.max_store, "bus.max_store")


def _folder(where: str, folder: Path, wanted: int, key: str) -> Iterable[Finding]:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent  # the bridge makes what is missing
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield error(
            where,
            f"{folder} cannot be written",
            f"give this user the right to write in {place}, or name another folder",
        )
        return
    free = shutil.disk_usage(place).free
    if free < wanted:
        say = error if free < LITTLE else warning
        yield say(where, f"{place} has {free} bytes free, and {key} allows {wanted}", f"make room, or lower {key}")


# --- HTTP -----------------------------------------------------------------------------------------------------


def _http(config: BridgeConfig) -> Iterable[Finding]:
    address = listen_address(config.http.listen)
    if address is None:
        yield note("http.listen", "probes and metrics are off", 'set listen = "127.0.0.1:8321"')
    elif not _is_loopback(address[0]):
        yield warning(
            "http.listen",
            f"{config.http.listen} is reachable from other machines, without TLS and without a login",
            "listen on loopback behind a proxy that speaks TLS, or let a firewall or NetworkPolicy decide who comes",
        )
    for network in config.http.trusted_proxies:
        if ipaddress.ip_network(network).prefixlen == 0:
            yield error(
                "http.trusted_proxies",
                f"{network} lets everybody claim any address",
                "name the addresses of your proxies only",
            )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
