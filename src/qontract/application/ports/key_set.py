"""Port: the public keys of the issuer of tokens."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class KeySetError(Exception):
    """The keys cannot be read. The message says why, in one line, and has no secret and no URL in it."""


@dataclass(frozen=True)
class PublicKey:
    """A key for signatures of one algorithm only. `value` has the key itself."""

    key_id: str | None
    algorithm: str
    value: Any


class KeySet(Protocol):
    """The public keys that the issuer publishes now.

    - `read` returns the current keys that can be used, perhaps none. Unusable keys are left out, and logged.
    - It may block for a bounded time, and may be called from any thread.
    - KeySetError, and nothing else, is raised if it cannot be read, or is not a key set.
    """

    @abstractmethod
    def read(self) -> Sequence[PublicKey]:
        """Return the keys."""
