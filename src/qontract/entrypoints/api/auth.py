"""Who may do what: bearer tokens (RFC 6750).

Scopes: `reconcile:plan` and `reconcile:apply` for every integration, `slack-usergroups:plan` and `…:apply` for one, and
`slack-usergroups:apply:acme` for one scope of it: a workspace, an organisation, as the integration names it. Who may
apply may plan.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Annotated, Literal, NoReturn

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from qontract.entrypoints.settings.groups import SECRET_BYTES, AuthSettings
from qontract.entrypoints.tokens import Claims, InvalidTokenError, claims_of

Right = Literal["plan", "apply"]
"""`plan`: dry runs, and reading results; `apply`: changing things."""

_ALL = "reconcile"
_GIVEN_BY: dict[Right, tuple[Right, ...]] = {"plan": ("plan", "apply"), "apply": ("apply",)}

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A token that `qontract token` makes")

ClaimsOf = Callable[..., Awaitable[Claims]]
"""A dependency: gives the claims of a request's token, and answers 401 if there is none that is valid."""


def claims_dependency(auth: AuthSettings) -> ClaimsOf:
    """Return what gives the claims of a request's token.

    Raises SystemExit if there is no key; the settings see to its length.
    """
    if auth.secret is None:
        raise SystemExit(f"qontract: QAPI_AUTH__SECRET: the API needs a secret of at least {SECRET_BYTES} bytes")
    secrets = [secret.get_secret_value() for secret in (auth.secret, auth.previous_secret) if secret]
    longest = timedelta(days=auth.longest_days)

    async def claims(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Claims:
        if credentials is None:
            _refuse(401, "Send a bearer token; `qontract token` makes one.", "")
        try:
            return claims_of(
                credentials.credentials,
                secrets,
                audience=auth.audience,
                issuer=auth.issuer,
                longest=longest,
                revoked=auth.revoked,
            )
        except InvalidTokenError as error:
            _refuse(401, str(error), ', error="invalid_token"')

    return claims


def require_any(claims: Claims, integration: str, right: Right) -> None:
    """Answer 403 unless the token gives this right for the integration, or for a scope of it."""
    if not _everywhere(claims, integration, right) and not _scopes(claims, integration, right):
        _lacking(f"{integration}:{right}", f"{_ALL}:{right} or {integration}:{right}")


def require(claims: Claims, integration: str, right: Right, scopes: Iterable[str]) -> None:
    """Answer 403 unless the token gives this right for all these scopes of the integration."""
    if not may(claims, integration, right, scopes):
        needed = f"{integration}:{right}"
        missing = sorted(set(scopes) - _scopes(claims, integration, right))[:1]
        _lacking(needed, " or ".join([f"{_ALL}:{right}", needed, *(f"{needed}:{scope}" for scope in missing)]))


def may(claims: Claims, integration: str, right: Right, scopes: Iterable[str]) -> bool:
    """Say whether the token gives this right for all these scopes of the integration."""
    given = _scopes(claims, integration, right)
    return _everywhere(claims, integration, right) or (bool(given) and given.issuperset(scopes))


def _everywhere(claims: Claims, integration: str, right: Right) -> bool:
    return not claims.scopes.isdisjoint(f"{who}:{which}" for who in (_ALL, integration) for which in _GIVEN_BY[right])


def _scopes(claims: Claims, integration: str, right: Right) -> set[str]:
    """Return the scopes of the integration that the token names one by one."""
    prefixes = [f"{integration}:{which}:" for which in _GIVEN_BY[right]]
    return {scope[len(prefix) :] for scope in claims.scopes for prefix in prefixes if scope.startswith(prefix)}


def _lacking(scope: str, any_of: str) -> NoReturn:
    _refuse(403, f"The token needs the scope {any_of}.", f', error="insufficient_scope", scope="{scope}"')


def _refuse(status: int, detail: str, challenge: str) -> NoReturn:
    raise HTTPException(status, detail, {"www-authenticate": f'Bearer realm="qontract"{challenge}'})
