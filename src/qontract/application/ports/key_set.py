"""Port: the public keys of who issues tokens."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class KeySetError(Exception):
    """The keys cannot be read. The message says why, in one line, and has no secret and no URL in it."""


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures of one algorithm, and of no other; `value` is for whoever checks them."""

    key_id: str | None
    algorithm: str
    value: Any


class KeySet(Protocol):
    """The keys with which tokens are signed now, as their issuer names them.

    - `read` returns those that can be used, perhaps none, as they are now. Others are left out, and logged.
    - It may block, for a bounded time, and may be called from any thread.
    - What cannot be read, or is no set of keys, raises KeySetError, and nothing else.
    """

    @abstractmethod
    def read(self) -> Sequence[PublicKey]:
        """Return the keys."""
