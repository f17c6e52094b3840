"""Jobs whose worker is dead, or whose message is lost with it."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from qontract.adapters.celery.job_ledger import JobLedger

_AT_ONCE = 100
_LONGEST_QUEUE = 1000
"""Messages that are read to find one. Where there are more, it is taken to be among them until there are fewer."""


def resubmit_lost(ledger: JobLedger, *, queue: str, reserved: str, send: Callable[[str, int], None]) -> int:
    """Send a new message for each job that is lost, and say how many.

    `queue` is the list of messages, `reserved` the hash of those that workers have. Raises redis.RedisError, OSError,
    and what `send` raises.
    """
    redis: Any = ledger.redis
    seconds, microseconds = redis.time()
    now = seconds * 1000 + microseconds // 1000
    silent = [raw.decode() for raw in redis.zrange(ledger.signs, 0, now, byscore=True, offset=0, num=_AT_ONCE)]
    if not silent:
        return 0
    with_workers = _ids(redis.hvals(reserved))
    messages = redis.lrange(queue, 0, _LONGEST_QUEUE)
    queued = set(silent) if len(messages) > _LONGEST_QUEUE else _ids(messages)
    count = 0
    for job_id in silent:
        where = "queue" if job_id in queued else "worker" if job_id in with_workers else ""
        if turn := ledger.resubmit(job_id, where):
            send(job_id, turn)
            count += 1
    return count


def _ids(messages: Iterable[bytes]) -> set[str]:
    """Return the jobs that the messages name; a worker's come with where they came from."""
    found = set()
    for raw in messages:
        with suppress(ValueError, KeyError, TypeError, IndexError):  # of another program
            message = json.loads(raw)
            found.add(str((message[0] if isinstance(message, list) else message)["headers"]["id"]))
    return found
