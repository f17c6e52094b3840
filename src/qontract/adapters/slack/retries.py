"""When a call to Slack is tried again."""

from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from random import random
from time import sleep
from typing import Any

from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from qontract.adapters.call_bounds import Bounds

RETRIES = 2
"""After a failure that is no refusal for the rate."""
_RATE_LIMITED_RETRIES = 5
_MAX_RETRY_AFTER = 3600.0


class Retries(RetryHandler):
    """SharedWaits and tries again, within the bounds of the call.

    A call that Slack refused for its rate (429) was not carried out: that is tried again after the time that Slack
    names. One that failed otherwise may have been: it is tried again only if it is `repeatable`.
    """

    def __init__(self, bounds: Bounds, *, repeatable: bool) -> None:
        super().__init__(max_retry_count=_RATE_LIMITED_RETRIES)
        self._bounds = bounds
        self._repeatable = repeatable

    def _can_retry(
        self, *, state: RetryState, response: HttpResponse | None = None, error: Exception | None = None, **_: Any
    ) -> bool:
        pause = self._pause(state.current_attempt, response, error)
        return pause is not None and self._bounds.allow(pause)

    def prepare_for_next_attempt(
        self, *, state: RetryState, response: HttpResponse | None = None, error: Exception | None = None, **_: Any
    ) -> None:
        """Wait, as slack_sdk wants it done here; and a little longer, so that those who wait do not come together."""
        sleep((self._pause(state.current_attempt, response, error) or 0) + random() / 2)  # noqa: S311 - no secret
        state.next_attempt_requested = True
        state.increment_current_attempt()

    def _pause(self, attempt: int, response: HttpResponse | None, error: Exception | None) -> float | None:
        """Return the seconds to wait; None if it is not to be tried again."""
        if response is not None and response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            seconds, longest = retry_after(response.headers), self._bounds.max_wait
            return seconds if longest is not None and seconds <= longest else None
        failed = (
            isinstance(error, OSError | HTTPException)
            if response is None
            else response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        )
        return 0.5 * 2.0**attempt if failed and self._repeatable and attempt < RETRIES else None


def retry_after(headers: Mapping[str, Any]) -> float:
    """Return the seconds that Slack wants to be left alone, an hour at most; one, if it does not say."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    text = value[0] if isinstance(value, list) and value else value
    if not (isinstance(text, str) and text.isascii() and text.isdecimal()):
        return 1.0
    return min(float(text), _MAX_RETRY_AFTER)
