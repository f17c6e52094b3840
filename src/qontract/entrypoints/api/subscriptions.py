"""Subscriptions over HTTP: how far each is, and why; pause one, resume it, move its place, remove it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from qontract.application.control.subscriptions import SubscriptionControl, UnknownSubscriptionError
from qontract.application.ports.subscriptions import BusyError, SubscriptionsError, Target
from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.api.json_body import json_body, validated
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.scopes import require_scope
from qontract.entrypoints.points_in_time import point_in_time
from qontract.entrypoints.presenters.subscriptions import record
from qontract.entrypoints.tokens import Claims

PREFIX = "/api/v1/subscriptions"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: bool = Field(default=True, description="Only say what it means")


class Removal(_Body):
    """Whether to remove a subscription, or only to say what that means."""


class Seek(_Body):
    """Where a subscription is to go on."""

    to: str = Field(description="`start`, `end`, or when events were kept: `2h`, or RFC 3339", min_length=1)


def router(control: SubscriptionControl, claims_of: ClaimsOf) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=PREFIX, tags=["subscriptions"], responses=documented(401, 403, 422, 503))
    reads = Depends(require_scope("events:read", claims_of))
    caller = Depends(require_scope("events:admin", claims_of))

    @routes.get("", dependencies=[reads])
    def all_() -> Response:
        """List all subscriptions, by name."""
        with _translated():
            return _json({"subscriptions": [record(known) for known in control.all()]})

    @routes.get("/{name}", dependencies=[reads], responses=documented(404))
    def one(name: str) -> Response:
        """Show one subscription."""
        with _translated():
            return _json(record(control.get(name)))

    _add_pausing(routes, control, caller)
    _add_moving(routes, control, caller)
    return routes


def _add_pausing(routes: APIRouter, control: SubscriptionControl, caller: Any) -> None:
    @routes.post("/{name}/pause", responses=documented(404))
    def pause(name: str, claims: Annotated[Claims, caller]) -> Response:
        """Let nobody read it, until it is resumed. Handlers at work finish."""
        with _translated():
            control.pause(name, by=claims.subject)
            return _json(record(control.get(name)))

    @routes.post("/{name}/resume", responses=documented(404))
    def resume(name: str, claims: Annotated[Claims, caller]) -> Response:
        """Let it be read again, from where it was."""
        with _translated():
            control.resume(name, by=claims.subject)
            return _json(record(control.get(name)))


def _add_moving(routes: APIRouter, control: SubscriptionControl, caller: Any) -> None:
    @routes.post("/{name}/seek", responses=documented(400, 404, 409, 415), openapi_extra=_body(Seek))
    def seek(name: str, claims: Annotated[Claims, caller], body: Annotated[bytes, Depends(json_body)]) -> Response:
        """Say how many events would come again or be skipped; unless it is a dry run, move the subscription there.

        It has to be paused, or not be run: else 409.
        """
        asked = validated(body, Seek)
        target = _target(asked.to)
        with _translated():
            move = control.preview(name, target)
            if not asked.dry_run:
                control.seek(name, target, by=claims.subject)
            refused = _refused(control.refusal_of_seek(name)) if asked.dry_run else {}
        return _json({"name": name, "moved": not asked.dry_run} | asdict(move) | refused)

    @routes.post("/{name}/remove", responses=documented(400, 404, 409, 415), openapi_extra=_body(Removal))
    def remove(name: str, claims: Annotated[Claims, caller], body: Annotated[bytes, Depends(json_body)]) -> Response:
        """Say what there is; unless it is a dry run, remove it, but for its dead letters. While it is run: 409."""
        asked = validated(body, Removal)
        with _translated():
            was = record(control.get(name))
            if not asked.dry_run:
                control.remove(name, by=claims.subject)
            refused = _refused(control.refusal_of_removal(name)) if asked.dry_run else {}
        return _json({"name": name, "removed": not asked.dry_run, "was": was} | refused)


def _body(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI document says of the body."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def _refused(why: str) -> dict[str, str]:
    return {"refused": why} if why else {}


def _target(text: str) -> Target:
    ends: dict[str, Target] = {"start": "start", "end": "end"}
    try:
        return ends.get(text) or point_in_time(text)
    except ValueError as error:
        raise HTTPException(422, f"to: {error}; or start, or end") from None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except UnknownSubscriptionError:
        raise HTTPException(404, "There is no such subscription.") from None
    except BusyError as error:
        raise HTTPException(409, f"Refused: {error}.") from None
    except SubscriptionsError as error:
        raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None


def _json(value: Any) -> Response:
    """Return JSON in ASCII: a name in Redis may be anything."""
    return Response(json.dumps(value), media_type="application/json")
