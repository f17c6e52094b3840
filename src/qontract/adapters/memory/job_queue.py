"""In memory: a job is run where it is submitted, or when the test says so."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from qontract.application.jobs import Runners, run
from qontract.application.ports.job_queue import JobQueue
from qontract.domain.jobs import Job, JobResult, JobStatus


class InMemoryJobQueue(JobQueue):
    """Runs each job at once, or in `run` if `hold` is set."""

    def __init__(self, runners: Runners, *, hold: bool = False) -> None:
        self._runners = runners
        self._hold = hold
        self._lock = Lock()
        self._jobs: dict[str, tuple[int, Job]] = {}
        self._results: dict[str, JobResult] = {}
        self._begun: dict[str, int] = {}
        self._running: defaultdict[str, Lock] = defaultdict(Lock)

    def submit(self, job: Job) -> None:
        """Accept the job."""
        with self._lock:
            self._jobs[job.id] = (len(self._jobs) + 1, job)
            self._results[job.id] = JobResult()
        if not self._hold:
            self.run(job.id)

    def result(self, job_id: str) -> JobResult | None:
        """Return how far the job has come."""
        return self._results.get(job_id)

    def run(self, job_id: str) -> None:
        """Run a job that was submitted."""
        number, job = self._jobs[job_id]
        with ExitStack() as running:
            for name in sorted(set(job.exclusive)):
                running.enter_context(self._running[name])
            if self._results[job_id].status is not JobStatus.PENDING:
                return
            lost = {name for name in job.exclusive if self._begun.get(name, 0) > number}
            self._begun.update(dict.fromkeys(set(job.exclusive) - lost, number))
            self._results[job_id] = run(job, self._runners, lost)

    @contextmanager
    def exclusively(self, name: str) -> Iterator[bool]:
        """Keep the jobs of this name waiting, unless one is being run."""
        free = self._running[name].acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._running[name].release()
