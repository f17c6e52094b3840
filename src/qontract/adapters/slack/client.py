"""Calls to Slack's Web API."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.http_retry.response import HttpResponse

from qontract.application.ports.integration import IntegrationError, RateLimitedError

_PAGE = 999
_RATE_LIMITED_RETRIES = 5
_RETRIES = 2
_SHORT_SECONDS = 2
"""A pause that is not worth another slice of the job."""
_LONGEST_SECONDS = 120
"""A pause in the midst of an action, whose rest would stay undone; Slack's are within a minute."""


class _RateLimits(RateLimitErrorRetryHandler):
    """Waits as long as Slack says, but not longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(max_retry_count=_RATE_LIMITED_RETRIES)
        self._seconds = seconds

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        return (
            response is not None
            and response.status_code == HTTPStatus.TOO_MANY_REQUESTS
            and retry_after(response.headers) <= self._seconds
        )


class _ServerErrors(ServerErrorRetryHandler):
    """Those of gateways too, which slack_sdk leaves out."""

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        return response is not None and response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR


class SlackClient:
    """Calls the Web API of one workspace; `timeout` is for one attempt, in seconds.

    A call that Slack refused for its rate (429) was not carried out. It is tried again after `Retry-After` if that is
    soon, or in the midst of an action; else it is a RateLimitedError. A call that failed otherwise may have been carried
    out: it is tried again only if doing it twice is the same as once.

    Every other failure is an IntegrationError with the method and Slack's reason; so is a token that cannot be one.
    """

    def __init__(self, token: str, *, api_url: str, timeout: float) -> None:
        if not re.fullmatch(r"[!-~]+", token.strip()):  # urllib would show it in its own complaint
            raise IntegrationError("a token in QAPI_SLACK__TOKENS is empty, or has characters that no token has")

        def client(seconds: float, *more: RetryHandler) -> WebClient:
            handlers = [_RateLimits(seconds), *more]
            return WebClient(token, base_url=api_url, timeout=timeout, retry_handlers=handlers)  # type: ignore[arg-type]  # a float will do

        repeatable = (
            ConnectionErrorRetryHandler(max_retry_count=_RETRIES, error_types=[OSError, HTTPException]),
            _ServerErrors(max_retry_count=_RETRIES),
        )
        self._once = client(_SHORT_SECONDS)
        self._repeatable = client(_SHORT_SECONDS, *repeatable)
        self._midst = client(_LONGEST_SECONDS, *repeatable)

    def call(
        self, method: str, *, once: bool = False, midst: bool = False, done: str | None = None, **arguments: Any
    ) -> Any:
        """Call a method and return its answer.

        `once`: doing it twice would make two of what it makes. `midst`: a part of its action is done already. `done`:
        the refusal which says that it is done already.
        """
        client = self._once if once else self._midst if midst else self._repeatable
        try:
            return client.api_call(method, data=arguments).data
        except SlackApiError as error:
            reason = error.response.get("error") if isinstance(error.response.data, dict) else None
            if reason and reason == done:
                return error.response.data
            status = error.response.status_code
            if status == HTTPStatus.TOO_MANY_REQUESTS and not midst:
                seconds = retry_after(error.response.headers)
                raise RateLimitedError(f"Slack wants {method} to be called later", seconds) from None
            raise IntegrationError(f"Slack refused {method}: {reason or f'HTTP {status}'}") from None
        except (SlackClientError, HTTPException, OSError) as error:
            raise IntegrationError(f"Slack did not answer {method}: {type(error).__name__}: {error}") from None
        except (ValueError, AttributeError):  # slack_sdk, of JSON that is broken or no object
            raise IntegrationError(f"Slack answered {method} with something other than a JSON object") from None

    def pages(self, method: str, key: str, **arguments: Any) -> list[Any]:
        """Return what a paged method lists under `key`, of all its pages."""
        page = self.call(method, limit=_PAGE, **arguments)
        found: list[Any] = page[key]
        while cursor := (page.get("response_metadata") or {}).get("next_cursor"):
            page = self.call(method, limit=_PAGE, cursor=cursor, **arguments)
            found += page[key]
        return found


def retry_after(headers: Mapping[str, Any]) -> float:
    """Return the seconds that Slack wants to be left alone; one, if it does not say."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    text = value[0] if isinstance(value, list) and value else value
    return float(text) if isinstance(text, str) and text.isdecimal() else 1.0
