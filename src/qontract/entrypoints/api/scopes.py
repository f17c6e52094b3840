"""Scopes that are for the whole of something: `events:read`, and `events:admin`, who may read too."""

from typing import Annotated, Literal

from fastapi import Depends, HTTPException

from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.tokens import Claims

EventsScope = Literal["events:read", "events:admin"]

_GIVEN_BY: dict[EventsScope, frozenset[str]] = {
    "events:read": frozenset({"events:read", "events:admin"}),
    "events:admin": frozenset({"events:admin"}),
}


def require_scope(scope: EventsScope, claims_of: ClaimsOf) -> ClaimsOf:
    """Return a dependency: the claims of a token that has this scope; it answers 403 if it has not."""

    async def claims(claims: Annotated[Claims, Depends(claims_of)]) -> Claims:
        if claims.scopes.isdisjoint(_GIVEN_BY[scope]):
            challenge = f'Bearer realm="qontract", error="insufficient_scope", scope="{scope}"'
            raise HTTPException(403, f"The token needs the scope {scope}.", {"www-authenticate": challenge})
        return claims

    return claims
