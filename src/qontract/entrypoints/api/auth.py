"""Who may do what: bearer tokens (RFC 6750).

Scopes: `reconcile:plan` and `reconcile:apply` for every integration, `slack-usergroups:plan` and `…:apply` for one, and
`slack-usergroups:apply:acme` for one scope of it: a workspace, an organisation, as the integration names it. Who may
apply may plan.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Literal, NoReturn

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from qontract.application.ports.key_set import KeySetError, PublicKey
from qontract.application.token_keys import TokenKeys
from qontract.entrypoints.settings.groups import SECRET_BYTES, AuthSettings
from qontract.entrypoints.settings_reload import Reloader
from qontract.entrypoints.tokens import Claims, InvalidTokenError, claims_of, named_key

Right = Literal["plan", "apply"]
"""`plan`: dry runs, and reading results; `apply`: changing things."""

_ALL = "reconcile"
_GIVEN_BY: dict[Right, tuple[Right, ...]] = {"plan": ("plan", "apply"), "apply": ("apply",)}

_AGAIN_SECONDS = 10
"""When a token that cannot be judged is to be sent again."""

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="A token that `qontract token` makes, or whoever issues tokens for this API",
)

ClaimsOf = Callable[..., Awaitable[Claims]]
"""A dependency: gives the claims of a request's token, and answers 401 if there is none that is valid."""


Revoked = Reloader[frozenset[str], frozenset[str]]
"""Ids of tokens that are accepted no more, as their file has them now."""


def claims_dependency(auth: AuthSettings, keys: TokenKeys | None = None, revoked: Revoked | None = None) -> ClaimsOf:
    """Return what gives the claims of a request's token; `keys`: those of who issues tokens, beside ours.

    `revoked`, if there is one, has the ids of tokens that are accepted no more, in place of those in the settings.

    Where their tokens cannot be judged, the answer is 503. Raises SystemExit if there is no secret, or nothing that any
    token may be signed with; the settings see to its length.
    """
    if auth.secret is None:
        raise SystemExit(f"qontract: QAPI_AUTH__SECRET: the API needs a secret of at least {SECRET_BYTES} bytes")
    if keys is None and not auth.accept_secret:
        raise SystemExit("qontract: QAPI_AUTH__ACCEPT_SECRET: false needs QAPI_AUTH__JWKS, or no token is accepted")
    both = (auth.secret, auth.previous_secret) if auth.accept_secret else ()
    secrets = [secret.get_secret_value() for secret in both if secret]
    longest = timedelta(days=auth.max_days)
    makes = "`qontract token` makes one" if auth.accept_secret else "who issues tokens for this API makes one"
    no_token = f"Send a bearer token; {makes}."

    async def public_keys(token: str) -> Sequence[PublicKey]:
        with_public_key, key_id = named_key(token)
        return await keys.of(key_id) if keys and with_public_key else ()

    async def claims(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Claims:
        if credentials is None:
            _refuse(401, no_token, "")
        token = credentials.credentials
        if revoked:
            revoked.renewed()
        try:
            return claims_of(
                token,
                secrets,
                await public_keys(token),
                audience=auth.audience,
                issuer=auth.issuer,
                longest=longest,
                revoked=revoked.made if revoked else auth.revoked,
            )
        except InvalidTokenError as error:
            _refuse(401, str(error), ', error="invalid_token"')
        except KeySetError:
            detail = "The keys that such tokens are signed with cannot be read now; try again."
            raise HTTPException(503, detail, {"retry-after": str(_AGAIN_SECONDS)}) from None

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
