"""Why an event was, or was not, delivered, over HTTP."""

import json

from fastapi import APIRouter, Depends, HTTPException, Response

from qontract.application.inspection.explanations import Explanations
from qontract.application.ports.kept_events import KeptEventsError
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.domain.explanations import EventExplanation
from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.scopes import require_scope
from qontract.entrypoints.presenters.explanations import record
from qontract.entrypoints.presenters.name_history import record_of_history

PREFIX = "/api/v1/why"


def router(explanations: Explanations, claims_of: ClaimsOf) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix=PREFIX, tags=["events"], responses=documented(401, 403, 404, 422, 503))
    reads = Depends(require_scope("events:read", claims_of))

    @routes.get("/{name:path}", dependencies=[reads])
    def one(name: str, source: str | None = None) -> Response:
        """Say why an event was, or was not, delivered: where it is, and one verdict for each subscription.

        The name is an event's entry or id; or a subject, or a person whom events name: then it is of the newest events
        that concern it.
        """
        try:
            found = explanations.about(name, source)
        except (KeptEventsError, SubscriptionsError) as error:
            raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None
        if found is None:
            raise HTTPException(404, "Nothing is known of this name.")
        known = record(found) if isinstance(found, EventExplanation) else record_of_history(found)
        return Response(json.dumps(known), media_type="application/json")

    return routes
