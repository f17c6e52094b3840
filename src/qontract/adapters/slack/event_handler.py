"""Slack: a message in a channel for each event."""

from functools import partial
from typing import Any

import anyio.to_thread

from qontract.adapters.slack.client import SlackClient
from qontract.application.ports.event_handler import EventHandler
from qontract.domain.events import DomainEvent

_LONGEST = 3000
"""Characters of one detail: Slack refuses a message of more than 40,000, and would do so each time."""


class SlackEventHandler(EventHandler):
    """Posts a line to `channel` (a name or an id) with a bot token that has the scope chat:write.

    Raises SlackWorkspacesError if Slack refuses it: the event is then not handled.
    """

    def __init__(
        self, token: str, channel: str, *, api_url: str, timeout: float, types: tuple[str, ...] = ("*",)
    ) -> None:
        self.types = types
        self._channel = channel
        self._slack = SlackClient(token, api_url=api_url, timeout=timeout)

    async def handle(self, event: DomainEvent) -> None:
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
