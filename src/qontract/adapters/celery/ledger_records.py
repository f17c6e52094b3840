"""What the ledger answers about one job."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel

from qontract.adapters.unreadable_values import Unreadable
from qontract.domain.jobs import Job, JobProgress, JobStatus

_MAX_COUNT_LENGTH = 15

_sizes = Unreadable("memberships", "size of a scope cannot be read; the guard does without it")


class Run(NamedTuple):
    """A run of a slice that has begun, with an id of its own.

    `number` orders the jobs by when they were submitted; `attempt`, from 1, is how often this slice was begun;
    `memberships` and `locks` are of the locks that it has, and `superseded` are those that it has not.
    `history`: that of the server. `unreadable`: why the progress of the slices before cannot be read. `cancelled_by`:
    who had cancelled it by then.
    """

    id: str
    job: Job
    number: int
    attempt: int
    progress: JobProgress
    superseded: frozenset[str]
    locks: tuple[str, ...]
    memberships: Mapping[str, int]
    history: str
    unreadable: str | None = None
    cancelled_by: str | None = None


class Postponed(NamedTuple):
    """A job that is to be tried again in so many seconds, by a message that names this turn."""

    turn: int
    seconds: float


class ScopeOutcome(BaseModel):
    """How a job ended in one scope."""

    job_id: str
    at: AwareDatetime
    status: JobStatus
    blocked_digest: str | None = None


def membership_counts(names: Sequence[str], counts: Sequence[bytes | None]) -> dict[str, int]:
    """Return the sizes of the scopes that can be read."""
    known = {}
    for name, count in zip(names, counts, strict=True):
        if count is not None and count.isdigit() and len(count) <= _MAX_COUNT_LENGTH:
            known[name] = int(count)
        elif count is not None:
            _sizes.report(count, ValueError("not a number"), scope=name)
    return known
