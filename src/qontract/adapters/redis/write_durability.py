"""Where a write has to be before it counts: WAIT or WAITAOF, after the write and on its connection."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import redis
from prometheus_client import Gauge

from qontract.adapters.unreadable_values import excerpt

MISSING = Gauge(
    "qontract_replicas_missing",
    "1 while replicas, or disks, are missing: what was written last is not on as many as it has to be",
    multiprocess_mode="mostrecent",
)

OLDEST_FSYNC = "7.2"
"""The least version of Redis that has WAITAOF; every Valkey has it."""

IMPATIENT_SECONDS = 15.0
"""After replicas were not there in time, for so long they get a millisecond."""

_MAX_WAIT_MILLISECONDS = 100
"""How long a replica may take to have the write before it is asked for its disk all the same."""


class NotDurableError(redis.RedisError):
    """It is written, and not on as many replicas, or disks, as it has to be."""


class WriteDurability:
    """`count` replicas have to have each write, within so many `seconds`: in memory, or with `fsync` on their disks.

    With `fsync`, the primary has to have it on its disk too. The server answers for the last write of its connection:
    what is sent before has to write something. Where replicas are missing for long, one write in a quarter of a minute
    waits for them, and the others for a millisecond.
    """

    def __init__(
        self, count: int, seconds: float, *, fsync: bool = False, clock: Callable[[], float] = monotonic
    ) -> None:
        self.seconds = seconds
        self._count = count
        self._fsync = fsync
        self._clock = clock
        self._impatient_until = 0.0

    def commands(self) -> list[tuple[str | int, ...]]:
        """Return what to send after a write, in the same round trip. The last answer is for `judge`.

        A replica says what is on its disk once a second, or when it is asked. WAITAOF asks as it begins: WAIT, before
        it, lasts until the replica has the write.
        """
        patient = self._clock() >= self._impatient_until
        milliseconds = max(1, round(self.seconds * 1000)) if patient else 1
        if not self._fsync:
            return [("WAIT", self._count, milliseconds)]
        first = min(_MAX_WAIT_MILLISECONDS, milliseconds // 2) if self._count else 0
        wait = [("WAIT", self._count, first)] if first else []
        return [*wait, ("WAITAOF", 1, self._count, milliseconds - first)]

    def judge(self, answer: Any) -> None:
        """Raise NotDurableError unless the answer to the last command says that there are enough."""
        lacks = self._lacks(answer)
        if not lacks:
            self._impatient_until = 0.0
            MISSING.set(0)
            return
        if self._clock() >= self._impatient_until:
            self._impatient_until = self._clock() + IMPATIENT_SECONDS
        MISSING.set(1)
        raise NotDurableError(f"written, but {lacks}")

    def _lacks(self, answer: Any) -> str:
        """Return where the write is not, or ""."""
        match answer:
            case [int(primary), int(replicas)] if self._fsync:
                if not primary:
                    return "not on the disk of the primary in time"
                where = "on the disks of"
            case int(replicas) if not self._fsync:
                where = "on"
            case _:
                return why_no_fsync(answer) or f"the answer of WAIT or WAITAOF is {excerpt(answer)}"
        return "" if replicas >= self._count else f"{where} {replicas} of {self._count} replicas in time"


def why_no_fsync(answer: Any) -> str:
    """Return why the server never says what is on its disk, if that is its answer to WAITAOF; else ""."""
    text = str(answer)
    if "appendonly is disabled" in text:
        return "Redis has no append-only file: QAPI_EVENTS__FSYNC needs `appendonly yes` there"
    if "unknown command" in text:
        return f"Redis has no WAITAOF: for QAPI_EVENTS__FSYNC it has to be {OLDEST_FSYNC} or later"
    return ""
