"""Groups of settings: one for each part of qontract."""

import os
import re
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from qontract.domain.server_address import server_address

SECRET_BYTES = 32
"""The shortest key for HS256 (RFC 7518, 3.2): as long as the hash."""


def redis_url(url: SecretStr) -> SecretStr:
    server_address(url.get_secret_value())
    return url


def broker_url(url: SecretStr) -> SecretStr:
    if server_address(url.get_secret_value()).nodes:
        raise ValueError("is a cluster, which cannot hold the jobs; the events can be there: QAPI_EVENTS__URL")
    return url


def _tag(key: str) -> str:
    """Return the part of a key that alone says which slot of a cluster it is in, or ""."""
    tag = re.search(r"\{[^}]*\}", key)
    return tag[0] if tag else ""


def _signing_key(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET_BYTES:
        raise ValueError(f"must have at least {SECRET_BYTES} bytes")
    return secret


def _hyphens(handlers: dict[str, str | None]) -> dict[str, str | None]:
    """Return them with the names of subscriptions as they are: a variable for one has `_` in place of `-`."""
    return {name.replace("_", "-"): handler for name, handler in handlers.items()}


class Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _state_directory() -> Path:
    """Return where programs keep what is to outlast a restart (XDG Base Directory Specification 0.8).

    A user without a home has a directory of his own among the temporary ones. If another user made that, who would
    read what is kept there and could change it, it is refused when something is to be kept.
    """
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "qontract"
    except RuntimeError:  # a user without a home
        return Path(gettempdir()) / f"qontract-{os.geteuid()}"


class EventsSettings(Group):
    """`QAPI_EVENTS__…`: what becomes of the events. They wait in the file `spool` while Redis does not take them.

    With `replicas` or `fsync`, they also wait, in a file beside it, while fewer replicas of Redis, or disks, have them.
    """

    enabled: bool = True
    url: Annotated[SecretStr, AfterValidator(redis_url)] | None = Field(
        default=None, description="The Redis of the events, if they have one of their own"
    )
    channel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$")] = "main"
    stream: str = Field(default_factory=lambda data: f"qontract:{{{data.get('channel', 'main')}}}:events")
    source: str = Field(default="qontract-api", min_length=1)
    spool: Path = Field(default_factory=lambda: _state_directory() / "events.sqlite")
    spool_max_bytes: int = Field(default=100_000_000, ge=1_000_000)
    replicas: int = Field(default=0, ge=0, description="How many replicas of Redis have to have an event")
    fsync: bool = Field(default=False, description="Redis, and these replicas, have to have an event on their disks")
    replicas_timeout: float = Field(
        default_factory=lambda data: 3 if data.get("fsync") else 1,
        gt=0,
        le=10,
        description="Seconds that an event waits for them, at most",
    )

    @property
    def unreplicated(self) -> Path:
        """Where events wait that are published, and not on as many replicas, or disks, as they have to be."""
        return self.spool.with_name(f"{self.spool.name}.unreplicated")

    @field_validator("stream")
    @classmethod
    def _is_in_the_slot(cls, stream: str, info: ValidationInfo) -> str:
        """Refuse a stream that a cluster could keep on another node than what belongs to it."""
        url, tag = info.data.get("url"), f"{{{info.data.get('channel')}}}"
        if stream and url and server_address(url.get_secret_value()).nodes and tag != _tag(stream):
            raise ValueError(f"has to contain {tag}: in a cluster it has to be where all else of the channel is")
        return stream


class GuardsSettings(Group):
    """`QAPI_GUARDS__…`: what stops a plan that is likely a mistake; see qontract.application.guards."""

    max_removal_share: float = Field(default=0.25, ge=0, le=1, description="Of the memberships of a scope")
    min_removals: int = Field(default=10, ge=1, description="Fewer are always let pass")
    protected: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Integration, or integration/scope → who is never removed"
    )


class AuthSettings(Group):
    """`QAPI_AUTH__…`: the bearer tokens that the API accepts, and the key of the jobs.

    Tokens are signed with `secret` (HS256), which is needed for the jobs in any case, or with a key of the key set at
    `jwks`. While the secret is changed, what the previous one signed is accepted too.
    """

    secret: Annotated[SecretStr, AfterValidator(_signing_key)] | None = None
    previous_secret: Annotated[SecretStr, AfterValidator(_signing_key)] | None = None
    revoked: frozenset[str] = Field(default=frozenset(), description="Ids (`jti`) of tokens that are accepted no more")
    max_days: int = Field(default=400, ge=1, le=36500, description="For how long a token may be valid from now on")
    audience: str = "qontract-api"
    issuer: str = "qontract"
    jwks: str = Field(default="", description="A file, or a URL, of the public keys (RFC 7517) of who issues tokens")
    accept_secret: bool = Field(default=True, description="Accept tokens that are signed with the secret (HS256)")


class ApiSettings(Group):
    """`QAPI_API__…`: the HTTP API."""

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = Field(default=10_000_000, ge=1)
    requests_per_second: float = Field(default=50, gt=0, description="Of one subject, in the long run; then 429")
    requests_at_once: int = Field(default=500, ge=1, description="Of one subject, before that counts")
    open_jobs: int = Field(default=200, ge=1, description="Jobs of one subject that have not ended; then 429")
    waiting_requests: int = Field(default=2000, ge=1, description="That wait for the end of a job; then 503")
    connections: int = Field(default=4000, ge=1, description="More are answered 503, and closed")
    head_seconds: float = Field(default=10, gt=0, description="Within which the head of a request has to come")
    body_seconds: float = Field(default=60, gt=0, description="Within which its body has to come")


class WorkerSettings(Group):
    """`QAPI_WORKER__…`: the Celery worker. `port` serves its health and metrics."""

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8082, ge=0, le=65535)
    concurrency: int = Field(default=4, ge=1)
    time_limit: int = Field(default=600, ge=1, description="Seconds that a slice of a job may take")
    slice_seconds: int = Field(default=60, ge=1, description="Seconds after which a job goes on in its next slice")


class SubscriberSettings(Group):
    """`QAPI_SUBSCRIBER__…`: the event subscriber.

    `handlers`, for a handler under a second name: subscription → entry point; nothing switches that subscription off.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8081, ge=0, le=65535)
    handlers: Annotated[dict[str, str | None], AfterValidator(_hyphens)] = Field(default_factory=dict)
    batch: int = Field(default=500, ge=1, le=10_000, description="Events read at once")
    in_flight: int = Field(default=2000, ge=1, description="Events held at once")
    max_bytes: int = Field(default=64 * 2**20, ge=1, description="Bytes of events held at once")
    claim_seconds: float = Field(default=30, gt=0, description="Until the events of a dead replica are claimed")
    grace_seconds: float = Field(default=20, ge=0, description="For handlers at work to end after SIGTERM")
    retention_seconds: float = Field(default=7 * 24 * 3600, gt=0, description="Events are kept for at least so long")
    abandoned_seconds: float = Field(default=14 * 24 * 3600, gt=0, description="Until a silent group counts no more")
    refuse_eviction: bool = False
    modules: tuple[str, ...] = Field(default=(), description="Modules of plain FastStream handlers, to be imported")
