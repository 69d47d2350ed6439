"""The configuration of a venue that calls us: how its deliveries are proved, and who may make them."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ..secret import Secret
from ..venue import VenueConfig
from .loading import load_function, load_public_key

MAX_BODY = 900_000  # NATS takes 1 MiB with headers and subject
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class SharedSecret(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="shared_secret"
):
    """``method = "shared_secret"``: the header holds one of ``secrets``. Only behind TLS: it does not bind the body."""

    secrets: tuple[Secret, ...]
    header: str = "x-webhook-secret"

    def validate(self) -> None:
        """Refuse what could let anybody in."""
        _refuse(*_secrets(self.secrets), *_header("header", self.header))


class StandardWebhooks(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="standard_webhooks"
):
    """``method = "standard_webhooks"``: HMAC-SHA256 over ``id.timestamp.body`` as standardwebhooks.com has it.

    A secret that starts with ``whsec_`` is base64 after that; any other one is taken as it is.
    """

    secrets: tuple[Secret, ...]
    tolerance: Seconds = 300.0
    id_header: str = "webhook-id"
    timestamp_header: str = "webhook-timestamp"
    signature_header: str = "webhook-signature"

    def validate(self) -> None:
        """Refuse what could let anybody in."""
        _refuse(
            *_secrets(self.secrets), *_header("id_header", self.id_header),
            *_header("timestamp_header", self.timestamp_header), *_header("signature_header", self.signature_header),
        )  # fmt: skip


class HmacSha256(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="hmac_sha256"
):
    """``method = "hmac_sha256"``: the header holds ``prefix`` and the HMAC of the raw body.

    With ``timestamp_header`` the HMAC is over ``<timestamp>.<body>`` (seconds since the epoch, within ``tolerance``).
    """

    secrets: tuple[Secret, ...]
    header: str = "x-signature"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: str | None = None
    tolerance: Seconds = 300.0

    def validate(self) -> None:
        """Refuse what could let anybody in."""
        _refuse(
            *_secrets(self.secrets),
            *_header("header", self.header),
            *_header("timestamp_header", self.timestamp_header),
        )


class RsaSha256(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="rsa_sha256"
):
    """``method = "rsa_sha256"``: the header holds an RSA signature of the raw body, made with the venue's private key.

    ``public_keys`` are PEM files; more than one while the venue changes its key. ``timestamp_header`` as for HMAC.
    Needs the library ``cryptography`` (``pip install 'venuebus[rsa]'``).
    """

    public_keys: tuple[Path, ...]
    header: str = "x-signature"
    padding: Literal["pkcs1v15", "pss"] = "pkcs1v15"
    encoding: Literal["base64", "hex"] = "base64"
    timestamp_header: str | None = None
    tolerance: Seconds = 300.0

    def validate(self) -> None:
        """Load every key."""
        mistakes = [*_header("header", self.header), *_header("timestamp_header", self.timestamp_header)]
        if not self.public_keys:
            mistakes.append("public_keys: expected at least one PEM file")
        for path in self.public_keys:
            try:
                load_public_key(path)
            except ValueError as error:
                mistakes.append(f"public_keys: {error}")
        _refuse(*mistakes)


class Custom(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="custom"):
    """``method = "custom"``: a function of your own, ``call = "package.module:function"``.

    It is called with the headers (names in lower case), the raw body and the time in nanoseconds, and returns whether
    the delivery is authentic. It runs in the event loop, so it must be quick.
    """

    call: str

    def validate(self) -> None:
        """Load the function."""
        try:
            load_function(self.call)
        except ValueError as error:
            raise ValueError(f"call: {error}") from error


Verification = SharedSecret | StandardWebhooks | HmacSha256 | RsaSha256 | Custom


class WebhookConfig(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The keys of a venue that calls us; its plugin's ``config_type`` inherits from this.

    ``verify`` is one of the methods of `Verification`. ``decrypt`` names a function from raw to plain bytes for a venue
    that encrypts its bodies. ``allow_from`` are the networks that may deliver (everybody, if empty); ``max_rate`` is
    deliveries per second and peer, with a burst of twice that.
    """

    verify: Verification | None = None
    insecure_unverified: bool = False
    decrypt: str | None = None
    allow_from: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ("application/json",)
    max_rate: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 1000.0
    max_body: Annotated[int, msgspec.Meta(ge=1, le=MAX_BODY)] = 256 * 1024
    read_timeout: Annotated[float, msgspec.Meta(gt=0, le=25)] = 4.0

    def validate(self) -> None:
        """Refuse a door without a lock, unless it is asked for in so many words."""
        mistakes = []
        if self.verify is None and not self.insecure_unverified:
            mistakes.append(
                "verify: missing; without it anybody could send us deliveries, so name a method such as "
                '{ method = "standard_webhooks", secrets = [{ env = "NAME" }] } (for tests: insecure_unverified = true)'
            )
        if self.verify is not None and self.insecure_unverified:
            mistakes.append("insecure_unverified: contradicts verify; remove one of the two")
        for network in self.allow_from:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                mistakes.append(f"allow_from: {error}")
        if self.decrypt is not None:
            try:
                load_function(self.decrypt)
            except ValueError as error:
                mistakes.append(f"decrypt: {error}")
        _refuse(*mistakes)


def _secrets(secrets: tuple[Secret, ...]) -> list[str]:
    if not secrets:
        return ["secrets: expected at least one"]
    return ["secrets: one of them is empty"] if not all(secrets) else []


def _header(key: str, name: str | None) -> list[str]:
    return [f"{key}: not the name of a header"] if name is not None and not TOKEN.match(name) else []


def _refuse(*mistakes: str) -> None:
    if mistakes:
        raise ValueError(*mistakes)
