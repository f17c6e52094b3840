"""What one subject may ask for: requests in a time, and jobs that have not ended. Of this process alone."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from time import monotonic
from typing import NoReturn

from fastapi import HTTPException

from qontract.domain.jobs import JobResult

_MAX_SUBJECTS = 10_000
_LOOKED_UP = 5
_RETRY_JOBS_SECONDS = 5

LookUp = Callable[[str], Awaitable[JobResult | None]]
"""Returns how far a job has come."""


@dataclass
class _Bucket:
    """A token bucket: `left` at the time `at`. It fills by the rate, up to what it may hold."""

    left: float
    at: float
    jobs: deque[str] = field(default_factory=deque)


class Limits:
    """Counts what each subject asks for, and answers 429 when it is too much.

    A subject may make `at_once` requests, and `per_second` in the long run; a request may count as several. `open_jobs`
    of its jobs may not have ended: at that limit a few of them are looked up, the oldest first.
    """

    def __init__(
        self, *, per_second: float, at_once: int, open_jobs: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._rate = per_second
        self._at_once = at_once
        self._open_jobs = open_jobs
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def count(self, subject: str, requests: float = 1) -> None:
        """Count a request, as so many. Answers 429, and when to come again, if it is one too many."""
        bucket = self._bucket(subject)
        if bucket.left < 1:
            _refuse("These are too many requests for one subject.", ceil((1 - bucket.left) / self._rate))
        bucket.left -= requests  # a large one may leave less than nothing: the next has to wait the longer

    async def admit_job(self, subject: str, look_up: LookUp) -> None:
        """Answer 429 if too many jobs of the subject have not ended. Raises what `look` raises."""
        jobs = self._bucket(subject).jobs
        for _ in range(_LOOKED_UP):
            if len(jobs) < self._open_jobs:
                return
            oldest = jobs.popleft()
            found = await look_up(oldest)
            if found is not None and not found.status.final:
                jobs.append(oldest)
        if len(jobs) >= self._open_jobs:
            _refuse(f"{len(jobs)} jobs of this subject have not ended yet.", _RETRY_JOBS_SECONDS)

    def add_job(self, subject: str, job_id: str) -> None:
        """Count a job that was accepted."""
        self._bucket(subject).jobs.append(job_id)

    def _bucket(self, subject: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(subject)
        if bucket is None:
            if len(self._buckets) >= _MAX_SUBJECTS:
                self._forget(now)
            bucket = self._buckets[subject] = _Bucket(self._at_once, now)
        bucket.left = min(self._at_once, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket

    def _forget(self, now: float) -> None:
        """Forget who has not asked for long; if that is nobody, the one who was counted first."""
        full = [
            subject
            for subject, bucket in self._buckets.items()
            if not bucket.jobs and bucket.left + (now - bucket.at) * self._rate >= self._at_once
        ]
        for subject in full or [next(iter(self._buckets))]:
            del self._buckets[subject]


def _refuse(detail: str, seconds: int) -> NoReturn:
    raise HTTPException(429, f"{detail} Try again in {seconds} s.", {"retry-after": str(seconds)})
