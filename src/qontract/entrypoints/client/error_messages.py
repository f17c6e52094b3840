"""Why the API did not do what it was asked, and what a person can do about it, in a line."""

import base64
import binascii
import json
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

AWAY = {429, 502, 503, 504}
"""What an API answers, or what stands before it, that may answer in a moment."""

MAX_WAIT = 60
"""Seconds: whoever asks for more is asked again all the same."""

_MAX_LENGTH = 1000
_SCOPE = re.compile(r'scope="([^"]+)"')


def unreachable(url: str, error: Exception, *, changing: bool) -> str:
    """Say that nothing answers, and whether a request that is `changing` something may have arrived all the same."""
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return f"{_host(url)} is no address of an API: --api-url or QAPI_API_URL is one like http://localhost:8080"
    reason = f"{type(error).__name__}: {_line(error)}"
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return (
            f"nothing answers at {_host(url)} ({reason}). Is the API running there? --api-url or QAPI_API_URL says"
            " where it is; `qontract dev` starts one"
        )
    unsure = "; it may have accepted the request" if changing else ""
    return f"{_host(url)} did not answer ({reason}){unsure}"


def not_qontract(url: str, said: str) -> str:
    """Say that somebody else answers there."""
    return f"{_host(url)} does not answer as qontract's API does ({said}): is --api-url, or QAPI_API_URL, right?"


def refused(response: httpx.Response, body: Any, token: str) -> str:
    """Say why the API answered with an error, or with what it never answers."""
    url = str(response.request.url)
    if not (isinstance(body, dict) and isinstance(body.get("detail"), str) and body.get("status")):
        kind = response.headers.get("content-type", "nothing").partition(";")[0]
        return not_qontract(url, f"{response.status_code} {_line(kind)}")
    detail = _line(body["detail"])
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return f"{response.status_code} {_unauthorised(token, detail)}"
    said = f"{response.status_code} {_line(body.get('title', ''))}: {detail}"
    if response.status_code == httpx.codes.FORBIDDEN:
        scope = _SCOPE.search(response.headers.get("www-authenticate", ""))
        return f"{said} Make one that has it: qontract token --scope {_line(scope[1])}" if scope else said
    return said


def retry_after(response: httpx.Response) -> float | None:
    """Return after how many seconds to ask again; None if the answer does not say it."""
    text = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_WAIT)


def _unauthorised(token: str, detail: str) -> str:
    """Say what is wrong with the token. It is read without being verified: that is the API's business."""
    parts = token.split(".")
    try:
        _, claims, _ = parts
        expires = float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
        at = datetime.fromtimestamp(expires, UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, binascii.Error):
        return f"{detail} What --token or QAPI_TOKEN says is no token: `qontract token` makes one"
    ago = timedelta(seconds=int(time.time() - expires))
    if ago > timedelta():
        return f"The token is expired, since {at:%Y-%m-%d %H:%M:%S} UTC ({ago} ago): `qontract token` makes a new one"
    return f"{detail} It is not expired: has it been signed with the API's QAPI_AUTH__SECRET?"


def _host(url: str) -> str:
    return _line(url.partition("/api/v1/")[0])


def _line(text: object) -> str:
    """Return the text as one line, of a bounded length, that does nothing to a terminal."""
    return "".join(character if character.isprintable() else " " for character in str(text))[:_MAX_LENGTH]
