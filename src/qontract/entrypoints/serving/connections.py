"""What one connection may cost. uvicorn bounds neither the time that a request takes to come, nor their number.

Use it with uvicorn's own command too: `uvicorn --http qontract.entrypoints.serving.connections:BoundedConnection …`.
"""

import asyncio
import logging
import resource
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from qontract.entrypoints.serving.secure_headers import HEADERS

log = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 128
"""Connections that asyncio accepts before it looks at the first of them."""
_OTHER_DESCRIPTORS = 64
"""Of this process: its log, Redis, the event loop."""
_LOG_SECONDS = 10


class BoundedConnection(H11Protocol):
    """Closes a connection whose request does not come in time, or whose answer is not taken; and each that is too many.

    The time for a body passes only while it is read. A connection on which nothing was sent has as long as a head.
    """

    most: ClassVar[int] = 4000
    head_seconds: ClassVar[float] = 10
    body_seconds: ClassVar[float] = 60

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._owes: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request; or refuse the connection."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            _seldom("connection refused, for there are too many", connections=self.most)
            self._refuse(503, "There are too many connections.", "retry-after: 5\r\n")
        else:
            self._expect("head")

    def data_received(self, data: bytes) -> None:
        """Take what came, and go on waiting for the rest."""
        super().data_received(data)
        self._expect({h11.IDLE: "head", h11.SEND_BODY: "body"}.get(self.conn.their_state))

    def on_response_complete(self) -> None:
        """Go on with the next request, of which something may have come already."""
        super().on_response_complete()
        self._expect("body" if self.conn.their_state is h11.SEND_BODY else None)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request."""
        self._refuse(400, msg)

    def pause_writing(self) -> None:
        """Wait for who does not take his answer."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        if self._write_timer:
            self._write_timer.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._expect(None)
        super().connection_lost(exc)
        if self._write_timer:
            self._write_timer.cancel()

    def _expect(self, part: str | None) -> None:
        """Wait for this part of a request; a part that was waited for already gets no more time."""
        if self.transport.is_closing():
            part = None
        if part == self._owes:
            return
        self._owes = part
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if part:
            seconds = self.head_seconds if part == "head" else self.body_seconds
            self._timer = self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        if self._owes == "body" and self.flow.read_paused:  # it is we who do not read
            self._timer = self.loop.call_later(self.body_seconds, self._too_late)
            return
        _seldom("connection closed, for its request did not come in time", part=self._owes)
        self._refuse(408, f"The {self._owes} of the request did not come in time.")

    def _refuse(self, status: int, detail: str, more: str = "") -> None:
        """Answer, unless an answer has begun, and close; what else comes is not read."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            headers = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
            body = f'{{"type": "about:blank", "status": {status}, "detail": "{detail}"}}'
            length = f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
            head = f"HTTP/1.1 {status} \r\n{headers}{length}{more}connection: close\r\n\r\n"
            self.transport.write(f"{head}{body}".encode())
        self.transport.close()


def bounded(*, most: int, head_seconds: float, body_seconds: float) -> type[BoundedConnection]:
    """Return the protocol with these limits, and no more connections than there are descriptors for."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(1, min(most, descriptors - ACCEPTED_AT_ONCE - _OTHER_DESCRIPTORS))
    if limit < most:
        log.info("connections are limited by the descriptors of the process", extra={"connections": limit})
    limits = {"most": limit, "head_seconds": head_seconds, "body_seconds": body_seconds}
    return type("BoundedConnection", (BoundedConnection,), limits)


class OncePerPeriod(logging.Filter):
    """Lets a message pass once in ten seconds: asyncio repeats its own as long as there are no descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the message was not logged lately."""
        said = str(record.msg).partition("\n")[0][:100]
        passes = record.created - self._logged_at.get(said, float("-inf")) >= _LOG_SECONDS
        if passes:
            if len(self._logged_at) > 100:  # noqa: PLR2004 - there are a few
                self._logged_at.clear()
            self._logged_at[said] = record.created
        return passes


_often = logging.getLogger(f"{__name__}.often")
_often.addFilter(OncePerPeriod())


def _seldom(message: str, **about: object) -> None:
    """Log what strangers can cause as often as they like: once in ten seconds."""
    _often.warning(message, extra=about)
