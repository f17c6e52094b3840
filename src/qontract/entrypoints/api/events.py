"""Events over HTTP: look at those that are kept, follow those that come, publish one."""

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from starlette.requests import ClientDisconnect

from qontract.application.control.event_publishing import PublishOutcome, publish_by_hand
from qontract.application.event_manager import EventManager
from qontract.application.inspection.event_search import EventFilter, Search, find_one
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.kept_events import KeptEvents, Span
from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.api.event_queries import errors_as_problems, filter_from_query, span_from_query
from qontract.entrypoints.api.event_tail import add_tail
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.scopes import require_scope
from qontract.entrypoints.event_types import event_types
from qontract.entrypoints.presenters.event_lines import record
from qontract.entrypoints.tokens import Claims

PREFIX = "/api/v1/events"

_LOOKED_AT = 20_000
_MAX_BYTES = 16 * 2**20
_MEDIA_TYPES = ("application/cloudevents+json", "application/json")


_Wanted = Annotated[EventFilter, Depends(filter_from_query)]
_Span = Annotated[Span, Depends(span_from_query)]


def router(kept: KeptEvents, events: EventManager | None, event_format: EventFormat, claims_of: ClaimsOf) -> APIRouter:
    """Return the routes. `events` publishes; None: events are disabled."""
    routes = APIRouter(prefix=PREFIX, tags=["events"], responses=documented(401, 403, 422, 503))
    reads, administers = (
        Depends(require_scope("events:read", claims_of)),
        Depends(require_scope("events:admin", claims_of)),
    )
    _add_search(routes, kept, reads)
    add_tail(routes, kept, reads)
    _add_one(routes, kept, reads)
    _add_publishing(routes, events, event_format, administers)
    return routes


def _add_search(routes: APIRouter, kept: KeptEvents, reads: Any) -> None:
    @routes.get("", dependencies=[reads])
    def found(wanted: _Wanted, span: _Span, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Find kept events. `next`, if it is not null, is after which entry to go on: there may be more."""
        search = Search(kept, wanted, span, limit=limit, most=_LOOKED_AT, max_bytes=_MAX_BYTES)
        with errors_as_problems():
            records = [record(event) for event in search]
        return _json({"events": records, "scanned": search.scanned, "next": search.next or None})

    @routes.get("/types", dependencies=[reads])
    def types() -> Response:
        """List the types of events that have a class."""
        return _json({"types": [asdict(kind) for kind in event_types()]})


def _add_one(routes: APIRouter, kept: KeptEvents, reads: Any) -> None:
    @routes.get("/{event_id:path}", dependencies=[reads], responses=documented(404))
    def one(event_id: str, source: str | None = None) -> Response:
        """Return one event, by its entry or its own id."""
        with errors_as_problems():
            event, search = find_one(kept, event_id, source)
        if event is None:
            where = f"the newest {search.scanned}" if search.next else "those that are kept"
            raise HTTPException(404, f"No such event is among {where}.")
        return _json(record(event))


def _add_publishing(
    routes: APIRouter, events: EventManager | None, event_format: EventFormat, administers: Any
) -> None:
    @routes.post("", status_code=202, responses=documented(415))
    def publish(content: Annotated[bytes, Depends(_cloudevent)], caller: Annotated[Claims, administers]) -> Response:
        """Publish a CloudEvent. One that does not say who asked for it (`authid`) says that the caller did."""
        if events is None:
            raise HTTPException(503, "Events are disabled: QAPI_EVENTS__ENABLED.")
        try:
            event, outcome = publish_by_hand(events, event_format, content, by=caller.subject)
        except ValueError as error:
            raise HTTPException(422, " ".join(str(error).split())) from None
        if outcome is PublishOutcome.NOT_PUBLISHED:
            raise HTTPException(503, "The event could be neither published nor spooled.", {"retry-after": "5"})
        about = {"id": event.id, "source": event.source, "type": event.type, "status": outcome.value}
        return _json(about, 202)


async def _cloudevent(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _MEDIA_TYPES:
        raise HTTPException(415, f"Send the event as {_MEDIA_TYPES[0]}.")
    try:
        return await request.body()
    except ClientDisconnect:
        raise HTTPException(400, "The body ended too early.") from None


def _json(value: Any, status: int = 200) -> Response:
    """Return JSON in ASCII: an event may have half a character in it."""
    return Response(json.dumps(value), status, media_type="application/json")
