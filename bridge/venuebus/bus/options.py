"""The configuration's ``[bus]`` as nats-py wants it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from ..configuration.config import BusConfig
from ..errors import BusError
from .client import BusClient


def connect_options(bus: BusConfig, embedded_url: str | None) -> dict[str, Any]:
    """Return keyword arguments for ``nats.connect``; passwords and tokens are read at every connection.

    Raises:
        BusError: a TLS file cannot be read.
    """
    servers = [embedded_url] if embedded_url is not None else list(bus.servers)
    options: dict[str, Any] = {"servers": servers}
    if bus.user is not None:
        options["user"] = bus.user
    if bus.password is not None:
        options["password"] = bus.password.reveal
    if bus.token is not None:
        options["token"] = bus.token.reveal
    if bus.credentials is not None:
        options["user_credentials"] = str(bus.credentials)
    if bus.nkey is not None:
        options["nkeys_seed_str"] = bus.nkey.reveal()
    if bus.tls is not None:
        try:
            context = ssl.create_default_context(cafile=str(bus.tls.ca_file) if bus.tls.ca_file else None)
            if bus.tls.cert_file is not None:
                context.load_cert_chain(bus.tls.cert_file, bus.tls.key_file)
        except (OSError, ssl.SSLError) as error:
            raise BusError(f"bus.tls: {error}") from error
        options["tls"] = context
    if bus.inbox_prefix is not None:
        options["inbox_prefix"] = bus.inbox_prefix
    return options


def renewal(bus: BusConfig, options: dict[str, Any]) -> Callable[[BusClient], None]:
    """Return what reads again, before each connection, the parts of a login that nats-py reads once only."""

    def renew(client: BusClient) -> None:
        if bus.nkey is not None:
            client.use_seed(bus.nkey.reveal().strip())
        if bus.tls is not None and bus.tls.cert_file is not None:
            options["tls"].load_cert_chain(bus.tls.cert_file, bus.tls.key_file)

    return renew
