"""A client of the HTTP API, for the commands."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx

WAIT_SECONDS = 20
"""How long one request waits for the end of a job."""
SHOW_SECONDS = 1
"""How long it does if somebody looks on."""
_PAUSE_SECONDS = 1
_ENDED = {"success", "failed", "skipped", "blocked"}

Progress = Callable[[int, int], None]
"""Is told how many actions are done, of how many."""


class ClientError(Exception):
    """The API refused, or could not be reached; the message says which and why, without the token."""


class _UnreachableError(ClientError):
    """It may be there again in a moment."""


def reconcile(
    api_url: str,
    token: str,
    integration: str,
    desired: dict[str, Any],
    *,
    apply: bool,
    deadline_seconds: float = 3600,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Post the desired state, as a dry run unless `apply`; wait for the end, and return the result.

    An API that is away meanwhile is asked again. Raises ClientError.
    """
    path = f"/api/v1/integrations/{quote(integration, safe='')}/reconcile"
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=api_url, headers=headers, timeout=WAIT_SECONDS + 10) as client:
        accepted = _answer(client, "POST", path, json=desired | {"dry_run": not apply})
        until = time.monotonic() + deadline_seconds
        last = ""
        while (left := until - time.monotonic()) > 0:
            try:
                result = _result(client, accepted["status_url"], left, progress)
            except _UnreachableError as error:
                last = f" ({error})"
                time.sleep(min(_PAUSE_SECONDS, left))
                continue
            if result.get("status") in _ENDED:
                return result
            last = ""
    raise ClientError(f"job {accepted['id']} has not ended after {deadline_seconds:.0f} s; look at it later{last}")


def _result(client: httpx.Client, url: str, left: float, progress: Progress | None) -> dict[str, Any]:
    """Return the result, or how far the job is after a while."""
    wait = min(WAIT_SECONDS if progress is None else SHOW_SECONDS, left)
    result = _answer(client, "GET", url, params={"timeout": wait})
    if progress is not None and result.get("status") == httpx.codes.REQUEST_TIMEOUT:
        result = _answer(client, "GET", url)
        progress(result.get("done", 0), result.get("of", 0))
    return result


def _answer(client: httpx.Client, method: str, url: str, **request: Any) -> dict[str, Any]:
    try:
        response = client.request(method, url, **request)
    except httpx.TransportError as error:
        raise _UnreachableError(f"{method} {url}: {type(error).__name__}: {error}") from None
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or (response.is_error and response.status_code != httpx.codes.REQUEST_TIMEOUT):
        kind = _UnreachableError if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else ClientError
        raise kind(f"{method} {url}: {response.status_code} {_reason(body)}")
    return body


def _reason(body: Any) -> str:
    if not isinstance(body, dict):
        return "not an answer of qontract"
    problems = [f"{problem.get('pointer', '')}: {problem.get('msg', '')}" for problem in body.get("errors", ())]
    return "; ".join([f"{body.get('title', '')}: {body.get('detail', '')}", *problems])
