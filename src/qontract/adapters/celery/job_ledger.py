"""What Redis knows about each job: the job, its number, its result, and who is at work on what."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic
from typing import Any, NamedTuple
from uuid import uuid4

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from qontract.domain.jobs import Job, JobResult

KEPT_SECONDS = 24 * 60 * 60
"""How long a result is kept."""

WAITING_SECONDS = 7 * KEPT_SECONDS
"""How long a job may wait for a worker before it is forgotten; and how long it is known which one began last."""

# KEYS: job, number. ARGV: the job, its first result, seconds it may wait.
_RECORD = """
redis.call('HSET', KEYS[1], 'job', ARGV[1], 'result', ARGV[2], 'number', redis.call('INCR', KEYS[2]))
redis.call('EXPIRE', KEYS[1], ARGV[3])
"""

# KEYS: job, then the lock of each name, then the number that began last for each. ARGV: the run, milliseconds of a
# lock, seconds that a number is kept. All names that are not lost are locked, or none.
# Returns 0 if the job is done, false if it has to wait; else how many runs there were, and which names are lost.
_BEGIN = """
if redis.call('HEXISTS', KEYS[1], 'job') == 0 then return 0 end
local number, names = tonumber(redis.call('HGET', KEYS[1], 'number')), (#KEYS - 1) / 2
local mine, lost = {}, {}
for i = 1, names do
  if tonumber(redis.call('GET', KEYS[1 + names + i]) or 0) > number then
    lost[#lost + 1] = i
  elseif redis.call('EXISTS', KEYS[1 + i]) == 1 then
    return false
  else
    mine[#mine + 1] = i
  end
end
for _, i in ipairs(mine) do
  redis.call('SET', KEYS[1 + i], ARGV[1], 'PX', ARGV[2])
  redis.call('SET', KEYS[1 + names + i], number, 'EX', ARGV[3])
end
return {redis.call('HINCRBY', KEYS[1], 'attempts', 1), unpack(lost)}
"""

# KEYS: the locks. ARGV: the run, milliseconds. A lock that was lost with Redis is taken again, if it is free.
_RENEW = """
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('PEXPIRE', key, ARGV[2])
  else redis.call('SET', key, ARGV[1], 'PX', ARGV[2], 'NX') end
end
"""

# KEYS: job, then the locks. ARGV: the run, the result, seconds it is kept.
_FINISH = """
redis.call('HSET', KEYS[1], 'result', ARGV[2])
redis.call('HDEL', KEYS[1], 'job')
redis.call('EXPIRE', KEYS[1], ARGV[3])
for i = 2, #KEYS do if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end end
"""


# KEYS: a lock. ARGV: who holds it.
_FREE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Run(NamedTuple):
    """A run of a job that has begun: its own id, which run of the job it is (from 1), what it has lost and locked."""

    id: str
    job: Job
    attempt: int
    lost: frozenset[str]
    locks: tuple[str, ...]


class JobLedger:
    """The records of jobs, in Redis below `prefix`. What a run locks stays locked for `lock_seconds` after its death.

    A lock belongs to a run and not to a job: a message that is delivered twice does not make two runs at a time.
    Every method raises redis.RedisError or OSError if Redis cannot be reached; `finish` only after a minute of trying.
    """

    def __init__(self, url: str, *, prefix: str, lock_seconds: float) -> None:
        self._prefix = prefix
        self._lock_milliseconds = int(lock_seconds * 1000)
        self._redis = _client(url, retries=1)
        self._patient_redis = _client(url, retries=16)

    def record(self, job: Job) -> None:
        """Enter a job that is submitted; its number is higher than that of any before."""
        keys = [self._key(job.id), f"{self._prefix}job-number"]
        texts = job.model_dump_json(), JobResult().model_dump_json()
        self._redis.eval(_RECORD, len(keys), *keys, *texts, WAITING_SECONDS)

    def result(self, job_id: str) -> JobResult | None:
        """Return the result as it is now; None for a job that was never recorded, or is no longer kept."""
        result: Any = self._redis.hget(self._key(job_id), "result")
        return JobResult.model_validate_json(result) if result else None

    def begin(self, job_id: str) -> Run | None:
        """Lock what the job changes and has not lost to a later one; None if another run has some of it locked.

        Raises LookupError for a job that is done, or not known.
        """
        raw: Any = self._redis.hget(self._key(job_id), "job")
        if raw is None:
            raise LookupError(job_id)
        job = Job.model_validate_json(raw)
        locks = [f"{self._prefix}lock:{name}" for name in job.exclusive]
        begun = [f"{self._prefix}begun:{name}" for name in job.exclusive]
        keys = [self._key(job_id), *locks, *begun]
        run_id = str(uuid4())
        answer: Any = self._redis.eval(_BEGIN, len(keys), *keys, run_id, self._lock_milliseconds, WAITING_SECONDS)
        if answer is None:
            return None
        if answer == 0:
            raise LookupError(job_id)
        attempt, *places = answer
        lost = frozenset(job.exclusive[place - 1] for place in places)
        return Run(run_id, job, attempt, lost, tuple(f"{self._prefix}lock:{name}" for name in {*job.exclusive} - lost))

    @contextmanager
    def locked(self, name: str, *, seconds: float) -> Iterator[bool]:
        """Lock a name while the body runs, for as many seconds at most; False if a run, or another, has it."""
        lock, holder = f"{self._prefix}lock:{name}", str(uuid4())
        if not self._redis.set(lock, holder, nx=True, px=self._lock_milliseconds):
            yield False
            return
        try:
            with self.kept(holder, [lock], seconds=seconds):
                yield True
        finally:
            self._redis.eval(_FREE, 1, lock, holder)

    @contextmanager
    def kept(self, holder: str, locks: Sequence[str], *, seconds: float) -> Iterator[None]:
        """Keep what a run, or whoever holds them, has locked while the body runs, for as many seconds at most."""
        ended, until = Event(), monotonic() + seconds

        def renew() -> None:
            while monotonic() < until and not ended.wait(self._lock_milliseconds / 1000 / 20):
                with suppress(redis.RedisError, OSError):
                    self._redis.eval(_RENEW, len(locks), *locks, holder, self._lock_milliseconds)

        thread = Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def finish(self, run: Run, result: JobResult) -> None:
        """Enter the final result, forget the job itself, and free what the run has locked, in one step."""
        keys = [self._key(run.job.id), *run.locks]
        self._patient_redis.eval(_FINISH, len(keys), *keys, run.id, result.model_dump_json(), KEPT_SECONDS)

    def _key(self, job_id: str) -> str:
        return f"{self._prefix}job:{job_id}"


def _client(url: str, *, retries: int) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=5, base=0.05), retries),
    )
