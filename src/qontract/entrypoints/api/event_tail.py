"""Events as they come, over HTTP: server-sent events (HTML Living Standard, 9.2)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse

from qontract.application.inspection.event_search import EventFilter
from qontract.application.ports.kept_events import KeptEvents, KeptEventsError, Span
from qontract.domain.kept_events import KeptEvent
from qontract.entrypoints.api.event_queries import errors_as_problems, filter_from_query, span_from_query
from qontract.entrypoints.presenters.event_lines import record

_PAGE = 20
_POLL_SECONDS = 0.5
_QUIET_POLLS = 30
"""After so many looks that found nothing, a line shows that the connection is alive."""
_MAX_TAILS = 100


def add_tail(routes: APIRouter, kept: KeptEvents, reads: Any) -> None:
    """Add the route; `reads` is the dependency of who may read."""
    tails = anyio.CapacityLimiter(_MAX_TAILS)

    @routes.get("/tail", dependencies=[reads], response_class=StreamingResponse)
    async def tail(
        request: Request,
        wanted: Annotated[EventFilter, Depends(filter_from_query)],
        span: Annotated[Span, Depends(span_from_query)],
    ) -> StreamingResponse:
        """Send events as they come, as server-sent events: the id of each is its entry.

        A client that sends `Last-Event-ID` gets all that came after it, each once.
        """
        last = request.headers.get("last-event-id") or span.after
        with errors_as_problems():
            if not last and span.since is None:
                last = await anyio.to_thread.run_sync(kept.newest)
            span = replace(span, after=last, newest_first=False)
            await anyio.to_thread.run_sync(kept.page, span, 1)  # what is wrong is said now
        try:
            tails.acquire_on_behalf_of_nowait(request)
        except anyio.WouldBlock:
            raise HTTPException(503, "Too many clients follow the events; try again.", {"retry-after": "60"}) from None

        async def lines() -> AsyncIterator[str]:
            try:
                async for line in _server_sent(request, kept, wanted, span):
                    yield line
            finally:
                tails.release_on_behalf_of(request)

        return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _server_sent(request: Request, kept: KeptEvents, wanted: EventFilter, span: Span) -> AsyncIterator[str]:
    quiet = 0
    while True:
        try:
            page = await anyio.to_thread.run_sync(kept.page, span, _PAGE)
        except KeptEventsError:
            page = []
        for event in page:
            span = replace(span, after=event.entry)
            if wanted(event):
                yield _message(event)
        if request.app.state.stopping.is_set() or await request.is_disconnected():
            return
        quiet = 0 if page else quiet + 1
        if quiet >= _QUIET_POLLS:
            quiet = 0
            yield ": nothing new\n\n"
        if len(page) < _PAGE:
            await anyio.sleep(_POLL_SECONDS)


def _message(event: KeptEvent) -> str:
    return f"id: {event.entry}\ndata: {json.dumps(record(event))}\n\n"
