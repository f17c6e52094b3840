"""How spans leave the process: in batches, from a bounded queue, and what is lost is counted."""

import logging
import os
from collections.abc import Sequence
from threading import Lock

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import Counter

LOST = Counter("qontract_spans_lost_total", "Spans that were lost: no collector took them, or the queue had no room")
SENT = Counter("qontract_spans_sent_total", "Spans that were sent: a collector took them")

_SAID_AGAIN_SECONDS = 60


class OncePerPeriod(logging.Filter):
    """Lets each message pass once a minute: the SDK repeats its own with each batch that a collector does not take."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether it was not logged lately. Its arguments, how long to wait and why, do not count."""
        message = str(record.msg)
        passes = record.created - self._said.get(message, float("-inf")) >= _SAID_AGAIN_SECONDS
        if passes:
            self._said[message] = record.created
        return passes


class CountedExporter(SpanExporter):
    """Exports with another one, and counts what became of it. `taken`: spans that were given to it."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans; whatever goes wrong, they are lost."""
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            (SENT if result is SpanExportResult.SUCCESS else LOST).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Break off what is under way."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Say whether nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


def _most() -> int:
    """Return how many spans may wait: as many as OpenTelemetry's variable says, or has as its default."""
    said = os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "")
    return int(said) if said.isdecimal() and int(said) else 2048


class CountedBatches(BatchSpanProcessor):
    """OpenTelemetry's batches, which drop the oldest span when there are too many; here that is counted.

    `OTEL_BSP_MAX_QUEUE_SIZE` and so on say how many, and how often they are sent.
    """

    def __init__(self, exporter: CountedExporter) -> None:
        self._most = _most()
        super().__init__(exporter, max_queue_size=self._most)
        self._counted = exporter
        self._lock = Lock()
        self._in = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, if it is sampled."""
        if span.context and span.context.trace_flags.sampled:
            with self._lock:
                if self._in - self._counted.taken >= self._most:
                    LOST.inc()
                else:
                    self._in += 1
        super().on_end(span)
