"""A lease: of several replicas, the one that may work."""

import time
from collections.abc import Callable

from qontract.application.ports.event_log import EventLog


class Lease:
    """The right to work on an ordered subscription, for `seconds` unless it is renewed.

    It is checked by this process's own clock, which does not stop while the process does. It may be taken in one
    thread and renewed in another.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._until = 0.0

    @property
    def left(self) -> float:
        """For how many seconds it is sure that no other replica leads."""
        return self._until - self._clock()

    @property
    def valid(self) -> bool:
        """Whether it is sure that no other replica leads."""
        return self._until > self._clock()

    async def renew(self, log: EventLog) -> bool:
        """Take the lease, or keep it; say whether it is valid. Raises EventLogError: it ends as before."""
        asked = self._clock()
        self._until = asked + self.seconds if await log.lead(self.seconds) else 0.0
        return self.valid

    async def end(self, log: EventLog) -> None:
        """Give the lease back. Raises EventLogError."""
        self._until = 0.0
        await log.abdicate()
