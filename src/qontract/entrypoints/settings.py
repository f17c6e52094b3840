"""Settings: environment variables that begin with `QAPI_`, and files below `QAPI_SECRETS_DIR`."""

import os
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

SECRET_BYTES = 32
"""The shortest key for HS256 (RFC 7518, 3.2): as long as the hash."""


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    try:
        urlsplit(url.get_secret_value()).port  # noqa: B018 - reading it checks it
    except ValueError:
        raise ValueError("is no URL; in a password, write / : @ # as %2F %3A %40 %23") from None
    return url


def _signing_key(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET_BYTES:
        raise ValueError(f"must have at least {SECRET_BYTES} bytes")
    return secret


def _hyphens(handlers: dict[str, str | None]) -> dict[str, str | None]:
    """Return them with the names of subscriptions as they are: a variable for one has `_` in place of `-`."""
    return {name.replace("_", "-"): handler for name, handler in handlers.items()}


class _Group(BaseModel):
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


class EventsSettings(_Group):
    """`QAPI_EVENTS__…`: what becomes of the events. They wait in the file `spool` while Redis does not take them."""

    enabled: bool = True
    channel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$")] = "main"
    stream: str = Field(default_factory=lambda data: f"qontract:{{{data.get('channel', 'main')}}}:events")
    source: str = Field(default="qontract-api", min_length=1)
    spool: Path = Field(default_factory=lambda: _state_directory() / "events.sqlite")
    spool_max_bytes: int = Field(default=100_000_000, ge=1_000_000)


class GuardsSettings(_Group):
    """`QAPI_GUARDS__…`: what stops a plan that is likely a mistake; see qontract.application.guards."""

    max_removal_share: float = Field(default=0.25, ge=0, le=1, description="Of the memberships of a scope")
    min_removals: int = Field(default=10, ge=1, description="Fewer are always let pass")
    protected: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Integration, or integration/scope → who is never removed"
    )


class AuthSettings(_Group):
    """`QAPI_AUTH__…`: the bearer tokens that the API accepts (HS256).

    While the key is changed, tokens that the previous one signed are accepted too.
    """

    secret: Annotated[SecretStr, AfterValidator(_signing_key)] | None = None
    previous_secret: Annotated[SecretStr, AfterValidator(_signing_key)] | None = None
    revoked: frozenset[str] = Field(default=frozenset(), description="Ids (`jti`) of tokens that are accepted no more")
    longest_days: int = Field(default=400, ge=1, le=36500, description="For how long a token may be valid from now on")
    audience: str = "qontract-api"
    issuer: str = "qontract"


class ApiSettings(_Group):
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


class WorkerSettings(_Group):
    """`QAPI_WORKER__…`: the Celery worker. `port` serves its health and metrics."""

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8082, ge=0, le=65535)
    concurrency: int = Field(default=4, ge=1)
    time_limit: int = Field(default=600, ge=1, description="Seconds that a slice of a job may take")
    slice_seconds: int = Field(default=60, ge=1, description="Seconds after which a job goes on in its next slice")


class SubscriberSettings(_Group):
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


class _Sources(BaseSettings):
    """Where settings are read from."""

    model_config = SettingsConfigDict(env_prefix="QAPI_", env_nested_delimiter="__", frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is given
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is given
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then a file for each setting: `slack/tokens/coreos` below `QAPI_SECRETS_DIR`."""
        directory = os.environ.get("QAPI_SECRETS_DIR")
        if not directory:
            return init_settings, env_settings
        files = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=Path(directory),
            secrets_prefix="",
            secrets_nested_subdir=True,
            secrets_dir_missing="error",
        )
        return init_settings, env_settings, files


class Settings(_Sources):
    """All settings."""

    start_mode: Literal["api", "worker", "subscriber"] = "api"
    cache_broker_url: Annotated[SecretStr, AfterValidator(_redis_url)] = SecretStr("redis://localhost:6379/0")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    events: EventsSettings = Field(default_factory=EventsSettings)  # home is asked for then, not at import
    guards: GuardsSettings = GuardsSettings()
    auth: AuthSettings = AuthSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    subscriber: SubscriberSettings = SubscriberSettings()


M = TypeVar("M", bound=BaseModel)


class SettingsProblemsError(ValueError):
    """Settings are missing or wrong: each of `problems` is a line that names a variable, and not its value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def load_settings() -> Settings:
    """Read the settings. Each wrong one is a line that names its variable, and not its value; they end the process."""
    try:
        return _read(Settings)
    except SettingsProblemsError as error:
        raise SystemExit("\n".join(f"qontract: {problem}" for problem in error.problems)) from None


def load_settings_of(model: type[M], name: str) -> M:
    """Read the settings of what has this name, `tickets-b`: `QAPI_TICKETS_B__…`, or files below `tickets_b/`.

    Raises SettingsProblemsError.
    """
    field = name.replace("-", "_")
    if field in Settings.model_fields or hasattr(BaseSettings, field):  # json, copy, …
        raise SettingsProblemsError([f"QAPI_{field.upper()}: this name is taken; choose another"])
    fields: dict[str, Any] = {field: (model, Field(default_factory=dict, validate_default=True))}
    settings: M = getattr(_read(create_model("Settings", __base__=_Sources, **fields), theirs=True), field)
    return settings


S = TypeVar("S", bound=_Sources)


def _read(settings: type[S], *, theirs: bool = False) -> S:
    try:
        return settings()
    except SettingsError as error:
        raise SettingsProblemsError([_unreadable(error)]) from None
    except (OSError, UnicodeError) as error:
        message = f"QAPI_SECRETS_DIR: a file cannot be read: {type(error).__name__}"
        raise SettingsProblemsError([message]) from None
    except ValidationError as error:
        said = _without_values if theirs else _said
        problems = error.errors(include_url=False, include_context=False)
        lines = [_line(problem, said(problem)) for problem in problems if problem["type"] not in _FOLLOWS]
        raise SettingsProblemsError(lines) from None


_FOLLOWS = {"default_factory_not_called"}
"""Problems that are there only because of another."""


def _line(problem: ErrorDetails, said: str) -> str:
    """Name the variable that was set: a map, or a whole group, may be given as JSON in one."""
    path = [str(part) for part in problem["loc"]]
    names = ["QAPI_" + "__".join(path[:length]).upper() for length in range(len(path), 0, -1)]
    variables = {name.upper() for name in os.environ}
    name = next((name for name in names if name in variables), names[0])
    inside = "".join(f"{part}: " for part in path[len(names) - names.index(name) :])
    return f"{name}: {inside}{said}"


def _said(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")


def _without_values(problem: ErrorDetails) -> str:
    """Return what somebody else's model says, in one line; should it repeat a value, without that."""
    texts = sorted(_texts(problem["input"]), key=len, reverse=True)
    return " ".join(reduce(lambda said, text: said.replace(text, "…"), texts, _said(problem)).split())


_SHORTEST_SECRET = 4


def _texts(value: object) -> Iterator[str]:
    """Give every text that the value has in it."""
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
    elif len(text := str(value)) >= _SHORTEST_SECRET:
        yield text


def _unreadable(error: SettingsError) -> str:
    """Name the variable whose text is not JSON; if there is none, it is the secrets directory, or a file there."""
    if error.__cause__ is None:
        return f"QAPI_SECRETS_DIR: {error}"
    text = getattr(error.__cause__, "doc", None)
    names = [name.upper() for name, value in os.environ.items() if value == text and name.upper().startswith("QAPI_")]
    return f"{names[0] if names else 'QAPI_SECRETS_DIR: a file'}: not JSON, which maps and lists are written in"
