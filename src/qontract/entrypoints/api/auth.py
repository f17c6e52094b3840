"""Who may do what: bearer tokens (RFC 6750)."""

from collections.abc import Callable
from typing import NoReturn

from fastapi import HTTPException, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from qontract.entrypoints.settings import SECRET_BYTES, AuthSettings
from qontract.entrypoints.tokens import InvalidTokenError, scopes_of

PLAN = "reconcile:plan"
"""Dry runs, and reading results."""
APPLY = "reconcile:apply"
"""Changing things; whoever may do this may plan."""

Scopes = frozenset[str]
ScopesIn = Callable[[Request], Scopes]

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A token that `qontract token` makes")
"""Tells the OpenAPI document of the tokens; what checks them is the route class."""


def scopes_in(auth: AuthSettings) -> ScopesIn:
    """Return what gives the scopes of a request's token, and answers 401 if there is none that is valid.

    Raises SystemExit if there is no key; the settings see to its length.
    """
    if auth.secret is None:
        raise SystemExit(f"qontract: QAPI_AUTH__SECRET: the API needs a secret of at least {SECRET_BYTES} bytes")
    secret = auth.secret.get_secret_value()

    def scopes(request: Request) -> Scopes:
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "bearer" or not token:
            _refuse(401, "Send a bearer token; `qontract token` makes one.", "")
        try:
            granted = scopes_of(token, secret, audience=auth.audience, issuer=auth.issuer)
        except InvalidTokenError:
            _refuse(401, "The token is not valid, or not any more.", ', error="invalid_token"')
        return granted | {PLAN} if APPLY in granted else granted

    return scopes


def require(request: Request, scope: str) -> None:
    """Answer 403 unless the token of the request has the scope."""
    if scope not in request.state.scopes:
        _refuse(403, f"The token needs the scope {scope}.", f', error="insufficient_scope", scope="{scope}"')


def _refuse(status: int, detail: str, challenge: str) -> NoReturn:
    raise HTTPException(status, detail, {"www-authenticate": f'Bearer realm="qontract"{challenge}'})
