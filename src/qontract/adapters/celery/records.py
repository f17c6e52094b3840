"""What the ledger answers about one job."""

from collections.abc import Mapping
from typing import NamedTuple

from qontract.domain.jobs import Job, JobProgress


class Run(NamedTuple):
    """A run of a slice that has begun, with an id of its own.

    `number` orders the jobs by when they were submitted; `attempt`, from 1, is how often this slice was begun;
    `memberships` and `locks` are of the locks that it has, and `superseded` are those that it has not.
    `unreadable`: why the progress of the slices before cannot be read.
    """

    id: str
    job: Job
    number: int
    attempt: int
    progress: JobProgress
    superseded: frozenset[str]
    locks: tuple[str, ...]
    memberships: Mapping[str, int]
    unreadable: str | None = None


class Wait(NamedTuple):
    """A job that is to be tried again in so many seconds, by a message that names this turn."""

    turn: int
    seconds: float
