"""All spans of qontract, with their names and attributes.

Names come from OpenTelemetry's semantic conventions (SC), section in brackets; all other names begin with `qontract.`.
No attribute contains data of an event, a query or a token.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from urllib.parse import urlsplit

from qontract.application.ports.tracer import Attributes, Kind, Tracer
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import Job

TRACEPARENT = "traceparent"
"""The extension attribute of an event (CloudEvents, Distributed Tracing extension)."""

Span = AbstractContextManager[None]

_MAX_LENGTH = 1_000
"""How many characters an attribute has at most: ids, types and subjects may come from others."""

_JOBS = "jobs"
_NOTHING = nullcontext()


@dataclass
class _Tracing:
    tracer: Tracer | None = None


_here = _Tracing()


def trace_with(tracer: Tracer | None) -> None:
    """Record all spans of this process with this tracer; None: record none, as at the start of a process."""
    _here.tracer = tracer


def enabled() -> bool:
    """Return whether spans are recorded."""
    return _here.tracer is not None


def traceparent() -> str | None:
    """Return the traceparent of the current span; None if there is no span."""
    return _here.tracer.traceparent() if _here.tracer else None


def fail(error: str) -> None:
    """Mark the current span as failed. `error` is a class of errors, not a message (SC, error.type)."""
    if _here.tracer:
        _here.tracer.fail(error)


def close() -> None:
    """Export the recorded spans at the end of a process."""
    if _here.tracer:
        _here.tracer.close()


def request(method: str, path: str, scheme: str, cause: str | None) -> Span:
    """Return the span of a request to the API (SC, HTTP server); `cause` is its header `traceparent`."""
    about = {"http.request.method": method, "url.path": path, "url.scheme": scheme}
    return _span(method, Kind.SERVER, about, parent=cause)


def request_ended(method: str, route: str, status: int) -> None:
    """Record how the request ended (SC, HTTP server). `status` is 0 if there was no answer."""
    if _here.tracer:
        _here.tracer.call(f"{method} {route}")
        _here.tracer.set_attributes({"http.route": route, "http.response.status_code": status or None})
        if status == 0 or status >= 500:  # noqa: PLR2004 - a server's own errors; others are the client's
            _here.tracer.fail(str(status or "no answer"))


def submitting(integration: str) -> Span:
    """Return the span of the submission of a job. The job gets its traceparent (SC, messaging, send)."""
    return _span(f"send {_JOBS}", Kind.PRODUCER, _message("send", _JOBS) | {"qontract.integration": integration})


def job_slice(job: Job, attempt: int = 1) -> Span:
    """Return the span of a slice of the job: a child of its submission, and linked to it (SC, messaging, process)."""
    about = _message("process", _JOBS) | {
        "messaging.message.id": job.id,
        "messaging.message.conversation_id": job.correlation_id,
        "qontract.job.id": job.id,
        "qontract.integration": job.integration,
        "qontract.attempt": attempt,
    }
    return _span(f"process {_JOBS}", Kind.CONSUMER, about, parent=job.traceparent, links=_not_none(job.traceparent))


def job_ended(status: str, *, failed: bool) -> None:
    """Record the status of the job after the slice."""
    if _here.tracer:
        _here.tracer.set_attributes({"qontract.job.status": status})
        if failed:
            _here.tracer.fail(status)


def reading(integration: str, scope: str) -> Span:
    """Return the span of the reading of a scope."""
    return _span("read", Kind.INTERNAL, {"qontract.integration": integration, "qontract.scope": scope})


def applying(integration: str, scope: str, action_type: str, subject: str) -> Span:
    """Return the span of an action, from its intent to its event."""
    about = {
        "qontract.integration": integration,
        "qontract.scope": scope,
        "qontract.action.type": action_type,
        "qontract.action.subject": subject,
    }
    return _span(f"apply {action_type}", Kind.INTERNAL, about)


def resolving(integration: str, scope: str) -> Span:
    """Return the span of a recovery: it reads a scope, and resolves the intents that a dead run left there."""
    return _span("resolve intents", Kind.INTERNAL, {"qontract.integration": integration, "qontract.scope": scope})


def calling(method: str, endpoint: str, operation: str | None = None) -> Span:
    """Return the span of one request to an outside system (SC, HTTP client; for an `operation`, GraphQL).

    `endpoint` is the path, with `{}` instead of names.
    """
    about = {"http.request.method": method, "url.template": endpoint, "graphql.operation.name": operation}
    return _span(f"{method} {endpoint}", Kind.CLIENT, about)


def record_url(url: str) -> None:
    """Record the URL of the request, without user names and query."""
    if _here.tracer:
        parts = urlsplit(url)
        where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        full = f"{parts.scheme}://{where}{parts.path}"
        _here.tracer.set_attributes(_bounded({"server.address": parts.hostname, "server.port": port, "url.full": full}))


def call_ended(status: int) -> None:
    """Record the status of the answer (SC, HTTP client)."""
    if _here.tracer:
        _here.tracer.set_attributes({"http.response.status_code": status})
        if status >= 400:  # noqa: PLR2004 - for a caller, every error is one
            _here.tracer.fail(str(status))


def with_creation_span(event: DomainEvent) -> DomainEvent:
    """Return the event with the traceparent of its creation, a span of its own (SC, CloudEvents, creation).

    If the event has a traceparent already, it stays, as the conventions say. If no spans are recorded, none is added.
    """
    if _here.tracer is None or TRACEPARENT in event.extensions:
        return event
    with _span(f"CloudEvents Create {event.type}", Kind.PRODUCER, _event(event)):
        named = {TRACEPARENT: _here.tracer.traceparent() or ""}
    return event.model_copy(update={"extensions": event.extensions | named}) if named[TRACEPARENT] else event


def publishing(destination: str, causes: Iterable[object], count: int) -> Span:
    """Return the span of sending some events. `causes` are their traceparents (SC, messaging, send)."""
    if _here.tracer is None:
        return _NOTHING
    about = _message("send", destination) | {"messaging.batch.message_count": count}
    return _span(f"send {destination}", Kind.CLIENT, about, links=_not_none(*causes))


def attempt(subscription: str, event: DomainEvent, number: int) -> Span:
    """Return the span of an attempt: a child of the event's creation, and linked to it (SC, CloudEvents)."""
    cause = event.extensions.get(TRACEPARENT)
    about = (
        _message("process", None)
        | _event(event)
        | {
            "messaging.destination.subscription.name": subscription,
            "qontract.subscription": subscription,
            "qontract.attempt": number,
        }
    )
    parent = cause if isinstance(cause, str) else None
    return _span(f"CloudEvents Process {event.type}", Kind.CONSUMER, about, parent=parent, links=_not_none(cause))


def _message(operation: str, destination: str | None) -> dict[str, str | int | None]:
    """Return the attributes of an operation on messages (SC, messaging)."""
    return {
        "messaging.system": "redis",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
    }


def _event(event: DomainEvent) -> dict[str, str | int | None]:
    """Return the attributes of an event (SC, CloudEvents)."""
    return {
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": event.subject,
        "messaging.message.conversation_id": event.correlation_id,
    }


def _not_none(*causes: object) -> list[str]:
    return [cause for cause in causes if isinstance(cause, str)]


def _span(
    name: str, kind: Kind, attributes: Attributes, *, parent: str | None = None, links: Iterable[str] = ()
) -> Span:
    if _here.tracer is None:
        return _NOTHING
    return _here.tracer.span(_cut(name), kind, _bounded(attributes), parent=parent, links=[*links])


def _bounded(attributes: Attributes) -> Mapping[str, str | int | None]:
    return {name: _cut(value) if isinstance(value, str) else value for name, value in attributes.items()}


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
