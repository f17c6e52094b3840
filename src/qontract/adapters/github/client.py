"""Calls to GitHub's APIs: REST and GraphQL."""

import re
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Self, TypeVar

from githubkit import GitHub
from githubkit.auth import BaseAuthStrategy
from githubkit.cache import BaseCacheStrategy
from githubkit.exception import GraphQLFailed, RateLimitExceeded, RequestError, RequestFailed

from qontract.adapters.bounded_transport import BoundedTransport
from qontract.adapters.call_bounds import Bounds, OutOfBoundsError
from qontract.adapters.one_line_text import one_line
from qontract.application import tracing
from qontract.application.ports.integration import IntegrationError, RateLimitedError

_MAX_CALL = 200
"""Characters of a call in an error: a path has names in it."""
_RETRIES = 2
_RETRY_SECONDS = 0.5
_SHORT_SECONDS = 2
"""A pause that is not worth another slice of the job."""
_MAX_SECONDS = 300
"""Pauses in the midst of an action, whose rest would stay undone, in all."""
_MAX_RETRY_AFTER = 3600
"""GitHub's limits are of an hour."""
_UNKNOWN_SECONDS = 60
"""Seconds to wait where GitHub names none, as its documentation of rate limits says."""

T = TypeVar("T")


class RefusedError(IntegrationError):
    """GitHub refused a call with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class GithubCalls:
    """The calls of one reading, or of one action; `with` keeps one connection for them.

    A call that GitHub refused for a rate limit was not carried out. It is tried again after the time that GitHub names
    if that is soon, or in the midst of an action, within a bound; else it is a RateLimitedError. A call that failed
    otherwise may have been carried out: it is tried again only if doing it twice is the same as once.

    GitHub is not trusted: no redirect is followed, and time and bytes have `bounds`, those of each attempt and those of
    all of them.

    Every failure is an IntegrationError with the call and the reason, in one line that is not long, whatever GitHub
    answered.
    """

    def __init__(
        self,
        auth: BaseAuthStrategy,
        *,
        api_url: str,
        bounds: Bounds,
        cache: BaseCacheStrategy,
    ) -> None:
        self._github: GitHub[Any] = GitHub(
            auth,
            base_url=api_url,
            follow_redirects=False,
            transport=BoundedTransport(bounds, api_url),
            trust_env=False,
            cache_strategy=cache,
            auto_retry=False,
            http_cache=False,
        )
        self._bounds = bounds
        self._changed = False
        self._patience: float = _MAX_SECONDS

    def __enter__(self) -> Self:
        self._github.__enter__()  # type: ignore[no-untyped-call] # githubkit gives it no type
        return self

    def __exit__(self, *_: object) -> None:
        self._github.__exit__()

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data that a GraphQL query gives."""
        name = re.findall(r"\w+", query)[1]
        span = partial(tracing.calling, "POST", "/graphql", name)
        return self._with_retries(f"the query {name}", span, lambda _: self._github.graphql.request(query, variables))

    def get(self, path: str, **parameters: Any) -> Any:
        """Return what is there."""
        return self._with_retries(
            f"GET {path}", _span("GET", path), lambda _: self._github.request("GET", path, params=parameters).json()
        )

    def post(self, path: str, **body: Any) -> Any:
        """Make something, and return it. It is tried once: twice would make two."""
        span = _span("POST", path)
        answer = self._with_retries(
            f"POST {path}", span, lambda _: self._github.request("POST", path, json=body).json(), once=True
        )
        self._changed = True
        return answer

    def change(self, verb: str, path: str, **body: Any) -> None:
        """PUT or PATCH."""
        span = _span(verb, path)
        self._with_retries(f"{verb} {path}", span, lambda _: self._github.request(verb, path, json=body), writes=True)
        self._changed = True

    def delete(self, path: str) -> None:
        """Delete it; that it is not there any more when this is tried again means that it was deleted."""

        def call(again: bool) -> None:
            try:
                self._github.request("DELETE", path)
            except RequestFailed as error:
                if not (again and error.response.status_code == HTTPStatus.NOT_FOUND):
                    raise

        self._with_retries(f"DELETE {path}", _span("DELETE", path), call, writes=True)
        self._changed = True

    def _with_retries(
        self,
        what: str,
        span: Callable[[], tracing.Span],
        call: Callable[[bool], T],
        *,
        once: bool = False,
        writes: bool = False,
    ) -> T:
        """Call until there is an answer, or a reason for giving up; the call is asked before it is tried again.

        Each try is in a span of its own.
        """
        failures = 0
        what = one_line(what, _MAX_CALL)
        while True:
            try:
                with span():
                    return call(failures > 0)
            except GraphQLFailed as error:
                said = "; ".join(problem.message for problem in error.response.errors or ())
                raise IntegrationError(f"GitHub refused {what}: {one_line(said)}") from None
            except RequestError as caught:
                failure = caught.exc if isinstance(caught.exc, RequestFailed) else caught  # inside: of an App's token
                if isinstance(caught.exc, OutOfBoundsError):
                    raise IntegrationError(f"GitHub's answer to {what} {caught.exc}") from None
                seconds = _asked_to_wait(failure)
                if seconds is not None:
                    self._wait(what, seconds)
                    continue
                if once or failures == _RETRIES or not _passes(failure) or not self._bounds.allow(_RETRY_SECONDS):
                    raise _reason(what, failure) from None
            except Exception:  # noqa: BLE001 - githubkit's, of what is no JSON, of another shape, or too deep: any
                raise IntegrationError(f"GitHub answered {what} with something else than it documents") from None
            failures += 1
            self._changed |= writes  # it may have been carried out
            time.sleep(failures * _RETRY_SECONDS)

    def _wait(self, what: str, seconds: float) -> None:
        """Wait for the rate limit. Raises RateLimitedError, if nothing was changed, or IntegrationError: too long."""
        patience = self._patience if self._changed else min(self._patience, _SHORT_SECONDS)
        if seconds <= patience:
            self._patience -= seconds
            time.sleep(seconds)
        elif self._changed:
            raise IntegrationError(f"GitHub refused {what} for its rate, and asks to wait for {seconds:.0f} s")
        else:
            raise RateLimitedError(f"GitHub refused {what} for its rate", seconds)


