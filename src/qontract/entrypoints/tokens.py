"""Bearer tokens: JSON Web Tokens (RFC 7519), signed with HS256."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from qontract.domain.attributes import forbidden_in

_ALGORITHM = "HS256"
_LONGEST_SUBJECT = 255


class InvalidTokenError(Exception):
    """The token is not one of ours, or no longer, or does not say who it is for. The message has nothing of it."""


@dataclass(frozen=True)
class Claims:
    """Whom a token is for, and what they may do."""

    subject: str
    scopes: frozenset[str]


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


def claims_of(token: str, secret: str, *, audience: str, issuer: str) -> Claims:
    """Return the subject and the scopes (RFC 8693, 4.2) of a valid token. Raises InvalidTokenError."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=issuer,
            options={"require": ["aud", "iss", "exp"], "verify_sub": False},
        )
    except (jwt.InvalidTokenError, ValueError):
        raise InvalidTokenError("The token is not valid, or not any more.") from None
    subject, scope = claims.get("sub"), claims.get("scope")
    if wrong := wrong_with_subject(subject):
        raise InvalidTokenError(f"The token does not say who it is for: its `sub` {wrong}.")
    return Claims(str(subject), frozenset(scope.split()) if isinstance(scope, str) else frozenset())


def wrong_with_subject(subject: object) -> str | None:
    """Return what is wrong with whom a token is for: it becomes the attribute `authid` of events."""
    if not isinstance(subject, str) or not subject:
        return "is missing, or no text"
    if len(subject) > _LONGEST_SUBJECT:
        return f"is longer than {_LONGEST_SUBJECT} characters"
    if forbidden_in(subject):
        return "has a control character, or another that events cannot have"
    return None
