"""A client of the HTTP API, for the commands."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import httpx

from qontract.entrypoints.client import error_messages

WAIT_SECONDS = 20
"""How long one request waits for the end of a job."""
SHOW_SECONDS = 1
"""How long it does if somebody looks on."""
_PAUSE_SECONDS = 1
_ENDED = {"success", "failed", "skipped", "blocked"}

Progress = Callable[[str], None]
"""Is called with how far a job is, in words."""


class ClientError(Exception):
    """The API refused, or could not be reached; the message says which, why and what to do, without the token.

    `errors`: what is wrong with the request, with pointers (RFC 6901) into it, if the API said it.
    """

    def __init__(self, message: str, errors: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class ForgottenError(ClientError):
    """The API does not know a job that it had accepted: Redis failed over, or lost its data, and the job with it."""


class _NotFoundError(ClientError):
    """The API says, in its own words, that there is no such thing."""


class _UnreachableError(ClientError):
    """It may be there again in a moment: in so many `seconds`, if it says so. `busy`: it is there, and took nothing."""

    def __init__(
        self,
        message: str,
        errors: tuple[Mapping[str, str], ...] = (),
        *,
        seconds: float | None = None,
        busy: bool = False,
    ) -> None:
        super().__init__(message, errors)
        self.seconds = seconds
        self.busy = busy

    def until_asked_again(self) -> tuple[float, str]:
        """Return after how many seconds to ask again, and a line that says so."""
        seconds = max(_PAUSE_SECONDS, self.seconds or 0)
        when = f" in {seconds:.0f} s" if self.seconds else ""
        return seconds, f"the API {'asks for fewer requests' if self.busy else 'is away'}, and is asked again{when}"


@dataclass(frozen=True)
class Accepted:
    """A job that the API took, and where its result is."""

    id: str
    url: str


def reconcile(
    api_url: str,
    token: str,
    integration: str,
    desired: Mapping[str, Any],
    *,
    apply: bool,
    deadline_seconds: float = 3600,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Post the desired state, as a dry run unless `apply`; wait for the end, and return the result.

    Raises ClientError.
    """
    job = submit(api_url, token, integration, desired, apply=apply, progress=progress)
    return wait(token, job, deadline_seconds=deadline_seconds, progress=progress)


def submit(
    api_url: str,
    token: str,
    integration: str,
    desired: Mapping[str, Any],
    *,
    apply: bool,
    deadline_seconds: float = 600,
    progress: Progress | None = None,
) -> Accepted:
    """Post the desired state, as a dry run unless `apply`; once, and again where the API says that it took too many.

    Raises ClientError.
    """
    url = f"{api_url.rstrip('/')}/api/v1/integrations/{quote(integration, safe='')}/reconcile"
    until = time.monotonic() + deadline_seconds
    with _client(token) as client:
        while True:
            try:
                answer = _answer(client, "POST", url, json={**desired, "dry_run": not apply})
                break
            except _UnreachableError as error:
                seconds, said = error.until_asked_again()
                if not error.busy or time.monotonic() + seconds > until:
                    raise
                if progress is not None:
                    progress(said)
                _pause(seconds)
    job_id, status_url = answer.get("id"), answer.get("status_url")
    if not (isinstance(job_id, str) and isinstance(status_url, str)):
        raise ClientError(error_messages.not_qontract(url, "an answer without a job"))
    return Accepted(job_id, urljoin(url, status_url))


def wait(
    token: str, job: Accepted, *, deadline_seconds: float = 3600, progress: Progress | None = None
) -> dict[str, Any]:
    """Return the result of the job when it has ended. An API that is away meanwhile is asked again.

    Raises ClientError: ForgottenError if the job is to be submitted again.
    """
    until = time.monotonic() + deadline_seconds
    last = ""
    with _client(token) as client:
        while (left := until - time.monotonic()) > 0:
            try:
                result = _result(client, job.url, left, progress)
            except _UnreachableError as error:
                last = f" ({error})"
                seconds, said = error.until_asked_again()
                if progress is not None:
                    progress(said)
                _pause(min(seconds, left))
                continue
            except _NotFoundError as error:
                raise ForgottenError(f"job {job.id} was accepted, and is not known any more: {error}") from None
            except ClientError as error:
                raise ClientError(f"job {job.id} was accepted, and goes on: {error}") from None
            if result.get("status") in _ENDED:
                return result
            last = ""
    raise ClientError(f"job {job.id} has not ended after {deadline_seconds:.0f} s; look at it later: {job.url}{last}")


def ask(
    api_url: str, token: str, method: str, path: str, *, has: str, params: Mapping[str, str | int] | None = None
) -> dict[str, Any]:
    """Return what the API says to one request: an object, which `has` this name. Raises ClientError."""
    url = f"{api_url.rstrip('/')}/api/v1/{path}"
    with _client(token) as client:
        answer = _answer(client, method, url, params=params)
    if has not in answer:
        raise ClientError(error_messages.not_qontract(url, f"an answer without `{has}`"))
    return answer


def _client(token: str) -> httpx.Client:
    return httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=WAIT_SECONDS + 10)


def _result(client: httpx.Client, url: str, left: float, progress: Progress | None) -> dict[str, Any]:
    """Return the result, or how far the job is after a while."""
    wait = min(WAIT_SECONDS if progress is None else SHOW_SECONDS, left)
    asked = time.monotonic()
    result = _answer(client, "GET", url, params={"timeout": wait})
    if result.get("status") != httpx.codes.REQUEST_TIMEOUT:
        return result
    if time.monotonic() - asked < wait / 2:  # an API that is about to end lets nobody wait
        _pause(min(_PAUSE_SECONDS, left))
    if progress is not None:
        result = _answer(client, "GET", url)
        progress(_progress_text(result))
    return result


def _progress_text(result: Mapping[str, Any]) -> str:
    if result.get("status") == "pending":
        return "waiting for a worker"
    if not result.get("of"):
        return "a worker makes the plan"
    return f"{result.get('done', 0)} of {result['of']} actions are done"


def _answer(client: httpx.Client, method: str, url: str, **request: Any) -> dict[str, Any]:
    """Return what the API says, an object; also that a job has not ended yet. Raises ClientError."""
    try:
        response = client.request(method, url, **request)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise _UnreachableError(error_messages.unreachable(url, error, changing=method == "POST")) from None
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and (not response.is_error or response.status_code == httpx.codes.REQUEST_TIMEOUT):
        return body
    errors = body.get("errors") if isinstance(body, dict) else None
    problems = tuple(error for error in errors if isinstance(error, dict)) if isinstance(errors, list) else ()
    token = client.headers["authorization"].removeprefix("Bearer ")
    said = error_messages.refused(response, body, token)
    if response.status_code == httpx.codes.NOT_FOUND and isinstance(body, dict) and "detail" in body:
        raise _NotFoundError(said, problems)
    if response.status_code not in error_messages.AWAY:
        raise ClientError(said, problems)
    busy = response.status_code == httpx.codes.TOO_MANY_REQUESTS
    raise _UnreachableError(said, problems, seconds=error_messages.retry_after(response), busy=busy)


def _pause(seconds: float) -> None:
    time.sleep(seconds)
