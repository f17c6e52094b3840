"""In memory: a key set."""

from collections.abc import Sequence

from qontract.application.ports.key_set import KeySet, KeySetError, PublicKey


class InMemoryKeySet(KeySet):
    """Has these `keys`; None: it cannot be read. `reads` counts the calls of `read`."""

    def __init__(self, keys: Sequence[PublicKey] | None = ()) -> None:
        self.keys = keys
        self.reads = 0

    def read(self) -> Sequence[PublicKey]:
        """Return the keys."""
        self.reads += 1
        if self.keys is None:
            raise KeySetError("there is none")
        return tuple(self.keys)
