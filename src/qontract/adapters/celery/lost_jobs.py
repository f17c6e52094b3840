"""Jobs whose worker is dead, or whose message is lost with it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import redis

from qontract.adapters.celery.job_ledger import JobLedger
from qontract.adapters.unreadable_values import Unreadable, read_json

_AT_ONCE = 1000
_MAX_QUEUE_LENGTH = 1000
"""How many queued messages are searched for that of a job. In a longer queue it is assumed to be there."""
_MAX_WAIT = 24 * 3600 * 1000
"""Milliseconds: a job that is to be looked at later than that is looked at now, for somebody else wrote it."""

_UNREADABLE = Unreadable("jobs", "lost job cannot be read; it is forgotten")


def set_wrong_keys_aside(ledger: JobLedger, celery_prefix: str, queue: str) -> None:
    """Set aside what is in the place of the keys that all jobs need, and is something else. Raises redis.RedisError."""
    priorities = ("", "\x06\x163", "\x06\x166", "\x06\x169")
    celery = {
        "unacked": "hash",
        "unacked_index": "zset",
        "unacked_mutex": "lease",
        f"_kombu.binding.{queue}": "set",
        f"_kombu.binding_permanent.{queue}": "set",
        "_kombu.binding_deadlines": "zset",
        **{f"{queue}{priority}": "list" for priority in priorities},
    }
    hashes = ledger.memberships, ledger.scope_ends, ledger.scope_successes
    sorted_sets = ledger.signs, ledger.index, ledger.kept_until, ledger.waiting, ledger.scopes
    ours = dict.fromkeys(hashes, "hash") | dict.fromkeys(sorted_sets, "zset") | {ledger.number: "string"}
    ledger.set_wrong_keys_aside(ours | {f"{celery_prefix}{name}": kind for name, kind in celery.items()})


def resubmit_lost(ledger: JobLedger, *, queue: str, reserved: str, send: Callable[[str, int], None]) -> int:
    """Send a new message for each job that is lost, and say how many.

    `queue` is the list of messages, `reserved` the hash of those that workers have. Raises redis.RedisError, OSError,
    and what `send` raises.
    """
    client: Any = ledger.redis
    seconds, microseconds = client.time()
    now = seconds * 1000 + microseconds // 1000
    too_late = client.zrange(ledger.signs, now + _MAX_WAIT, "+inf", byscore=True, offset=0, num=_AT_ONCE)
    if too_late:
        client.zadd(ledger.signs, dict.fromkeys(too_late, now), xx=True)
    silent = client.zrange(ledger.signs, "-inf", now, byscore=True, offset=0, num=_AT_ONCE)
    if not silent:
        return 0
    with_workers = _ids(client.hvals(reserved))
    messages = client.lrange(queue, 0, _MAX_QUEUE_LENGTH)
    queued = None if len(messages) > _MAX_QUEUE_LENGTH else _ids(messages)
    count = 0
    for raw in silent:
        try:
            job_id = raw.decode()
            in_queue = queued is None or job_id in queued
            turn = ledger.resubmit(job_id, "queue" if in_queue else "worker" if job_id in with_workers else "")
        except (UnicodeDecodeError, redis.ResponseError) as error:
            _forget(ledger, raw, error)
            continue
        if turn:
            send(job_id, turn)
            count += 1
    return count


def _forget(ledger: JobLedger, raw: bytes, error: Exception) -> None:
    """Forget a job that cannot be read. Raises redis.ResponseError if it is not the job what Redis refuses."""
    if isinstance(error, redis.ResponseError) and not str(error).startswith("WRONGTYPE"):
        raise error
    _UNREADABLE.report(raw, error)
    ledger.redis.zrem(ledger.signs, raw)


def _ids(messages: Iterable[bytes]) -> set[str]:
    """Return the jobs that the messages name; a worker's come with where they came from."""
    found = set()
    for raw in messages:
        with suppress(ValueError, KeyError, TypeError, IndexError):  # of another program
            message = read_json(raw)
            found.add(str((message[0] if isinstance(message, list) else message)["headers"]["id"]))
    return found
