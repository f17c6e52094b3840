"""On how many replicas a write has to be before it counts: WAIT, after the write and on its connection."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import redis
from prometheus_client import Gauge

from qontract.adapters.unreadable import excerpt

MISSING = Gauge(
    "qontract_replicas_missing",
    "1 while replicas are missing: what was written last is not on as many as it has to be",
    multiprocess_mode="mostrecent",
)

IMPATIENT_SECONDS = 15.0
"""After replicas were not there in time, for so long they get a millisecond."""


class NotReplicatedError(redis.RedisError):
    """It is written, and not on as many replicas as it has to be."""


class Replicas:
    """`count` replicas have to have each write, within so many `seconds`.

    WAIT answers for the last write of its connection: what is sent before it has to write something. Where replicas are
    missing for long, one write in a quarter of a minute waits for them, and the others for a millisecond.
    """

    def __init__(self, count: int, seconds: float, *, clock: Callable[[], float] = monotonic) -> None:
        self.seconds = seconds
        self._count = count
        self._clock = clock
        self._impatient_until = 0.0

    def command(self) -> tuple[str, int, int]:
        """Return what to send after a write."""
        patient = self._clock() >= self._impatient_until
        return "WAIT", self._count, max(1, round(self.seconds * 1000)) if patient else 1

    def judge(self, answer: Any) -> None:
        """Raise NotReplicatedError unless the answer says that there are enough."""
        if isinstance(answer, int) and answer >= self._count:
            self._impatient_until = 0.0
            MISSING.set(0)
            return
        if self._clock() >= self._impatient_until:
            self._impatient_until = self._clock() + IMPATIENT_SECONDS
        MISSING.set(1)
        found = answer if isinstance(answer, int) else excerpt(answer)
        raise NotReplicatedError(f"written, but on {found} of {self._count} replicas in time")
