"""Redis: what INFO says of the run of the server and of its replication."""

from typing import Any

import redis
from prometheus_client import Counter

from qontract.adapters.redis.broker import RedisBroker
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.replication_history import ReplicationHistory, ReplicationHistoryError
from qontract.domain.replication_position import ReplicationPosition

PUBLISHED_AGAIN = Counter(
    "qontract_events_published_again_total", "Events that were published again, for Redis may have lost them"
)
FORGOTTEN = Counter(
    "qontract_events_forgotten_total", "Events that were forgotten before a minute was over, for there were too many"
)


class RedisReplicationHistory(ReplicationHistory):
    """Asks through the broker of the publisher, in a cluster the node of its `channel`."""

    def __init__(self, broker: RedisBroker, *, channel: str) -> None:
        self._broker = broker
        self._key = keys_of(channel).intents

    def read(self) -> ReplicationPosition:
        """Ask on a new connection of the broker, which uses it from then on."""
        try:
            return self._broker.renew(("TYPE", self._key), ("INFO", "server", "replication"), position_from_info)
        except (redis.RedisError, OSError, ValueError) as error:
            raise ReplicationHistoryError(f"Redis: {excerpt(f'{type(error).__name__}: {error}')}") from error


def position_from_info(info: Any) -> ReplicationPosition:
    """Return what INFO says. Raises ValueError if that is not all there, and ReadOnlyError for a replica."""
    text = info.decode(errors="replace") if isinstance(info, bytes) else str(info)
    found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if found.get("role") != "master":
        raise redis.exceptions.ReadOnlyError("it is a replica, and takes no writes")
    try:
        return ReplicationPosition(found["run_id"], found["master_replid"], int(found["master_repl_offset"]))
    except KeyError as missing:
        raise ValueError(f"INFO has no {missing}") from None
