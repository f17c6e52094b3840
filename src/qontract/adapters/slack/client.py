"""Calls to Slack's Web API."""

import re
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

from qontract.application.ports.integration import IntegrationError

_PAGE = 999
_RATE_LIMITED_RETRIES = 5
_RETRIES = 2


class _ServerErrors(ServerErrorRetryHandler):
    """Those of gateways too, which slack_sdk leaves out."""

    def _can_retry(self, *, response: HttpResponse | None = None, **_: Any) -> bool:
        return response is not None and response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR


class SlackClient:
    """Calls the Web API of one workspace; `timeout` is for one attempt, in seconds.

    A call that Slack refused for its rate (429) is tried again after `Retry-After`, for it was not carried out. One
    that failed otherwise may have been: it is tried again only if doing it twice is the same as once.

    Every failure is an IntegrationError with the method and Slack's reason; so is a token that cannot be one.
    """

    def __init__(self, token: str, *, api_url: str, timeout: float) -> None:
        if not re.fullmatch(r"[!-~]+", token.strip()):  # urllib would show it in its own complaint
            raise IntegrationError("a token in QAPI_SLACK__TOKENS is empty, or has characters that no token has")

        def client(*more: RetryHandler) -> WebClient:
            handlers = [RateLimitErrorRetryHandler(max_retry_count=_RATE_LIMITED_RETRIES), *more]
            return WebClient(token, base_url=api_url, timeout=timeout, retry_handlers=handlers)  # type: ignore[arg-type]  # a float will do

        self._once = client()
        self._repeatable = client(
            ConnectionErrorRetryHandler(max_retry_count=_RETRIES, error_types=[OSError, HTTPException]),
            _ServerErrors(max_retry_count=_RETRIES),
        )

    def call(self, method: str, *, once: bool = False, done: str | None = None, **arguments: Any) -> Any:
        """Call a method and return its answer.

        `once`: doing it twice would make two of what it makes. `done`: the refusal which says that it is done already.
        """
        client = self._once if once else self._repeatable
        try:
            return client.api_call(method, data=arguments).data
        except SlackApiError as error:
            reason = error.response.get("error") if isinstance(error.response.data, dict) else None
            if reason and reason == done:
                return error.response.data
            status = error.response.status_code
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
