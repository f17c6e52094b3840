"""Jobs: work that was accepted and is done later, and how it ended."""

from enum import StrEnum
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class JobStatus(StrEnum):
    """How far a job has come. All but `PENDING` are final."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"


class Job(BaseModel):
    """Work for one integration.

    `payload` is what its use case takes. `exclusive` names what the job changes (`slack-usergroups/coreos`): two jobs
    that share a name never run at the same time, and the one submitted first never follows the other.
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    payload: dict[str, JsonValue]
    exclusive: tuple[str, ...] = ()
    correlation_id: str | None = None
    id: str = Field(default_factory=lambda: str(uuid4()))


class JobResult(BaseModel):
    """What a job planned (`actions`), what it did (`applied_actions`), and a sentence for each thing that failed."""

    model_config = ConfigDict(frozen=True)

    status: JobStatus = JobStatus.PENDING
    actions: tuple[dict[str, JsonValue], ...] = ()
    applied_actions: tuple[dict[str, JsonValue], ...] = ()
    errors: tuple[str, ...] = ()
