"""Proving that a delivery is the venue's: over the raw bytes, in constant time, with several keys at once.

Nothing here tells why something was refused: the answer is the same 401 for a wrong key, a stale timestamp and a
missing header, so that a forger learns nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

from ..secret import Secret
from .loading import load_function, load_public_key
from .settings import Custom, HmacSha256, RsaSha256, SharedSecret, StandardWebhooks, Verification, WebhookConfig

Verifier = Callable[[Mapping[str, str], bytes, int], bool]
KEY_TTL = 2.0  # seconds until a secret is read from its file again, so that a rotated one takes effect


class ConfiguredWebhook:
    """The `Webhook` that the configuration describes; the plugin supplies how a body names its message.

    Args:
        config: the venue's table.
        msg_id: returns what names a delivery, or ``None``; must not raise.
    """

    def __init__(self, config: WebhookConfig, msg_id: Callable[[bytes], str | None]) -> None:
        self.msg_id = msg_id
        self.decrypt: Callable[[bytes], bytes] = load_function(config.decrypt) if config.decrypt else _as_it_is
        self.verify: Verifier = verifier(config.verify) if config.verify is not None else _anybody


def verifier(settings: Verification) -> Verifier:
    """Return the function that tells whether headers (names in lower case) and raw bytes are authentic at a time (ns).

    Raises:
        ValueError: a key or a function cannot be loaded.
    """
    match settings:
        case SharedSecret():
            return _SharedSecret(settings)
        case StandardWebhooks():
            return _StandardWebhooks(settings)
        case HmacSha256():
            return _Hmac(settings)
        case RsaSha256():
            return _Rsa(settings)
        case Custom():
            call = load_function(settings.call)
            return lambda headers, raw, now_ns: call(headers, raw, now_ns) is True


class _Keys:
    """The bytes of the secrets, read again from their files now and then."""

    def __init__(self, secrets: tuple[Secret, ...], decode: Callable[[str], bytes] = str.encode) -> None:
        self._secrets = secrets
        self._decode = decode
        self._keys: list[bytes] = []
        self._read_at = float("-inf")

    def __call__(self) -> list[bytes]:
        now = time.monotonic()
        if now - self._read_at >= KEY_TTL:
            try:
                self._keys = [self._decode(secret.reveal()) for secret in self._secrets if secret]
            except OSError:
                if not self._keys:
                    raise
            self._read_at = now
        return self._keys


class _SharedSecret:
    def __init__(self, settings: SharedSecret) -> None:
        self._header = settings.header.lower()
        self._keys = _Keys(settings.secrets)

    def __call__(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
        return _any_equal(_bytes(headers.get(self._header, "")), self._keys())


class _StandardWebhooks:
    def __init__(self, settings: StandardWebhooks) -> None:
        self._id = settings.id_header.lower()
        self._timestamp = settings.timestamp_header.lower()
        self._signature = settings.signature_header.lower()
        self._tolerance_ns = int(settings.tolerance * 1e9)
        self._keys = _Keys(settings.secrets, _standard_key)

    def __call__(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
        stamp = headers.get(self._timestamp, "")
        if not _is_timely(stamp, now_ns, self._tolerance_ns):
            return False
        signed = b".".join((_bytes(headers.get(self._id, "")), stamp.encode(), raw))
        wanted = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in self._keys()]
        given = [part[3:] for part in _bytes(headers.get(self._signature, "")).split(b" ")[:10] if part[:3] == b"v1,"]
        found = False
        for signature in given:
            found |= _any_equal(signature, wanted)
        return found


class _Hmac:
    def __init__(self, settings: HmacSha256) -> None:
        self._header = settings.header.lower()
        self._prefix = settings.prefix.encode()
        self._hex = settings.encoding == "hex"
        self._stamped = _Stamped(settings.timestamp_header, settings.tolerance)
        self._keys = _Keys(settings.secrets)

    def __call__(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
        signed = self._stamped(headers, raw, now_ns)
        given = _bytes(headers.get(self._header, ""))
        if signed is None or not given.startswith(self._prefix):
            return False
        given = given[len(self._prefix) :]
        digests = [hmac.digest(key, signed, hashlib.sha256) for key in self._keys()]
        if self._hex:
            return _any_equal(given.lower(), [digest.hex().encode() for digest in digests])
        return _any_equal(given, [base64.b64encode(digest) for digest in digests])


class _Rsa:
    def __init__(self, settings: RsaSha256) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        self._header = settings.header.lower()
        self._hex = settings.encoding == "hex"
        self._stamped = _Stamped(settings.timestamp_header, settings.tolerance)
        self._keys = [load_public_key(path) for path in settings.public_keys]
        self._hash = hashes.SHA256()
        self._padding: padding.PKCS1v15 | padding.PSS = padding.PKCS1v15()
        if settings.padding == "pss":
            self._padding = padding.PSS(padding.MGF1(self._hash), padding.PSS.AUTO)
        self._invalid = InvalidSignature

    def __call__(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
        signed = self._stamped(headers, raw, now_ns)
        given = headers.get(self._header, "")
        try:
            signature = bytes.fromhex(given) if self._hex else base64.b64decode(given, validate=True)
        except (ValueError, binascii.Error):
            return False
        if signed is None or not signature:
            return False
        return any(self._holds(key, signature, signed) for key in self._keys)  # public keys: no secret to time

    def _holds(self, key: object, signature: bytes, signed: bytes) -> bool:
        try:
            key.verify(signature, signed, self._padding, self._hash)  # type: ignore[attr-defined]
        except self._invalid:
            return False
        return True


class _Stamped:
    """What is signed: the body, or timestamp and body; ``None`` where the timestamp is missing or off."""

    def __init__(self, header: str | None, tolerance: float) -> None:
        self._header = header.lower() if header is not None else None
        self._tolerance_ns = int(tolerance * 1e9)

    def __call__(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bytes | None:
        if self._header is None:
            return raw
        stamp = headers.get(self._header, "")
        return stamp.encode() + b"." + raw if _is_timely(stamp, now_ns, self._tolerance_ns) else None


def _is_timely(stamp: str, now_ns: int, tolerance_ns: int) -> bool:
    if not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 12:
        return False
    return abs(int(stamp) * 1_000_000_000 - now_ns) <= tolerance_ns


def _any_equal(given: bytes, wanted: list[bytes]) -> bool:
    found = False
    for candidate in wanted:  # all of them, whichever fits: the time must not tell which key it was
        found |= hmac.compare_digest(given, candidate)
    return found


def _standard_key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret[6:], validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _as_it_is(raw: bytes) -> bytes:
    return raw


def _anybody(headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
    return True
