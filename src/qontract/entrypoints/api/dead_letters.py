"""Dead letters over HTTP: find them, by cause too; redrive and discard them, a group in steps."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from qontract.application.control.dead_letter_changes import LetterChanges
from qontract.application.control.dead_letters import find
from qontract.application.control.group_redrive import GroupRedrive, NotRunningError, group_of, require_running
from qontract.application.control.subscriptions import SubscriptionControl
from qontract.application.event_manager import EventManager
from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.application.ports.redrive_runs import RedriveRuns
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.domain.dead_letters import DeadLetter, groups_of
from qontract.domain.failure_causes import UNREADABLE
from qontract.entrypoints.api.auth import ClaimsOf
from qontract.entrypoints.api.json_body import json_body, validated
from qontract.entrypoints.api.middleware import correlation_id
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.scopes import require_scope
from qontract.entrypoints.presenters.dead_letters import group_record, progress_record, record
from qontract.entrypoints.tokens import Claims

PREFIX = "/api/v1/dead-letters"

_MAX_LOOKED_AT = 100_000
_MAX_BYTES = 16 * 2**20
_ID = "^([0-9]{1,19}-[0-9]{1,19})?$"


class Step(BaseModel):
    """How many letters of a group to redrive, or only to say how many there are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: bool = Field(default=True, description="Only say how many there are")
    count: int = Field(default=1, ge=1, le=100, description="How many at most; begin with one")


@dataclass(frozen=True)
class DeadLetterDependencies:
    """What the routes need. `events` is None if events are disabled."""

    dead_letters: DeadLetters
    runs: RedriveRuns
    control: SubscriptionControl
    events: EventManager | None
    claims_of: ClaimsOf


def router(desk: DeadLetterDependencies) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=PREFIX, tags=["dead letters"], responses=documented(401, 403, 422, 503))
    reads = Depends(require_scope("events:read", desk.claims_of))
    administers = Depends(require_scope("events:admin", desk.claims_of))

    def changes_of(
        claims: Annotated[Claims, administers], correlation: Annotated[str, Depends(correlation_id)]
    ) -> LetterChanges:
        return LetterChanges(desk.dead_letters, desk.events, by=claims.subject, correlation_id=correlation)

    _add_looking(routes, desk.dead_letters, reads)
    _add_group(routes, desk, Depends(changes_of))
    _add_changing(routes, desk.dead_letters, Depends(changes_of))
    return routes


def _add_looking(routes: APIRouter, dead_letters: DeadLetters, reads: Any) -> None:
    @routes.get("", dependencies=[reads])
    def found(
        *,
        subscription: str | None = None,
        event_type: Annotated[str | None, Query(alias="type", description="`*` is any text")] = None,
        subject: str | None = None,
        group: str | None = None,
        after: Annotated[str, Query(description="Go on after this letter", pattern=_ID)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Find dead letters, oldest first, without their events. `next`, if not null, is after which to go on."""
        with _translated():
            letters = find(dead_letters, subscription, event_type, subject, group=group, after=after)
            some, size = [], 0
            for letter in islice(letters, limit):
                some.append(record(letter))
                size += sum(len(failure.error) for failure in letter.failures)
                if size > _MAX_BYTES:
                    break
            more = next(letters, None) is not None
        return _json({"dead_letters": some, "next": some[-1]["id"] if some and more else None})

    @routes.get("/groups", dependencies=[reads])
    def groups(subscription: str | None = None) -> Response:
        """List dead letters by cause, the largest group first. `more`: not all of them could be looked at."""
        with _translated():
            letters = find(dead_letters, subscription)
            known = groups_of(islice(letters, _MAX_LOOKED_AT))
            more = next(letters, None) is not None
        return _json({"groups": [group_record(group) for group in known], "more": more})

    @routes.get("/{letter_id}", dependencies=[reads], responses=documented(404))
    def one(letter_id: str) -> Response:
        """Show one dead letter, with its attempts and its event as it came."""
        with _translated():
            return _json(record(_required(dead_letters, letter_id), event=True))


def _add_group(routes: APIRouter, desk: DeadLetterDependencies, changes_of: Any) -> None:
    @routes.post("/groups/{group_id}/redrive", responses=documented(400, 404, 409, 415), openapi_extra=_body(Step))
    def redrive_group(
        group_id: str, body: Annotated[bytes, Depends(json_body)], changes: Annotated[LetterChanges, changes_of]
    ) -> Response:
        """Say how the redriving of a group stands; unless it is a dry run, redrive some more of it, oldest first.

        Refused with 409 if one of those that were redriven has failed again with the same cause: the redriving has then
        ended, and the next request begins another one. Refused too if nobody reads the subscription. `done`: nothing is
        left of it.
        """
        asked = validated(body, Step)
        with _translated():
            group = group_of(desk.dead_letters.iterate(), group_id)
            if group is None:
                raise HTTPException(404, "No dead letter is of this group.")
            if group.cause.kind == UNREADABLE:
                raise HTTPException(409, "Refused: they cannot be read. Discard them.")
            require_running(desk.control, group.subscription)
            if asked.dry_run:
                return _json({"group": group_record(group), "dry_run": True})
            redrive = GroupRedrive(desk.dead_letters, desk.runs, changes, group)
            found = redrive.progress()
            if found.came_back:
                redrive.end()
                raise HTTPException(409, f"Stopped: {found.came_back} came back: {found.error}. Fix it first.")
            count = redrive.step(asked.count)
            found = redrive.progress()
            done = count < asked.count and found.waiting == 0
            if done:
                redrive.end()
        return _json({"group": group_record(group), "dry_run": False, "done": done} | progress_record(found))


def _add_changing(routes: APIRouter, dead_letters: DeadLetters, changes_of: Any) -> None:
    def change(letter_id: str, changes: LetterChanges, do: Callable[[str], bool]) -> DeadLetter:
        with _translated():
            letter = _required(dead_letters, letter_id)
            if do == changes.redrive and letter.unreadable:
                raise HTTPException(409, f"Refused: it cannot be read: {letter.unreadable}. Discard it.")
            if not do(letter_id):
                raise HTTPException(404, "There is no such dead letter.")
            changes.publish()
            return letter

    @routes.post("/{letter_id}/redrive", responses=documented(404, 409))
    def redrive(letter_id: str, changes: Annotated[LetterChanges, changes_of]) -> Response:
        """Give the event back to the subscription that gave it up; 409 if that is gone."""
        return _json({"redriven": True, "was": record(change(letter_id, changes, changes.redrive))})

    @routes.post("/{letter_id}/discard", responses=documented(404))
    def discard(letter_id: str, changes: Annotated[LetterChanges, changes_of]) -> Response:
        """Remove the letter for good."""
        return _json({"discarded": True, "was": record(change(letter_id, changes, changes.discard))})


def _required(dead_letters: DeadLetters, letter_id: str) -> DeadLetter:
    letter = dead_letters.get(letter_id)
    if letter is None:
        raise HTTPException(404, "There is no such dead letter.")
    return letter


def _body(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the OpenAPI document says of the body."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except NotRunningError as error:
        raise HTTPException(409, f"Refused: {error}.") from None
    except DeadLettersError as error:
        if error.of_letter:
            raise HTTPException(409, f"Refused: {error}.") from None
        raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None
    except SubscriptionsError as error:
        raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None


def _json(value: Any) -> Response:
    """Return JSON in ASCII: what comes from Redis may be anything."""
    return Response(json.dumps(value), media_type="application/json")
