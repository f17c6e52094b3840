"""Settings: environment variables that begin with `QAPI_`, and files below `QAPI_SECRETS_DIR`."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, SecretStr, create_model
from pydantic_settings import BaseSettings

from qontract.entrypoints.settings.groups import (
    ApiSettings,
    AuthSettings,
    EventsSettings,
    GuardsSettings,
    SubscriberSettings,
    WorkerSettings,
    broker_url,
)
from qontract.entrypoints.settings.reading import SettingsProblemsError, Sources, read


class Settings(Sources):
    """All settings."""

    start_mode: Literal["api", "worker", "subscriber"] = "api"
    cache_broker_url: Annotated[SecretStr, AfterValidator(broker_url)] = SecretStr("redis://localhost:6379/0")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    events: EventsSettings = Field(default_factory=EventsSettings)  # home is asked for then, not at import
    guards: GuardsSettings = GuardsSettings()
    auth: AuthSettings = AuthSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    subscriber: SubscriberSettings = SubscriberSettings()

    @property
    def events_url(self) -> str:
        """Where the events are: with the jobs, unless they have a Redis of their own."""
        return (self.events.url or self.cache_broker_url).get_secret_value()

    @property
    def events_url_name(self) -> str:
        """Return the variable that says it."""
        return "QAPI_EVENTS__URL" if self.events.url else "QAPI_CACHE_BROKER_URL"


M = TypeVar("M", bound=BaseModel)


def load_settings() -> Settings:
    """Read the settings. Each wrong one is a line that names its variable, and not its value; they end the process."""
    try:
        return read(Settings)
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
    settings: M = getattr(read(create_model("Settings", __base__=Sources, **fields), theirs=True), field)
    return settings
