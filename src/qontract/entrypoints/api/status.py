"""How the system is, over HTTP."""

import json

from fastapi import APIRouter, Depends, Response

from qontract.application.inspection.status import SystemStatus
from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.scopes import require_scope
from qontract.entrypoints.presenters.status import record


def router(status: SystemStatus, claims_of: ClaimsOf) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1", tags=["status"], responses=documented(401, 403))

    @routes.get("/status", dependencies=[Depends(require_scope("events:read", claims_of))])
    def _status() -> Response:
        """Say whether all is well, and of each thing that is not why, and what to do next.

        `status` is `well`, `not well`, or `not known`: Redis does not answer. The answer is 200 in each case.
        """
        return Response(json.dumps(record(status.read_facts())), media_type="application/json")

    return routes
