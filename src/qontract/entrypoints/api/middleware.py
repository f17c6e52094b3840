"""What happens around every request: a limit on its body, a correlation id, a log line, metrics."""

import logging
import re
from contextlib import nullcontext
from contextvars import ContextVar
from time import perf_counter
from uuid import uuid4

from fastapi import HTTPException
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from qontract.application import tracing
from qontract.entrypoints.api.problems import problem

log = logging.getLogger(__name__)

REQUESTS = Counter(
    "qontract_http_requests_total",
    "Requests that ended, by status; 0: there was no answer",
    ["method", "route", "status"],
)
SECONDS = Histogram(
    "qontract_http_request_duration_seconds",
    "Duration of requests",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)

_current: ContextVar[str] = ContextVar("correlation_id")
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACED = "/api/"
"""Where paths begin whose requests are spans: probes, metrics and pages are none."""
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RequestLog:
    """Gives each request a correlation id, logs and counts it, and makes an unexpected error an answer.

    The id is the request's own if it brings a sane one, as `X-Correlation-ID` or `X-Request-ID`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        id_ = _id_of(headers)
        _current.set(id_)
        started, status = perf_counter(), 0

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-correlation-id"] = id_
            await send(message)

        with bound_contextvars(correlation_id=id_), _span(scope, headers):
            try:
                await self._app(scope, receive, observe)
            except Exception:
                if status:
                    raise  # half an answer is out: the server logs it, and breaks the connection
                log.exception("request failed")
                await problem(500, "An unexpected error; it is in the log.")(scope, receive, observe)
            finally:
                _log_and_count(scope, status, perf_counter() - started)


async def correlation_id() -> str:
    """Return the correlation id of the request that is being answered."""
    return _current.get()


def _id_of(headers: Headers) -> str:
    for name in ("x-correlation-id", "x-request-id"):
        if _SANE.fullmatch(headers.get(name, "")):
            return headers[name]
    return str(uuid4())


def _span(scope: Scope, headers: Headers) -> tracing.Span:
    if not (tracing.enabled() and scope["path"].startswith(_TRACED)):
        return nullcontext()
    return tracing.request(_method(scope), scope["path"], scope["scheme"], headers.get("traceparent"))


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _log_and_count(scope: Scope, status: int, seconds: float) -> None:
    """Log and count a request. The query is left out of the log; `status` 0: there was no answer."""
    method = _method(scope)
    route = getattr(scope.get("route"), "path", "none")
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)
    extra = {"method": method, "path": scope["path"], "status": status, "seconds": round(seconds, 4)}
    log.info("request ended", extra=extra)
    tracing.request_ended(method, route, status)


class LimitedBody:
    """Answers 413 to a body of more than `limit` bytes, as soon as that is known."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        detail = f"The body is limited to {self._limit} bytes."
        left = self._limit

        async def receive_within_limit() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, detail, {"connection": "close"})
            return message

        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._limit:
            await problem(413, detail, {"connection": "close"})(scope, receive, send)
        else:
            await self._app(scope, receive_within_limit, send)
