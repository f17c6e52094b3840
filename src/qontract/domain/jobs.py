"""Jobs: work that was accepted and is done later, how far it has come, and how it ended."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

MOST_ERRORS = 100
"""Sentences that a result has of what failed."""
LONGEST_ERROR = 1000
"""Characters of one."""
MOST_BYTES = 1_000_000
"""Of the actions of a result, as JSON."""


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

    `payload` is what its use case takes. `locks` names what the job changes (`slack-usergroups/coreos`): two jobs that
    share a name never run at the same time, and the one submitted first never follows the other. `scopes` names what it
    looks at: who may see its result. `requested_by` is who asked for it, and `reason` why. `traceparent` names the span
    of its submission, if spans are recorded.
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

    def about(self) -> "JobAbout":
        """Return what is told of it without its payload."""
        known = self.model_dump(include=set(JobAbout.model_fields) - {"dry_run"})
        return JobAbout(dry_run=not self.locks, **known)


class JobAbout(BaseModel):
    """What a job is about, which says who may see its result; who asked for it, when and why. It outlives the job.

    `dry_run`: it locks nothing, for it only reads.
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
    """What a job planned (`actions`), what it did (`applied_actions`), and a sentence for each thing that failed.

    All three are bounded: `actions_left_out` and so on say how many more there are. An event has everything.
    `done` of `of` actions are applied so far. `plan_digest` stands for the plans of all scopes: a request with it as
    `accept_plan` has them applied although a guard stopped them. `cancelled_by` is who ended the job before its time.
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
        """Return it without its actions, and with its first error: small, whatever the job was."""
        return self.model_copy(update={"actions": (), "applied_actions": (), "errors": self.errors[:1]})


class JobProgress(BaseModel):
    """How far a job has come, between the slices that it is done in. Scopes go by the names of their locks.

    - `ended`: scopes in which nothing more is done; `failed`: those in which something failed, or was left.
    - `blocked`: those that a guard stopped, with the digests of their plans.
    - `settled`: the keys of actions that were applied, failed or stopped, and are not tried again.
    - `applied`: the keys of those of them that were applied; a result shows only some, if there are many.
    - `removals`: how many memberships may still end in a scope whose plan the guards let pass.
    - `memberships`: how many each scope has, by what was read and removed since; of those not blocked.
    - `fruitless`: how many slices in a row have done nothing.
    """

    model_config = ConfigDict(frozen=True)

    result: JobResult = JobResult()
    ended: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    blocked: dict[str, str] = {}
    settled: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()
    removals: dict[str, int] = {}
    memberships: dict[str, int] = {}
    fruitless: int = 0


def cut(error: str) -> str:
    """Return the sentence, or as much of it as a result may have."""
    return error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 1]}…"


def first(errors: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Return as many of the sentences as a result may have, and how many more there are."""
    kept: list[str] = []
    left_out = 0
    for error in errors:
        if len(kept) < MOST_ERRORS:
            kept.append(cut(error))
        else:
            left_out += 1
    return tuple(kept), left_out
