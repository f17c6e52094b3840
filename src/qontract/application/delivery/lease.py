"""A lease: the one of several replicas that has it may work."""

import time
from collections.abc import Callable

from qontract.application.ports.event_log import EventLog


class Lease:
    """The right to work on an ordered subscription, for `seconds` unless it is renewed.

    It is checked by a clock of this machine, which runs on while the process is stopped. One thread may take it, and
    another one renew it.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._until = 0.0

    @property
    def left(self) -> float:
        """For how many seconds certainly no other replica leads."""
        return self._until - self._clock()

    @property
    def valid(self) -> bool:
        """Whether certainly no other replica leads."""
        return self._until > self._clock()

    async def renew(self, log: EventLog) -> bool:
        """Take the lease, or renew it; return whether it is valid. Raises EventLogError: then nothing has changed."""
        asked = self._clock()
        self._until = asked + self.seconds if await log.lead(self.seconds) else 0.0
        return self.valid

    async def end(self, log: EventLog) -> None:
        """Release the lease. Raises EventLogError."""
        self._until = 0.0
        await log.abdicate()
