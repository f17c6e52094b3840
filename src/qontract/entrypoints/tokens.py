"""Bearer tokens: JSON Web Tokens (RFC 7519), signed with HS256."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import jwt

_ALGORITHM = "HS256"


class InvalidTokenError(Exception):
    """The token is not one of ours, or no longer."""


def issue_token(
    secret: str, subject: str, scopes: Iterable[str], lifetime: timedelta, *, audience: str, issuer: str
) -> str:
    """Return a token that lets `subject` do what the scopes name."""
    now = datetime.now(UTC)
    claims = {
        "sub": subject,
        "scope": " ".join(scopes),
        "aud": audience,
        "iss": issuer,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def scopes_of(token: str, secret: str, *, audience: str, issuer: str) -> frozenset[str]:
    """Return the scopes (RFC 8693, 4.2) of a valid token. Raises InvalidTokenError."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=issuer,
            options={"require": ["aud", "iss", "exp"]},
        )
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidTokenError(str(error)) from None
    scope = claims.get("scope")
    return frozenset(scope.split()) if isinstance(scope, str) else frozenset()
