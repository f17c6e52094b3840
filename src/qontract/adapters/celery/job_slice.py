"""A slice of a job, as the runner sees it."""

import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import redis

from qontract.adapters.celery.job_ledger import JobLedger
from qontract.adapters.celery.ledger_records import Run
from qontract.application.jobs import JobSlice
from qontract.domain.jobs import JobProgress

log = logging.getLogger(__name__)

_SHOW_SECONDS = 1
_ASK_AGAIN_SECONDS = 15
"""How long nobody is asked who cancels the job, after Redis had no answer: each action would wait for it."""


def clock() -> float:
    """Return seconds by a clock that does not stop while the machine is suspended, where there is one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class CeleryJobSlice(JobSlice):
    """The slice of a run whose beginning was asked for at `asked`, by `clock`."""

    def __init__(self, ledger: JobLedger, run: Run, *, asked: float, slice_seconds: float) -> None:
        self.progress: JobProgress = run.progress
        self.superseded: Collection[str] = run.superseded
        self._ledger = ledger
        self._run = run
        self._end = asked + slice_seconds
        self._shown_at = float("-inf")
        self._cancelled_by = run.cancelled_by
        self._ask_at = float("-inf")
        self._held_until = dict.fromkeys(run.locks, asked + ledger.lock_seconds)

    @property
    def over(self) -> bool:
        """Whether the time of the slice is over."""
        return clock() >= self._end

    def holds(self, lock: str) -> bool:
        """Whether it is sure that no other job has begun for this lock; Redis is asked if the clock does not say it."""
        if not self._holds(lock) and lock in self._held_until:
            with suppress(redis.RedisError, OSError):
                self.renew()
        return self._holds(lock)

    def cancelled_by(self) -> str | None:
        """Return who has cancelled the job: Redis is asked each time, unless it does not answer.

        If it does not know this run any more, for it failed over, another may have begun: all locks are lost.
        """
        if self._cancelled_by is None and clock() >= self._ask_at:
            try:
                self._cancelled_by, is_current = self._ledger.cancelled_by(self._run)
                if not is_current:
                    self._lose(*self._held_until)
            except (redis.RedisError, OSError) as error:
                self._ask_at = clock() + _ASK_AGAIN_SECONDS
                log.debug("cancellation cannot be read; the job goes on", extra={"error": str(error)})
        return self._cancelled_by

    def memberships(self, lock: str) -> int | None:
        """Return how many memberships the scope had when it was last known."""
        return self._run.memberships.get(lock)

    def show(self, progress: Callable[[], JobProgress]) -> None:
        """Show how far the job is, about once a second."""
        if clock() < self._shown_at + _SHOW_SECONDS:
            return
        self._shown_at = clock()
        self.progress = progress()
        try:
            self._ledger.show(self._run, self.progress)
        except (redis.RedisError, OSError) as error:
            log.debug("progress not stored; it is stored later", extra={"error": str(error)})

    def renew(self) -> None:
        """Keep the locks; one that is not held any more is lost for good. Raises redis.RedisError or OSError."""
        asked = clock()
        for lock, held in self._ledger.renew(self._run, tuple(self._held_until)).items():
            if not held:
                self._lose(lock)
            elif lock in self._held_until:
                self._held_until[lock] = asked + self._ledger.lock_seconds

    def _lose(self, *locks: str) -> None:
        for lock in locks:
            if self._held_until.pop(lock, None):
                log.warning("lock lapsed; its scope is left to a later job", extra={"lock": lock})

    def _holds(self, lock: str) -> bool:
        return clock() < self._held_until.get(lock, float("-inf"))
