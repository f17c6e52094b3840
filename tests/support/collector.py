"""A collector of spans: OTLP over HTTP, in a thread of the tests."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.support.serving import serving


@dataclass(frozen=True)
class Collected:
    """A span, as it came; `parent` and `links` are ids of spans."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent: str | None
    links: tuple[str, ...]
    attributes: dict[str, str | int]


class Collector:
    """Keeps the spans that come; `silent` lets it take everything, and answer nothing."""

    def __init__(self, address: str) -> None:
        self.url = address
        self.silent = False
        self.spans: list[Collected] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        assert scope["path"] == "/v1/traces"
        self.bodies.append(body)
        if self.silent:
            await asyncio.Event().wait()
        self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Serve one on a free port."""
    with serving(Collector) as collector:
        yield collector


def _spans(request: ExportTraceServiceRequest) -> Iterator[Collected]:
    for resource in request.resource_spans:
        service = str(_values(resource.resource.attributes)["service.name"])
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield Collected(
                service=service,
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent=span.parent_span_id.hex() or None,
                links=tuple(link.span_id.hex() for link in span.links),
                attributes=_values(span.attributes),
            )


def _values(attributes: Any) -> dict[str, str | int]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
