"""What the configuration names and Python must load: public keys and functions."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MIN_RSA_BITS = 2048


def load_public_key(path: Path) -> RSAPublicKey:
    """Return the RSA key in a PEM file.

    Raises:
        ValueError: there is none, it is too short to prove anything, or the library is missing.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ValueError("the library cryptography is missing: pip install 'venuebus[rsa]'") from None
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{path} is not a public key in PEM") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError(f"{path} is not an RSA key")
    if key.key_size < MIN_RSA_BITS:
        raise ValueError(f"{path} has {key.key_size} bits, expected {MIN_RSA_BITS} at least")
    return key


def load_function(reference: str) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` names.

    Raises:
        ValueError: there is none.
    """
    module_name, colon, name = reference.partition(":")
    if not (colon and module_name and name):
        raise ValueError('expected "package.module:function"')
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{reference} cannot be loaded: {error}") from error
    if not callable(found):
        raise ValueError(f"{reference} cannot be called")
    return found  # type: ignore[no-any-return]
