"""Bearer tokens: JSON Web Tokens (RFC 7519), signed with our secret (HS256), or with a key of who issues tokens."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt

from qontract.application.ports.key_set import PublicKey
from qontract.domain.attribute_text import forbidden_in

_ALGORITHM = "HS256"
_WITH_PUBLIC_KEYS = {"RS256", "RS512", "PS256", "ES256", "EdDSA"}
_NOT_VALID = "The token is not valid, or not any more."
_MAX_SUBJECT_LENGTH = 255
_LEEWAY = timedelta(minutes=1)
"""By how much the clock of who signs may be ahead of ours, where a token is valid for as long as it may be."""


class InvalidTokenError(Exception):
    """The token is not one of ours, or no longer, or does not say who it is for. The message has nothing of it."""


@dataclass(frozen=True)
class Claims:
    """Whom a token is for, and what they may do."""

    subject: str
    scopes: frozenset[str]


def issue_token(
    secret: str,
    subject: str,
    scopes: Iterable[str],
    lifetime: timedelta,
    *,
    audience: str,
    issuer: str,
    token_id: str | None = None,
) -> str:
    """Return a token that lets `subject` do what the scopes name; `token_id` is what it can be revoked by."""
    now = datetime.now(UTC)
    claims = {
        "jti": token_id or str(uuid4()),
        "sub": subject,
        "scope": " ".join(scopes),
        "aud": audience,
        "iss": issuer,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def named_key(token: str) -> tuple[bool, str | None]:
    """Say whether a token claims to be signed with the private part of a public key, and which id it names for that.

    Nothing of it is checked yet. Raises InvalidTokenError: it is no token.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise InvalidTokenError(_NOT_VALID) from None
    return header.get("alg") in _WITH_PUBLIC_KEYS, header.get("kid")


def claims_of(
    token: str,
    secrets: Sequence[str],
    public_keys: Sequence[PublicKey] = (),
    *,
    audience: str,
    issuer: str,
    longest: timedelta = timedelta.max,
    revoked: Collection[str] = (),
) -> Claims:
    """Return the subject and the scopes (RFC 8693, 4.2) of a valid token, signed with any of the secrets, or keys.

    Each key is for one algorithm, whatever the token says: a secret for HS256, a public key for its own.

    `longest`: for how much longer it may be valid; `revoked`: ids (`jti`) of tokens that are valid no more.
    Raises InvalidTokenError.
    """
    keys = [(secret, _ALGORITHM) for secret in secrets] + [(key.value, key.algorithm) for key in public_keys]
    claims = _verified(token, keys, audience, issuer)
    if claims["exp"] - datetime.now(UTC).timestamp() > (longest.total_seconds() + _LEEWAY.total_seconds()):
        raise InvalidTokenError(f"The token is valid for longer than {longest.days} days, which is not accepted.")
    if claims.get("jti") in revoked:
        raise InvalidTokenError("The token is revoked.")
    subject, scope = claims.get("sub"), claims.get("scope")
    if wrong := wrong_with_subject(subject):
        raise InvalidTokenError(f"The token does not say who it is for: its `sub` {wrong}.")
    return Claims(str(subject), frozenset(scope.split()) if isinstance(scope, str) else frozenset())


def _verified(token: str, keys: Sequence[tuple[Any, str]], audience: str, issuer: str) -> dict[str, Any]:
    for key, algorithm in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=audience,
                issuer=issuer,
                options={"require": ["aud", "iss", "exp"], "verify_sub": False},
            )
            claims["exp"] = int(claims["exp"])  # it was checked to be one; a text of digits is one too
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            continue
        except (jwt.InvalidTokenError, ValueError, OverflowError):
            break
        return claims
    raise InvalidTokenError(_NOT_VALID)


def wrong_with_subject(subject: object) -> str | None:
    """Return what is wrong with whom a token is for: it becomes the attribute `authid` of events."""
    if not isinstance(subject, str) or not subject:
        return "is missing, or no text"
    if len(subject) > _MAX_SUBJECT_LENGTH:
        return f"is longer than {_MAX_SUBJECT_LENGTH} characters"
    if forbidden_in(subject):
        return "has a control character, or another that events cannot have"
    return None
