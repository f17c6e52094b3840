"""What requests for events ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal

from fastapi import HTTPException, Query

from qontract.application.inspection.event_search import EventFilter
from qontract.application.ports.kept_events import KeptEventsError, Span
from qontract.entrypoints.points_in_time import point_in_time


def filter_from_query(
    event_type: Annotated[list[str] | None, Query(alias="type", description="`*` is any text")] = None,
    source: str | None = None,
    subject: str | None = None,
    who: Annotated[str | None, Query(description="The extension `authid`")] = None,
    event_id: Annotated[str | None, Query(alias="id")] = None,
) -> EventFilter:
    """Return the conditions of a request."""
    return EventFilter(tuple(event_type or ()), source, subject, who, event_id)


def span_from_query(
    since: Annotated[str | None, Query(description="When it was kept: `10m`, or RFC 3339")] = None,
    until: str | None = None,
    after: Annotated[str, Query(description="Go on after this entry")] = "",
    order: Literal["newest", "oldest"] = "newest",
) -> Span:
    """Return the part of the log that a request is about. Answers 422 for what is no time."""
    return Span(_moment("since", since), _moment("until", until), after, order == "newest")


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else point_in_time(text)
    except ValueError as error:
        raise HTTPException(422, f"{name}: {error}") from None


@contextmanager
def errors_as_problems() -> Iterator[None]:
    """Answer 503 if the events cannot be reached, and 422 where nobody can go on."""
    try:
        yield
    except KeptEventsError as error:
        raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None
    except ValueError as error:
        raise HTTPException(422, f"after: {error}") from None
