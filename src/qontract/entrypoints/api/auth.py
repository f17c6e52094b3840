"""Who may do what: bearer tokens (RFC 6750)."""

from collections.abc import Callable
from typing import Annotated, NoReturn

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from qontract.entrypoints.settings import AuthSettings
from qontract.entrypoints.tokens import InvalidTokenError, scopes_of

PLAN = "reconcile:plan"
APPLY = "reconcile:apply"
_SECRET_BYTES = 32

Scopes = frozenset[str]


def scopes_in(auth: AuthSettings) -> Callable[..., Scopes]:
    """Return a dependency that gives the scopes of the request's token, and answers 401 if there is none.

    Raises SystemExit if there is no key of at least 32 bytes (RFC 7518, 3.2: as long as the hash).
    """
    secret = auth.secret.get_secret_value() if auth.secret else ""
    if len(secret.encode()) < _SECRET_BYTES:
        raise SystemExit(f"qontract: QAPI_AUTH__SECRET: the API needs a secret of at least {_SECRET_BYTES} bytes")

    def scopes(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
    ) -> Scopes:
        if credentials is None:
            _refuse(401, "Send a bearer token; `qontract token` makes one.", "Bearer")
        try:
            return scopes_of(credentials.credentials, secret, audience=auth.audience, issuer=auth.issuer)
        except InvalidTokenError:
            _refuse(401, "The token is not valid, or not any more.", 'Bearer error="invalid_token"')

    return scopes


def require(scopes: Scopes, *any_of: str) -> None:
    """Answer 403 unless the scopes have one of those that are needed."""
    if scopes.isdisjoint(any_of):
        needed = " or ".join(any_of)
        _refuse(403, f"The token needs the scope {needed}.", f'Bearer error="insufficient_scope", scope="{any_of[0]}"')


def _refuse(status: int, detail: str, challenge: str) -> NoReturn:
    raise HTTPException(status, detail, {"www-authenticate": challenge})
