"""What readiness says of tokens."""

import asyncio
from collections.abc import Mapping
from typing import Any

from qontract.application.token_keys import TokenKeys
from qontract.entrypoints.api.auth import Revoked
from qontract.entrypoints.serving import health


def token_health(keys: TokenKeys | None, revoked: Revoked, *, accept_secret: bool) -> health.Health:
    """Return what says why the key set cannot be read, and that changed settings are not used; nothing if all is well.

    It says that all is not well if no token at all can be judged.
    """

    async def tokens() -> Mapping[str, Any]:
        revoked.renewed()
        findings: dict[str, Any] = {"stale": [revoked.name]} if revoked.error else {}
        if keys and (error := await _looked(keys)):
            findings["jwks"] = error
            if not (accept_secret or keys.usable):
                findings["status"] = "failed"
        return findings

    return tokens


async def _looked(keys: TokenKeys) -> str:
    """Return why the keys cannot be read, or "": they can."""
    try:
        async with asyncio.timeout(health.READY_SECONDS):
            return await keys.refresh()
    except TimeoutError:
        return "no answer yet"
