"""Who may do what: bearer tokens (RFC 6750).

Scopes: `reconcile:plan` and `reconcile:apply` for every integration, `slack-usergroups:plan` and `…:apply` for one.
Who may apply may plan.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, NoReturn

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from qontract.entrypoints.settings import SECRET_BYTES, AuthSettings
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
    secret = auth.secret.get_secret_value()

    async def claims(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Claims:
        if credentials is None:
            _refuse(401, "Send a bearer token; `qontract token` makes one.", "")
        try:
            return claims_of(credentials.credentials, secret, audience=auth.audience, issuer=auth.issuer)
        except InvalidTokenError as error:
            _refuse(401, str(error), ', error="invalid_token"')

    return claims


def require(claims: Claims, integration: str, right: Right) -> None:
    """Answer 403 unless the token gives this right for the integration."""
    given_by = {f"{who}:{which}" for who in (_ALL, integration) for which in _GIVEN_BY[right]}
    if not claims.scopes & given_by:
        needed = f"{_ALL}:{right}"
        challenge = f', error="insufficient_scope", scope="{needed}"'
        _refuse(403, f"The token needs the scope {needed} or {integration}:{right}.", challenge)


def _refuse(status: int, detail: str, challenge: str) -> NoReturn:
    raise HTTPException(status, detail, {"www-authenticate": f'Bearer realm="qontract"{challenge}'})
