"""How the ledger of jobs reaches Redis."""

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import NoPermissionError, OutOfMemoryError
from redis.retry import Retry

from qontract.adapters.redis.connections import pool


def connect_ledger(url: str, *, retries: int, timeout: float = 5) -> redis.Redis:
    """Return a client that tries so often again, with pauses; `timeout`, in seconds, is of each answer."""
    connections = pool(
        url,
        timeout,
        socket_connect_timeout=min(timeout, 2),
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=5, base=0.05), retries),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError, OutOfMemoryError, NoPermissionError],
    )
    return redis.Redis.from_pool(connections)
