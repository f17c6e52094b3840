"""Signatures of what is kept in Redis: who can write there cannot make a job that a worker runs."""

import hashlib
import hmac
from collections.abc import Sequence

from prometheus_client import Counter

FORGED = Counter(
    "qontract_jobs_forged_total", "Jobs in Redis, or records of them, that were forged: the signature is not ours"
)


class ForgedError(ValueError):
    """The signature is not ours: somebody else wrote it, or changed it, or put it in another place."""

    def __init__(self) -> None:
        super().__init__("it is not signed with the key of this deployment (QAPI_AUTH__SECRET)")


class RecordSigner:
    """Signs texts with the first of the keys (HMAC, RFC 2104, with SHA-256), and accepts those of any of them.

    A signature is of a text in its place: moved elsewhere, it is worth nothing.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(key, b"qontract jobs", hashlib.sha256) for key in keys]

    def sign(self, text: str, *place: str) -> str:
        """Return the text with its signature before it."""
        return f"{self._signature(self._keys[0], text, place)}:{text}"

    def verified(self, signed: bytes, *place: str) -> str:
        """Return the text without its signature. Raises ForgedError."""
        signature, _, text = signed.decode(errors="replace").partition(":")
        given = signature.encode()
        if not any(hmac.compare_digest(self._signature(key, text, place).encode(), given) for key in self._keys):
            FORGED.inc()
            raise ForgedError
        return text

    def _signature(self, key: bytes, text: str, place: Sequence[str]) -> str:
        return hmac.digest(key, "\0".join((*place, text)).encode(errors="replace"), hashlib.sha256).hex()
