"""In memory: the record of a job."""

from datetime import UTC, datetime

from qontract.domain.jobs import Job, JobProgress


class Record:
    """A job, and its progress."""

    def __init__(self, number: int, job: Job) -> None:
        self.number = number
        self.job = job
        self.progress = JobProgress()
        self.running = False
        self.due = 0.0
        self.attempt = 0
        self.slice = 0
        self.began_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.cancelled_by: str | None = None

    def end(self, progress: JobProgress) -> None:
        """Record how the job ended."""
        self.progress = progress
        self.ended_at = datetime.now(UTC)
