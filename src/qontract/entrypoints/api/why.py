"""Why an event was, or was not, delivered, over HTTP."""

import json

from fastapi import APIRouter, Depends, HTTPException, Response

from qontract.application.ports.kept_events import KeptEventsError
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.application.why import Why
from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.scopes import holder
from qontract.entrypoints.passports import record

PREFIX = "/api/v1/why"


def router(why: Why, claims_of: ClaimsOf) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix=PREFIX, tags=["events"], responses=documented(401, 403, 404, 422, 503))
    reads = Depends(holder("events:read", claims_of))

    @routes.get("/{event_id:path}", dependencies=[reads])
    def one(event_id: str, source: str | None = None) -> Response:
        """Say why an event was, or was not, delivered: where it is, and one verdict for each subscription."""
        try:
            passport = why.event(event_id, source)
        except (KeptEventsError, SubscriptionsError) as error:
            raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None
        if passport is None:
            raise HTTPException(404, "Nothing is known of such an event.")
        return Response(json.dumps(record(passport)), media_type="application/json")

    return routes
