"""OpenTelemetry: the SDK's spans."""

import atexit
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock, Thread

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from qontract.adapters.opentelemetry.span_export import CountedBatches, CountedExporter, OncePerPeriod
from qontract.application.ports.tracer import Attributes, Kind, Tracer

CLOSE_SECONDS = 3.0
"""How long the end of a process waits for a collector."""

_KINDS = {kind: trace.SpanKind[kind.name] for kind in Kind}
_W3C = TraceContextTextMapPropagator()
_SELDOM = OncePerPeriod()


def _batches() -> SpanProcessor:
    logging.getLogger(OTLPSpanExporter.__module__).addFilter(_SELDOM)
    return CountedBatches(CountedExporter(OTLPSpanExporter()))


class OpenTelemetryTracer(Tracer):
    """Records with the SDK; `service` is the name of this one, unless OpenTelemetry's own variables name it.

    Nothing is begun before the first span, and a forked process begins for itself: the thread that sends does not
    outlive a fork. If it is `everyones`, this is also the tracer of whatever else in the process uses OpenTelemetry,
    unless that has one: what a handler records is within the span of its attempt.

    Raises what the SDK raises for variables that it cannot use.
    """

    def __init__(
        self, service: str, *, everyones: bool = False, processor: Callable[[], SpanProcessor] | None = None
    ) -> None:
        if processor is None:
            OTLPSpanExporter()  # what is wrong with its variables is said here, and not at the first span
        self._service = service
        self._everyones = everyones
        self._processor = processor or _batches
        self._closed = False
        self._lock = Lock()
        self._pid = 0
        os.register_at_fork(after_in_child=self._forget_lock)

    def _forget_lock(self) -> None:
        self._lock = Lock()

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
    ) -> Iterator[None]:
        """Record the body as a span."""
        named = {text: _context(text) for text in {parent, *links}}  # once each: reading one takes 10 µs
        contexts = [context for link in links if (context := named[link])]
        linked = [trace.Link(trace.get_current_span(context).get_span_context()) for context in contexts]
        with self._tracer().start_as_current_span(
            name,
            context=named[parent],
            kind=_KINDS[kind],
            attributes=_not_none(attributes),
            links=linked,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                if not (isinstance(span, ReadableSpan) and span.status.status_code is trace.StatusCode.ERROR):
                    self.fail(type(error).__name__)
                raise

    def traceparent(self) -> str | None:
        """Return what names the current span."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def call(self, name: str) -> None:
        """Give the current span another name."""
        trace.get_current_span().update_name(name)

    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes to the current span."""
        trace.get_current_span().set_attributes(_not_none(attributes))

    def fail(self, error: str) -> None:
        """Mark the current span as failed."""
        span = trace.get_current_span()
        span.set_attribute("error.type", error)
        span.set_status(trace.StatusCode.ERROR)

    def close(self) -> None:
        """Send what is recorded, if a collector takes it in time."""
        if self._pid == os.getpid() and not self._closed:
            self._closed = True
            thread = Thread(target=self._provider.shutdown, name="spans", daemon=True)
            thread.start()
            thread.join(CLOSE_SECONDS)

    def _tracer(self) -> trace.Tracer:
        """Return the SDK's tracer of this process."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._begin()
        return self._made

    def _begin(self) -> None:
        self._provider = TracerProvider(resource=_resource(self._service), shutdown_on_exit=False)
        self._provider.add_span_processor(self._processor())
        self._made = self._provider.get_tracer("qontract", version("qontract"))
        if self._everyones and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody has set one
            trace.set_tracer_provider(self._provider)
        atexit.register(self.close)
        self._pid = os.getpid()


def _resource(service: str) -> Resource:
    """Return what all spans of this process say; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say it first."""
    ours = Resource({"service.name": service, "service.version": version("qontract")})
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def _context(traceparent: str | None) -> Context | None:
    """Return the context that it names; None if it is none."""
    found = _W3C.extract({"traceparent": traceparent}, Context()) if traceparent else Context()
    return found or None


def _not_none(attributes: Attributes) -> dict[str, str | int]:
    return {name: value for name, value in attributes.items() if value is not None}
