"""A client of the HTTP API, for the commands."""

import time
from typing import Any

import httpx

PATH = "/api/v1/integrations/slack-usergroups/reconcile"
WAIT_SECONDS = 20
"""How long one request waits for the end of a job."""


class ClientError(Exception):
    """The API refused, or could not be reached; the message says which and why, without the token."""


def reconcile(
    api_url: str, token: str, desired: dict[str, Any], *, apply: bool, deadline_seconds: float = 900
) -> dict[str, Any]:
    """Post the desired state, as a dry run unless `apply`; wait for the end, and return the result.

    Raises ClientError.
    """
    with httpx.Client(
        base_url=api_url, headers={"authorization": f"Bearer {token}"}, timeout=WAIT_SECONDS + 10
    ) as client:
        accepted = _answer(client, "POST", PATH, json=desired | {"dry_run": not apply})
        until = time.monotonic() + deadline_seconds
        while time.monotonic() < until:
            result = _answer(client, "GET", accepted["status_url"], params={"timeout": WAIT_SECONDS})
            if result.get("status") not in {None, "pending", 408}:
                return result
    raise ClientError(f"job {accepted['id']} has not ended after {deadline_seconds:.0f} s; look at it later")


def _answer(client: httpx.Client, method: str, url: str, **request: Any) -> dict[str, Any]:
    try:
        response = client.request(method, url, **request)
        body = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ClientError(f"{method} {url}: {type(error).__name__}: {error}") from None
    if not isinstance(body, dict) or (response.is_error and response.status_code != httpx.codes.REQUEST_TIMEOUT):
        raise ClientError(f"{method} {url}: {response.status_code} {_reason(body)}")
    return body


def _reason(body: Any) -> str:
    if not isinstance(body, dict):
        return "not an answer of qontract"
    problems = [f"{problem.get('pointer', '')}: {problem.get('msg', '')}" for problem in body.get("errors", ())]
    return "; ".join([f"{body.get('title', '')}: {body.get('detail', '')}", *problems])
