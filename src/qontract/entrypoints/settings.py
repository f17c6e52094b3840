"""Settings: environment variables that begin with `QAPI_`, and files below `QAPI_SECRETS_DIR`."""

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
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


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _state_directory() -> Path:
    """Return where programs keep what is to outlast a restart (XDG Base Directory Specification 0.8)."""
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "qontract"
    except RuntimeError:  # a user without a home
        return Path(gettempdir()) / "qontract"


class EventsSettings(_Group):
    """`QAPI_EVENTS__…`: what becomes of the events. They wait in the file `spool` while Redis does not take them."""

    enabled: bool = True
    channel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$")] = "main"
    stream: str = Field(default_factory=lambda data: f"qontract:{{{data.get('channel', 'main')}}}:events")
    source: str = Field(default="qontract-api", min_length=1)
    backend: Literal["redis", "memory"] = "redis"
    spool: Path = Field(default_factory=lambda: _state_directory() / "events.sqlite")
    spool_max_bytes: int = Field(default=100_000_000, ge=1_000_000)


class SlackSettings(_Group):
    """`QAPI_SLACK__…`: how Slack is reached. `notify_…`: where the notifier posts; nowhere, unless both are set."""

    api_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")] = "https://slack.com/api/"
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    timeout: float = Field(default=30, gt=0, description="Seconds for one call")
    notify_workspace: str = ""
    notify_channel: str = ""


class AuthSettings(_Group):
    """`QAPI_AUTH__…`: the bearer tokens that the API accepts (HS256)."""

    secret: Annotated[SecretStr, AfterValidator(_signing_key)] | None = None
    audience: str = "qontract-api"
    issuer: str = "qontract"


class ApiSettings(_Group):
    """`QAPI_API__…`: the HTTP API."""

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = Field(default=10_000_000, ge=1)


class WorkerSettings(_Group):
    """`QAPI_WORKER__…`: the Celery worker. `port` serves its health and metrics."""

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8082, ge=0, le=65535)
    concurrency: int = Field(default=4, ge=1)
    time_limit: int = Field(default=600, ge=1, description="Seconds that a job may take")


class SubscriberSettings(_Group):
    """`QAPI_SUBSCRIBER__…`: the event subscriber. `audit_file` is where the audit log goes; `-` is stdout."""

    host: str = "0.0.0.0"  # noqa: S104 - a service is to be reached
    port: int = Field(default=8081, ge=0, le=65535)
    audit_file: str = "-"
    batch: int = Field(default=100, ge=1, le=10_000, description="Events read at once")
    in_flight: int = Field(default=1000, ge=1, description="Events held at once")
    take_over_seconds: float = Field(default=30, gt=0, description="Until the events of a dead replica are taken over")
    grace_seconds: float = Field(default=20, ge=0, description="For handlers at work to end after SIGTERM")
    retention_seconds: float = Field(default=7 * 24 * 3600, gt=0, description="Events are kept for at least so long")
    abandoned_seconds: float = Field(default=14 * 24 * 3600, gt=0, description="Until a silent group counts no more")
    refuse_eviction: bool = False


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(env_prefix="QAPI_", env_nested_delimiter="__", frozen=True, extra="ignore")

    start_mode: Literal["api", "worker", "subscriber"] = "api"
    cache_broker_url: Annotated[SecretStr, AfterValidator(_redis_url)] = SecretStr("redis://localhost:6379/0")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    events: EventsSettings = Field(default_factory=EventsSettings)  # home is asked for then, not at import
    slack: SlackSettings = SlackSettings()
    auth: AuthSettings = AuthSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    subscriber: SubscriberSettings = SubscriberSettings()

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


def load_settings() -> Settings:
    """Read the settings. Each wrong one is a line that names its variable, and not its value; they end the process."""
    try:
        return Settings()
    except SettingsError as error:
        raise SystemExit(f"qontract: {_unreadable(error)}") from None
    except (OSError, UnicodeError) as error:
        raise SystemExit(f"qontract: QAPI_SECRETS_DIR: a file cannot be read: {type(error).__name__}") from None
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        raise SystemExit("\n".join(_line(problem) for problem in problems if problem["type"] not in _FOLLOWS)) from None


_FOLLOWS = {"default_factory_not_called"}
"""Problems that are there only because of another."""


def _line(problem: ErrorDetails) -> str:
    """Name the variable that was set: a map, or a whole group, may be given as JSON in one."""
    path = [str(part) for part in problem["loc"]]
    names = ["QAPI_" + "__".join(path[:length]).upper() for length in range(len(path), 0, -1)]
    variables = {name.upper() for name in os.environ}
    name = next((name for name in names if name in variables), names[0])
    inside = "".join(f"{part}: " for part in path[len(names) - names.index(name) :])
    return f"qontract: {name}: {inside}{problem['msg'].removeprefix('Value error, ')}"


def _unreadable(error: SettingsError) -> str:
    """Name the variable whose text is not JSON; if there is none, it is the secrets directory, or a file there."""
    if error.__cause__ is None:
        return f"QAPI_SECRETS_DIR: {error}"
    text = getattr(error.__cause__, "doc", None)
    names = [name.upper() for name, value in os.environ.items() if value == text and name.upper().startswith("QAPI_")]
    return f"{names[0] if names else 'QAPI_SECRETS_DIR: a file'}: not JSON, which a map is written in"
