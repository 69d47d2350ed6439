"""A nats-server with TLS, nkeys and the permissions that `venuebus permissions` prints, and people who log in to it."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nats.errors
import nkeys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nats.aio.client import Client
from venuebus.bus.grants import Role, Scope
from venuebus.bus.permissions import nats_user, permissions

from .bench import NatsServer

HOST = "127.0.0.1"


class Key:
    """An nkey of a user, an account or an operator."""

    def __init__(self, kind: int = nkeys.PREFIX_BYTE_USER) -> None:
        self.seed = nkeys.encode_seed(os.urandom(32), kind).decode()

    @property
    def pair(self) -> nkeys.KeyPair:
        return nkeys.from_seed(bytearray(self.seed.encode()))

    @property
    def public(self) -> str:
        return self.pair.public_key.decode()


class Authority:
    """A certificate authority of one test's own, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._sign(self._name, self._key.public_key(), authority=True))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert_file, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert_file.write_bytes(self._sign(subject, key.public_key(), authority=False))
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        return cert_file, key_file

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))


class User:
    """One entry of the server's ``users``: logs in by its nkey, or by its name and ``password``."""

    def __init__(self, name: str, *roles: Role, prefix: str = "vb", **scope: Any) -> None:
        self.name = name
        self.key = Key()
        self.password = f"pw-of-{name}"
        self.inbox = f"_INBOX_{name}"
        self.granted = permissions(roles, Scope(inbox=self.inbox, **scope), prefix) if roles else None

    def entries(self) -> str:
        login = f"user: {self.name}, password: {self.password}"
        if self.granted is None:
            return f"{{ nkey: {self.key.public} }}\n{{ {login} }}"
        by_key = nats_user(self.granted, self.key.public)
        key = f'nkey: "{self.key.public}"'
        return f"{by_key}\n{by_key.replace(key, login)}"


class Secured(NatsServer):
    """A nats-server that asks who one is. ``clients_prove``: by a certificate, too."""

    def __init__(self, folder: Path, users: list[User], *, clients_prove: bool = False, more: str = "") -> None:
        super().__init__(folder)
        self.users = {user.name: user for user in users}
        self.authority = Authority(folder / "tls")
        self._clients_prove = clients_prove
        self._more = more
        self.jetstream = "enabled"
        self.clients: list[Client] = []

    def write(self) -> None:
        """Write the configuration; after `start`, a SIGHUP makes the server read it."""
        cert, key = self.authority.issue("server")
        users = "\n".join(user.entries() for user in self.users.values())
        (self.folder / "nats.conf").write_text(
            f"tls {{ cert_file: '{cert}', key_file: '{key}', ca_file: '{self.authority.ca}', "
            f"verify: {str(self._clients_prove).lower()} }}\n"
            f"jetstream {{ store_dir: '{self.folder / 'js'}' }}\n{self._more}\n"
            f"accounts {{ VENUEBUS {{ jetstream: {self.jetstream}, users: [\n{users}\n] }} }}\n"
        )

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write()
        self._jetstream = ["-c", str(self.folder / "nats.conf")]
        await super().start()

    @property
    def url(self) -> str:
        return f"tls://{HOST}:{self.port}"

    def options(self, name: str) -> dict[str, Any]:
        """What a client of nats-py logs in with."""
        user = self.users[name]
        return {"servers": [self.url], "tls": self.authority.context(), "nkeys_seed_str": user.key.seed,
                "inbox_prefix": user.inbox if user.granted else "_INBOX"}  # fmt: skip

    def bus(self, name: str, folder: Path) -> dict[str, Any]:
        """The ``[bus]`` table of a bridge that logs in as ``name``."""
        user = self.users[name]
        seed = folder / f"{name}.nk"
        seed.write_text(user.key.seed)
        seed.chmod(0o600)
        tls = {"ca_file": str(self.authority.ca)}
        if self._clients_prove:
            cert, key = self.authority.issue(name)
            tls |= {"cert_file": str(cert), "key_file": str(key)}
        return {"servers": [self.url], "nkey": {"file": str(seed)}, "inbox_prefix": user.inbox, "tls": tls}

    async def login(self, name: str) -> Person:
        """Return ``name`` with a connection."""
        person = Person()
        await person.client.connect(**self.options(name), error_cb=person.told)
        self.clients.append(person.client)
        return person

    async def stop(self) -> None:
        for client in self.clients:
            await client.close()
        self.kill()


class Person:
    """A client of nats-py that remembers what it was denied."""

    def __init__(self) -> None:
        self.client = Client()
        self.denied: list[str] = []

    async def told(self, error: Exception) -> None:
        self.denied.append(str(error))

    async def is_denied(self, attempt: Callable[[Client], Awaitable[Any]]) -> bool:
        """Tell whether the server refused ``attempt``, and not some other way in which it did nothing."""
        before = len(self.denied)
        try:
            await attempt(self.client)
        except (TimeoutError, nats.errors.Error):
            pass
        for _ in range(2):  # what the server says comes before its answer to a ping; nats-py's first may overtake
            await asyncio.sleep(0)
            await self.client.flush(timeout=2)
        return any("permissions violation" in text for text in self.denied[before:])
