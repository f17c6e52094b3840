"""Jobs: work that was accepted and is done later, how far it has come, and how it ended."""

from enum import StrEnum
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, JsonValue


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
    share a name never run at the same time, and the one submitted first never follows the other. `requested_by` is who
    asked for it, and `reason` why.
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    payload: dict[str, JsonValue]
    locks: tuple[str, ...] = ()
    correlation_id: str | None = None
    requested_by: str | None = None
    reason: str | None = None
    id: str = Field(default_factory=lambda: str(uuid4()))


class JobResult(BaseModel):
    """What a job planned (`actions`), what it did (`applied_actions`), and a sentence for each thing that failed.

    `done` of `of` actions are applied so far. `plan_digest` stands for the plans of all scopes: a request with it as
    `accept_plan` has them applied although a guard stopped them.
    """

    model_config = ConfigDict(frozen=True)

    status: JobStatus = JobStatus.PENDING
    done: int = 0
    of: int = 0
    actions: tuple[dict[str, JsonValue], ...] = ()
    applied_actions: tuple[dict[str, JsonValue], ...] = ()
    errors: tuple[str, ...] = ()
    plan_digest: str | None = None


class JobProgress(BaseModel):
    """How far a job has come, between the slices that it is done in. Scopes go by the names of their locks.

    - `ended`: scopes in which nothing more is done; `blocked`: those of them that a guard stopped.
    - `settled`: the keys of actions that were applied, failed or stopped, and are not tried again.
    - `removals`: how many memberships may still end in a scope whose plan the guards let pass.
    - `memberships`: how many each scope has, by what was read and removed since; of those not blocked.
    - `fruitless`: how many slices in a row have done nothing.
    """

    model_config = ConfigDict(frozen=True)

    result: JobResult = JobResult()
    ended: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    removals: dict[str, int] = {}
    memberships: dict[str, int] = {}
    fruitless: int = 0
