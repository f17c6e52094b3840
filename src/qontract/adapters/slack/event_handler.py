"""Slack: a message in a channel for each event."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from qontract.adapters.call_bounds import Bounds
from qontract.adapters.slack.client import SlackClient
from qontract.adapters.slack.escaping import escaped
from qontract.adapters.slack.settings import ApiUrl
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, RetryLater
from qontract.application.ports.integration import RateLimitedError
from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import Action

_NAME, _REASON, _DETAIL = 250, 500, 2000
"""Characters of a part. All of them are fewer than 4,000: Slack makes several messages of a longer text."""


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]*", token.get_secret_value()):
        raise ValueError("has characters that no token has")
    return token


class SlackEventHandler(EventHandler):
    """Posts a message for each event, with a bot token that has the scope chat:write.

    Raises IntegrationError if Slack refuses it: the event is then not handled. If Slack wants it later, it is
    RetryLater. A time-out or the end of the process abandons what is under way, and nothing is posted afterwards.
    """

    class Settings(BaseModel):
        """`QAPI_SLACK_NOTIFIER__…`: it posts to `channel`, a name or an id, if that and a token are set."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        token: Annotated[SecretStr, AfterValidator(_token)] = SecretStr("")
        channel: str = ""
        types: tuple[str, ...] = ("*",)
        api_url: ApiUrl = "https://slack.com/api/"
        timeout: float = Field(default=30, gt=0, description="Seconds for one request, its whole answer included")

        @property
        def enabled(self) -> bool:
            """Whether it is said how to post, and where."""
            return bool(self.token.get_secret_value() and self.channel)

    def __init__(self, settings: Settings) -> None:
        self.types = settings.types
        self.policy = Policy(timeout=2 * settings.timeout)  # so that a request ends before its attempt does
        self._channel = settings.channel
        self._timeout = settings.timeout
        self._slack = SlackClient(settings.token.get_secret_value(), api_url=settings.api_url, timeout=settings.timeout)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:  # noqa: ARG002 - every attempt is the same
        """Post the message. After a lost answer it may be posted twice."""
        bounds = Bounds(seconds=self._timeout, attempt=self._timeout, max_wait=None)
        no_previews = {"unfurl_links": False, "unfurl_media": False}  # Slack would ask any host that an event names
        post = partial(self._slack.call, "chat.postMessage", once=True, bounds=bounds, channel=self._channel)
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(
                _DaemonThreads(), partial(copy_context().run, partial(post, text=_message(event), **no_previews))
            )
        except RateLimitedError as error:
            raise RetryLater(min(error.seconds, self.policy.max_backoff)) from None
        finally:
            bounds.abandon()


class _DaemonThreads(Executor):
    """A thread for each piece of work, which the end of the process does not wait for; it waits for asyncio's own."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # who waits for it may be cancelled; it still has somewhere to put it

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                future.set_exception(error)

        Thread(target=run, name="slack-notifier", daemon=True).start()
        return future


def _message(event: DomainEvent) -> str:
    """Return what is posted: what happened to what in the first line, then the details.

    Whatever others wrote is in code spans and has no line of its own, so no event can show what another one would.
    """
    first = " ".join(filter(None, ("*event*", escaped(event.type, _NAME), escaped(event.subject or "", _NAME))))
    details = ((name, escaped(text, longest)) for name, text, longest in _details(event))
    return "\n".join([first, *(f"{name}: {text}" for name, text in details if text)])


def _details(event: DomainEvent) -> list[tuple[str, str, int]]:
    """Return name, text and longest text of each detail: what changed, or why not, and who asked for it and why."""
    return [
        *([("change", event.data.summary, _DETAIL)] if isinstance(event.data, Action) else _reasons(event.data)),
        ("asked for by", str(event.extensions.get("authid", "")), _NAME),
        ("because", str(event.extensions.get("reason", "")), _REASON),
    ]


def _reasons(data: object) -> list[tuple[str, str, int]]:
    """Return what a failure, or a plan that was stopped, says; and any other event that says it in the same words."""
    fields = dict(data) if isinstance(data, EventData) else data if isinstance(data, dict) else {}
    texts = {name: fields.get(name) for name in ("error", "reason", "plan_digest")}
    return [(name, text, _REASON) for name, text in texts.items() if isinstance(text, str)]
