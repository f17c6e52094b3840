"""The keys in a document."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK

from qontract.adapters.one_line_text import one_line
from qontract.application.ports.key_set import KeySetError, PublicKey

KIND_OF = {"RS256": "RSA", "RS512": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""The algorithms that are accepted, and the kind of key (`kty`) of each. None is symmetric."""

_DEFAULT = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
"""What a key is for that does not name its algorithm."""

_RSA_BITS = range(2048, 8193)
"""Shorter ones are weak (RFC 7518, 3.3); to check a signature with a longer one takes too long."""

_MAX_KEYS = 100
_MAX_ID_LENGTH = 255

log = logging.getLogger(__name__)


def parse_keys(document: bytes) -> Sequence[PublicKey]:
    """Return the keys that can be used; of each other one a line says why not. Raises KeySetError: it is no key set."""
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):  # a UnicodeDecodeError too
        raise KeySetError("it is not JSON") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise KeySetError("it is no key set: an object with a list of `keys`")
    if len(entries) > _MAX_KEYS:
        raise KeySetError(f"it has more than {_MAX_KEYS} keys")
    keys: list[PublicKey] = []
    for number, entry in enumerate(entries):
        try:
            keys.append(_key(entry))
        except ValueError as error:
            log.debug("key of the key set left out", extra={"number": number, "error": str(error)})
    return keys


def _key(entry: Any) -> PublicKey:
    """Return the key. Raises ValueError: it cannot be used."""
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name, ""), str) for name in ("kty", "alg", "kid")):
        raise ValueError("is no key")
    kind = entry.get("kty", "")
    algorithm = entry.get("alg") or _DEFAULT.get(kind, "")
    if KIND_OF.get(algorithm) != kind:
        raise ValueError(f"is of an algorithm that is not accepted; these are: {', '.join(KIND_OF)}")
    if "d" in entry:
        raise ValueError("is a private key, which nobody but its owner may have")
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("is not for signatures")
    if len(entry.get("kid", "")) > _MAX_ID_LENGTH:
        raise ValueError(f"has an id of more than {_MAX_ID_LENGTH} characters")
    return PublicKey(entry.get("kid"), algorithm, _usable(entry, algorithm))


def _usable(entry: dict[str, Any], algorithm: str) -> Any:
    try:
        value = PyJWK(entry, algorithm).key
    except Exception as error:  # noqa: BLE001 - PyJWT and cryptography, of members of any kind: any
        raise ValueError(one_line(f"cannot be read: {type(error).__name__}")) from None
    match value:
        case RSAPublicKey() if value.key_size in _RSA_BITS:
            return value
        case EllipticCurvePublicKey() if isinstance(value.curve, SECP256R1):
            return value
        case Ed25519PublicKey():
            return value
    raise ValueError("has a length, or a curve, that is not accepted")
