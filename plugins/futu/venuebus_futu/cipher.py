"""OpenD's encryption: RSA for the first exchange, AES-128 with the key it brings for everything after.

The same RSA key file is used on both sides: the public half encrypts, the private half decrypts, both ways.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher as AesCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key

NONE = -1
FTAES_ECB = 0
AES_CBC = 2
BLOCK = 16


class Undecryptable(ValueError):
    """The bytes are no ciphertext of this cipher."""


class Cipher(Protocol):
    """Encrypts and decrypts one body at a time; frames are independent of each other."""

    def encrypt(self, body: bytes) -> bytes:
        """Return the body as it goes over the wire."""

    def decrypt(self, wire: bytes) -> bytes:
        """Return the plain body.

        Raises:
            Undecryptable: ``wire`` does not have the cipher's form.
        """


class Rsa:
    """PKCS#1 v1.5 in pieces: 100 bytes of text per 128 of a 1024-bit key, and as much as fits of longer ones.

    Raises:
        ValueError: ``pem`` is no RSA private key without a password.
    """

    def __init__(self, pem: str) -> None:
        key = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("an RSA private key expected")
        self._private = key
        self._public = key.public_key()
        self._block = key.key_size // 8
        # OpenD and the SDK cut at 100 bytes with 1024-bit keys, although 117 would fit.
        self._piece = 100 if self._block == 128 else self._block - 11

    def encrypt(self, body: bytes) -> bytes:
        """Return the body, piece by piece."""
        return b"".join(
            self._public.encrypt(body[i : i + self._piece], padding.PKCS1v15())
            for i in range(0, len(body), self._piece)
        )

    def decrypt(self, wire: bytes) -> bytes:
        """Return the plain body, block by block."""
        if not wire or len(wire) % self._block:
            raise Undecryptable(f"{len(wire)} bytes are not whole blocks of {self._block}")
        try:
            return b"".join(
                self._private.decrypt(wire[i : i + self._block], padding.PKCS1v15())
                for i in range(0, len(wire), self._block)
            )
        except ValueError as error:
            raise Undecryptable("not encrypted with this RSA key") from error


class AesCbc:
    """AES-CBC with PKCS#7; the same IV starts every frame."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._cipher = AesCipher(algorithms.AES(key), modes.CBC(iv))
        self._padding = PKCS7(BLOCK * 8)

    def encrypt(self, body: bytes) -> bytes:
        """Return the padded body, encrypted."""
        padder = self._padding.padder()
        encryptor = self._cipher.encryptor()
        return encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize()

    def decrypt(self, wire: bytes) -> bytes:
        """Return the body without its padding."""
        if not wire or len(wire) % BLOCK:
            raise Undecryptable(f"{len(wire)} bytes are not whole AES blocks")
        decryptor = self._cipher.decryptor()
        unpadder = self._padding.unpadder()
        try:
            return unpadder.update(decryptor.update(wire) + decryptor.finalize()) + unpadder.finalize()
        except ValueError as error:
            raise Undecryptable("wrong AES key, or damaged") from error


class FtAesEcb:
    """OpenD's own: ECB over the zero-padded body, then one plain block whose last byte is ``len % 16``."""

    def __init__(self, key: bytes) -> None:
        # Requested by the protocol. ECB has no state between blocks, so one context serves every frame.
        cipher = AesCipher(algorithms.AES(key), modes.ECB())
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encrypt(self, body: bytes) -> bytes:
        """Return the encrypted blocks and the tail."""
        odd = len(body) % BLOCK
        padded = body + bytes(BLOCK - odd) if odd else body
        return self._encrypt(padded) + bytes(BLOCK - 1) + bytes((odd,))

    def decrypt(self, wire: bytes) -> bytes:
        """Return the body, cut to the length that the tail tells."""
        odd = wire[-1] if wire else BLOCK
        if len(wire) % BLOCK or odd >= BLOCK or (odd and len(wire) < 2 * BLOCK):
            raise Undecryptable(f"{len(wire)} bytes with tail {odd} are no FTAES_ECB body")
        body = self._decrypt(wire[:-BLOCK])
        return body[: odd - BLOCK] if odd else body


def session_cipher(algorithm: int, key: str, iv: str) -> Cipher:
    """Return the cipher of a connection from what InitConnect agreed on.

    Raises:
        ValueError: key or IV do not have 16 bytes, or the algorithm is none that OpenD's clients use.
    """
    if algorithm == AES_CBC:
        return AesCbc(_sixteen("AES key", key), _sixteen("CBC IV", iv))
    if algorithm == FTAES_ECB:
        return FtAesEcb(_sixteen("AES key", key))
    raise ValueError(f"packet encryption {algorithm} is not one of {FTAES_ECB} (FTAES_ECB) and {AES_CBC} (AES_CBC)")


def _sixteen(name: str, value: str) -> bytes:
    raw = value.encode()
    if len(raw) != BLOCK:
        raise ValueError(f"{name}: 16 bytes expected, not {len(raw)}")
    return raw
