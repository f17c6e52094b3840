"""Settings: environment variables that begin with `QAPI_`, and files below `QAPI_SECRETS_DIR`."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return url


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventsSettings(_Group):
    """`QAPI_EVENTS__…`: what becomes of the events."""

    enabled: bool = True
    channel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$")] = "main"
    stream: str = Field(default_factory=lambda data: f"qontract:{{{data.get('channel', 'main')}}}:events")
    source: str = Field(default="qontract-api", min_length=1)
    backend: Literal["redis", "memory"] = "redis"


class SlackSettings(_Group):
    """`QAPI_SLACK__…`: how Slack is reached. `notify_…`: where the Slack notifier posts; nowhere, unless both are set."""

    api_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")] = "https://slack.com/api/"
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    timeout: float = Field(default=30, gt=0, description="Seconds for one call")
    notify_workspace: str = ""
    notify_channel: str = ""


class AuthSettings(_Group):
    """`QAPI_AUTH__…`: the bearer tokens that the API accepts (HS256)."""

    secret: SecretStr | None = Field(default=None, min_length=32)
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


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(env_prefix="QAPI_", env_nested_delimiter="__", frozen=True, extra="ignore")

    start_mode: Literal["api", "worker", "subscriber"] = "api"
    cache_broker_url: Annotated[SecretStr, AfterValidator(_redis_url)] = SecretStr("redis://localhost:6379/0")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    events: EventsSettings = EventsSettings()
    slack: SlackSettings = SlackSettings()
    auth: AuthSettings = AuthSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    subscriber: SubscriberSettings = SubscriberSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
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
    """Read the settings. A wrong one ends the process with a line that names its variable, and not its value."""
    try:
        return Settings()
    except SettingsError as error:
        field = str(error).split('"')[1] if '"' in str(error) else ""
        raise SystemExit(f"qontract: QAPI_{field.upper()}__…: cannot be read; a map is written as JSON") from None
    except ValidationError as error:
        raise SystemExit("\n".join(map(_line, error.errors(include_input=False, include_url=False)))) from None


def _line(problem: object) -> str:
    assert isinstance(problem, dict)
    variable = "QAPI_" + "__".join(str(part) for part in problem["loc"]).upper()
    return f"qontract: {variable}: {problem['msg']}"