def _span(verb: str, path: str) -> Callable[[], tracing.Span]:
    """Return what makes the spans of a call: every second part of a path of GitHub's is a name."""
    parts = path.strip("/").split("/")
    endpoint = "".join(f"/{part if place % 2 == 0 else '{}'}" for place, part in enumerate(parts))
    return partial(tracing.calling, verb, endpoint)


def _passes(error: RequestError[Any]) -> bool:
    """Say whether it may go well the next time."""
    return not isinstance(error, RequestFailed) or error.response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR


def _reason(what: str, error: RequestError[Any]) -> IntegrationError:
    """Return what to raise for a call that failed."""
    if not isinstance(error, RequestFailed):
        return IntegrationError(f"GitHub did not answer {what}: {one_line(f'{type(error.exc).__name__}: {error.exc}')}")
    status = error.response.status_code
    return RefusedError(f"GitHub refused {what}: {status} {one_line(_message(error))}".strip(), status)


def _asked_to_wait(error: RequestError[Any]) -> float | None:
    """Return for how many seconds; None if it was not refused for a rate limit."""
    if isinstance(error, RateLimitExceeded):
        return min(max(error.retry_after.total_seconds(), _RETRY_SECONDS), _MAX_RETRY_AFTER)
    if not isinstance(error, RequestFailed):
        return None
    limited = error.response.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
    return _UNKNOWN_SECONDS if limited and "rate limit" in _message(error).lower() else None


def _message(error: RequestFailed) -> str:
    """Return what GitHub says, with the details of what it finds invalid."""
    try:
        body = error.response.json()
        details = [str(detail.get("message") or detail.get("code") or "") for detail in body.get("errors") or ()]
        return ": ".join(filter(None, (str(body["message"]), ", ".join(details))))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
