"""Which history the data of a server has: a server that was replaced, or fell back, may have lost what it accepted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataHistory:
    """Of a server: its run (another one after each start), the line of changes that it has, and how far it has come.

    `offset` counts the bytes of changes; it stays where it is while the server never had a replica.
    """

    run_id: str
    replication_id: str
    offset: int

    def continues(self, earlier: "DataHistory") -> bool:
        """Say whether the server still has all that it had at the time of the earlier history."""
        same = (self.run_id, self.replication_id) == (earlier.run_id, earlier.replication_id)
        return same and self.offset >= earlier.offset
