"""What happens around every request: a limit on its body, a correlation id, a log line, metrics."""

import logging
import re
from time import perf_counter
from uuid import uuid4

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from qontract.entrypoints.api.problems import problem

log = logging.getLogger(__name__)

REQUESTS = Counter("qontract_http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("qontract_http_request_seconds", "How long requests took", ["method", "route"])

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Observed:
    """Gives each request a correlation id, its own if it brings a sane `X-Correlation-ID`, and tells how it went."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-correlation-id", "")
        correlation_id = sent if _CORRELATION_ID.fullmatch(sent) else str(uuid4())
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        started, status = perf_counter(), 500

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-correlation-id"] = correlation_id
            await send(message)

        with bound_contextvars(correlation_id=correlation_id):
            try:
                await self._app(scope, receive, observe)
            finally:
                seconds = perf_counter() - started
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = getattr(scope.get("route"), "path", "none")
                REQUESTS.labels(method, route, status).inc()
                SECONDS.labels(method, route).observe(seconds)
                log.info(
                    "request",
                    extra={"method": method, "path": scope["path"], "status": status, "seconds": round(seconds, 4)},
                )


class LimitedBody:
    """Answers 413 to a body of more than `limit` bytes, as soon as that is known."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request: read its body, as far as is allowed, then hand it on whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        length = Headers(scope=scope).get("content-length", "")
        too_long = length.isdecimal() and int(length[:20]) > self._limit
        more = not too_long
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            too_long = len(body) > self._limit
            more = message.get("more_body", False) and not too_long
        if too_long:
            answer = problem(413, f"The body is limited to {self._limit} bytes.", {"connection": "close"})
            await answer(scope, receive, send)
            return
        await self._app(scope, _replay(bytes(body), receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    first = True

    async def replay() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay
