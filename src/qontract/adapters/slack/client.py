"""Calls to Slack's Web API."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.error import URLError

from slack_sdk.errors import SlackApiError

from qontract.adapters.call_bounds import Bounds, OutOfBoundsError
from qontract.adapters.one_line_text import one_line
from qontract.adapters.slack.retries import RETRIES, Retries, retry_after
from qontract.adapters.slack.web_client import BoundedWebClient
from qontract.application.ports.integration import IntegrationError, RateLimitedError

_PAGE = 999
_PAGES = 1_000
"""Pages of a paged read: a million users."""
_PAGED_ATTEMPTS = 20
"""A paged read has the time of so many attempts: ten minutes, as long as a slice of a job may take."""
_SHORT_SECONDS = 2
"""A pause that is not worth another slice of the job."""
_MAX_SECONDS = 120
"""A pause in the midst of an action, whose rest would stay undone; Slack's are within a minute."""


class SlackClient:
    """Calls the Web API of one workspace; `timeout` is for one attempt with its whole answer, in seconds.

    A call that Slack refused for its rate (429) was not carried out. It is tried again after `Retry-After` if that is
    soon, or in the midst of an action; else it is a RateLimitedError. A call that failed otherwise may have been
    carried out: it is tried again only if doing it twice is the same as once.

    Slack is not trusted: no redirect is followed, and time, bytes and pages have bounds.

    Every other failure is an IntegrationError with the method and Slack's reason, in one line that is not long,
    whatever Slack answered; so is a token that cannot be one.
    """

    def __init__(self, token: str, *, api_url: str, timeout: float) -> None:
        if not re.fullmatch(r"[!-~]+", token.strip()):  # urllib would show it in its own complaint
            raise IntegrationError("a token in QAPI_SLACK__TOKENS is empty, or has characters that no token has")
        self._token = token
        self._api_url = api_url
        self._timeout = timeout

    def call(
        self,
        method: str,
        *,
        once: bool = False,
        midst: bool = False,
        done: str | None = None,
        bounds: Bounds | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Call a method and return its answer.

        `once`: doing it twice would make two of what it makes. `midst`: a part of its action is done already. `done`:
        the refusal which says that it is done already. `bounds`: others than those of every call.
        """
        bounds = bounds or self._bounds(RETRIES + 1, _MAX_SECONDS if midst else _SHORT_SECONDS)
        retries = Retries(bounds, repeatable=not once)
        client = BoundedWebClient(self._token, api_url=self._api_url, bounds=bounds, retries=retries)
        try:
            answer = client.api_call(method, data=arguments).data
        except SlackApiError as error:
            return _refused(method, error, done=done, wait=midst)
        except OutOfBoundsError as error:
            raise IntegrationError(f"Slack's answer to {method} {error}") from None
        except OSError as error:
            raise _unanswered(method, error) from None
        except Exception as error:  # noqa: BLE001 - slack_sdk, of what is no JSON, no object, or too deep: any
            raise _unreadable(method, error) from None
        if not isinstance(answer, dict):
            raise IntegrationError(_NO_OBJECT.format(method))
        return answer

    def pages(self, method: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Give the pages of a paged method.

        Raises IntegrationError, also if they have no end: for a cursor that came before, and after too many.
        """
        bounds = self._bounds(_PAGED_ATTEMPTS, _SHORT_SECONDS)
        cursors = {""}
        more: dict[str, Any] = {}
        for _ in range(_PAGES):
            page = self.call(method, bounds=bounds, limit=_PAGE, **arguments, **more)
            yield page
            about = page.get("response_metadata")
            cursor = about.get("next_cursor") if isinstance(about, dict) else about
            if not cursor:
                return
            if not isinstance(cursor, str) or cursor in cursors:
                raise IntegrationError(f"Slack's answer to {method} names a next page that it named before, or none")
            cursors.add(cursor)
            more = {"cursor": cursor}
        raise IntegrationError(f"Slack's answer to {method} has more than {_PAGES} pages")

    def _bounds(self, attempts: int, max_wait: float) -> Bounds:
        seconds = attempts * self._timeout + max_wait
        return Bounds(seconds=seconds, attempt=self._timeout, max_wait=max_wait)


_NO_OBJECT = "Slack answered {} with something other than a JSON object"


def _refused(method: str, error: SlackApiError, *, done: str | None, wait: bool) -> dict[str, Any]:
    """Return the answer, if it refuses what is done already. Raises RateLimitedError or IntegrationError."""
    response = error.response
    status = int(response.status_code)
    answer: dict[str, Any] = response.data if isinstance(response.data, dict) else {}
    reason = answer.get("error")
    if isinstance(reason, str) and reason == done:
        return answer
    if status == HTTPStatus.TOO_MANY_REQUESTS and not wait:
        raise RateLimitedError(f"Slack wants {method} to be called later", retry_after(response.headers)) from None
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise IntegrationError(f"Slack redirects {method} (HTTP {status}); a token follows no redirect") from None
    said = one_line(reason) if isinstance(reason, str) else ""
    raise IntegrationError(f"Slack refused {method}: {said or f'HTTP {status}'}") from None


def _unanswered(method: str, error: Exception) -> IntegrationError:
    reason = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    return IntegrationError(f"Slack did not answer {method}: {one_line(f'{type(reason).__name__}: {reason}')}")


def _unreadable(method: str, error: Exception) -> IntegrationError:
    if isinstance(error, ValueError | AttributeError | RecursionError | TypeError | LookupError):
        return IntegrationError(_NO_OBJECT.format(method))
    return _unanswered(method, error)
