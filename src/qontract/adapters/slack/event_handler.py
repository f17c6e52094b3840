"""Slack: a message in a channel for each event."""

import re
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from qontract.adapters.slack.client import SlackClient
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent

_LONGEST = 3000
"""Characters of one detail: Slack refuses a message of more than 40,000, and would do so each time."""


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]*", token.get_secret_value()):
        raise ValueError("has characters that no token has")
    return token


class SlackEventHandler(EventHandler):
    """Posts a line for each event, with a bot token that has the scope chat:write.

    Raises SlackWorkspacesError if Slack refuses it: the event is then not handled.
    """

    class Settings(BaseModel):
        """`QAPI_SLACK_NOTIFIER__…`: it posts to `channel`, a name or an id, if that and a token are set."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        token: Annotated[SecretStr, AfterValidator(_token)] = SecretStr("")
        channel: str = ""
        types: tuple[str, ...] = ("*",)
        api_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")] = "https://slack.com/api/"
        timeout: float = Field(default=30, gt=0, description="Seconds for one call")

        @property
        def enabled(self) -> bool:
            """Whether it is said how to post, and where."""
            return bool(self.token.get_secret_value() and self.channel)

    def __init__(self, settings: Settings) -> None:
        self.types = settings.types
        self._channel = settings.channel
        self._slack = SlackClient(settings.token.get_secret_value(), api_url=settings.api_url, timeout=settings.timeout)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:  # noqa: ARG002 - every attempt is the same
        """Post the line. After a lost answer it may be posted twice."""
        post = partial(self._slack.call, "chat.postMessage", once=True, channel=self._channel, text=_line(event))
        await anyio.to_thread.run_sync(post)


def _line(event: DomainEvent) -> str:
    data: dict[str, Any] = event.model_dump(mode="json")["data"]
    details = [f"{key}: {_text(data[key])}" for key in ("users_to_add", "users_to_remove", "error") if data.get(key)]
    return "\n".join([f"*{_text(event.type)}* `{_text(event.subject or '')}`", *details])


def _text(value: Any) -> str:
    """Return text with what Slack reads as markup escaped (Slack, "Formatting text": escaping)."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
