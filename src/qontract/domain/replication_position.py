"""Where a server is in the history of its data: one that was replaced, or went back, may have lost events."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReplicationPosition:
    """Where a server is in the history of its data.

    `run_id` is another one after each start. `replication_id` is the history that it shares with its replicas, and
    `offset` counts the bytes of changes in it; the offset does not grow while the server never had a replica.
    """

    run_id: str
    replication_id: str
    offset: int

    def continues(self, earlier: "ReplicationPosition") -> bool:
        """Return whether the server still has all data that it had at the earlier time."""
        same = (self.run_id, self.replication_id) == (earlier.run_id, earlier.replication_id)
        return same and self.offset >= earlier.offset
