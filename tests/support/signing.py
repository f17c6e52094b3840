"""Who issues tokens: keys, the set of their public parts, and tokens that they sign."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

_MAKE = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
    "OKP": ed25519.Ed25519PrivateKey.generate,
}
_KIND = {"RS256": "RSA", "RS512": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
CLAIMS = {"sub": "ci", "aud": "qontract-api", "iss": "qontract", "scope": "reconcile:plan"}


def private_key(key_id: str, algorithm: str = "EdDSA") -> Any:
    """Return the key of this name: the same each time."""
    return _made(key_id, _KIND[algorithm])


@cache
def _made(key_id: str, kind: str) -> Any:
    return _MAKE[kind]()


def public_part(key_id: str, algorithm: str = "EdDSA", **more: Any) -> dict[str, Any]:
    """Return the public part of the key, as a key set has it; what is None is left out."""
    public = private_key(key_id, algorithm).public_key()
    described = json.loads(get_default_algorithms()[algorithm].to_jwk(public))
    described.pop("key_ops", None)
    members = described | {"kid": key_id, "alg": algorithm, "use": "sig"} | more
    return {name: value for name, value in members.items() if value is not None}


def document(*keys: dict[str, Any] | str) -> bytes:
    """Return the key set of these keys; a text is the id of one."""
    return json.dumps({"keys": [public_part(key) if isinstance(key, str) else key for key in keys]}).encode()


def signed(
    key_id: str,
    algorithm: str = "EdDSA",
    *,
    named: str | None = "",
    headers: Mapping[str, Any] | None = None,
    **claims: Any,
) -> dict[str, str]:
    """Return the header of a request with a token; `named`: another id than that of the key, None: none."""
    about = CLAIMS | {"exp": datetime.now(UTC) + timedelta(minutes=5)} | claims
    kept = {name: value for name, value in about.items() if value is not None}
    about_it = {**(headers or {}), **({} if named is None else {"kid": named or key_id})}
    token = jwt.encode(kept, private_key(key_id, algorithm), algorithm=algorithm, headers=about_it)
    return {"authorization": f"Bearer {token}"}
