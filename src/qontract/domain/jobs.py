"""Jobs: work that is accepted now and done later, its progress, and its result."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

MAX_ERRORS = 100
"""How many errors a result has."""
MAX_ERROR_LENGTH = 1000
"""How many characters one error has."""
MAX_BYTES = 1_000_000
"""How many bytes of JSON the actions of a result have."""


class JobStatus(StrEnum):
    """How far a job has come. All but `PENDING` and `RUNNING` are final."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self not in {JobStatus.PENDING, JobStatus.RUNNING}


class Job(BaseModel):
    """Work for one integration.

    `payload` is the request. `locks` names what the job changes (`slack-usergroups/coreos`): two jobs that share a lock
    never run at the same time, and the one submitted first never runs after the other. `scopes` names what it reads:
    that decides who may see its result. `requested_by` and `reason` say who asked for it, and why. `traceparent` names
    the span of its submission, if spans are recorded.
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    payload: dict[str, JsonValue]
    locks: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    correlation_id: str | None = None
    requested_by: str | None = None
    reason: str | None = None
    traceparent: str | None = None
    submitted_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    id: str = Field(default_factory=lambda: str(uuid4()))

    def about(self) -> "JobMetadata":
        """Return the job without its payload."""
        known = self.model_dump(include=set(JobMetadata.model_fields) - {"dry_run"})
        return JobMetadata(dry_run=not self.locks, **known)


class JobMetadata(BaseModel):
    """A job without its payload: what it is about, who asked for it, when and why. It is kept longer than the job.

    A `dry_run` has no locks, because it only reads.
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    scopes: tuple[str, ...] = ()
    dry_run: bool = False
    submitted_at: AwareDatetime | None = None
    requested_by: str | None = None
    reason: str | None = None
    correlation_id: str | None = None


class JobResult(BaseModel):
    """What a job planned (`actions`), what it did (`applied_actions`), and one sentence for each thing that failed.

    All three are bounded: `actions_left_out` and so on say how many more there are. The events have all of it. `done`
    of `of` actions are applied so far. `plan_digest` stands for the plans of all scopes: a request with it as
    `accept_plan` applies plans that a guard stopped. `cancelled_by` is who cancelled the job.
    """

    model_config = ConfigDict(frozen=True)

    status: JobStatus = JobStatus.PENDING
    done: int = 0
    of: int = 0
    actions: tuple[dict[str, JsonValue], ...] = ()
    applied_actions: tuple[dict[str, JsonValue], ...] = ()
    errors: tuple[str, ...] = ()
    actions_left_out: int = 0
    applied_actions_left_out: int = 0
    errors_left_out: int = 0
    plan_digest: str | None = None
    cancelled_by: str | None = None

    def summary(self) -> "JobResult":
        """Return the result without its actions, and with its first error only: it is always small."""
        return self.model_copy(update={"actions": (), "applied_actions": (), "errors": self.errors[:1]})


class JobProgress(BaseModel):
    """The progress of a job, handed from one slice to the next. Scopes have the names of their locks.

    - `ended`: the scopes that are done. `failed`: the scopes in which something failed, or was not tried.
    - `blocked`: the scopes that a guard stopped, with the digests of their plans.
    - `finished`: the keys of the actions that were applied, failed or were blocked: they are not tried again.
    - `applied`: the keys of the applied ones among them. If there are many, the result shows only some of the actions.
    - `removals`: how many memberships may still end in a scope whose plan the guards allowed.
    - `memberships`: how many memberships each scope has after what this job removed; blocked scopes are left out.
    - `idle_slices`: how many slices in a row have done nothing.
    """

    model_config = ConfigDict(frozen=True)

    result: JobResult = JobResult()
    ended: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    blocked: dict[str, str] = {}
    finished: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()
    removals: dict[str, int] = {}
    memberships: dict[str, int] = {}
    idle_slices: int = 0


def cut(error: str) -> str:
    """Return the error, shortened to what a result may have."""
    return error if len(error) <= MAX_ERROR_LENGTH else f"{error[: MAX_ERROR_LENGTH - 1]}…"


def first_errors(errors: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Return as many of the errors as a result may have, and how many more there are."""
    kept: list[str] = []
    left_out = 0
    for error in errors:
        if len(kept) < MAX_ERRORS:
            kept.append(cut(error))
        else:
            left_out += 1
    return tuple(kept), left_out
