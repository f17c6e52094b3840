"""Spans that are recorded while a test runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from qontract.adapters.memory import InMemoryTracer
from qontract.adapters.memory.tracer import RecordedSpan
from qontract.application.tracing import trace_with


@contextmanager
def recording() -> Iterator[InMemoryTracer]:
    """Record all spans of this process while the body runs."""
    tracer = InMemoryTracer()
    trace_with(tracer)
    try:
        yield tracer
    finally:
        trace_with(None)


def tree(spans: Sequence[RecordedSpan], parent: str | None = None) -> list[object]:
    """Return the names of the spans below this one, in the order in which they ended: each, then what is below it."""
    found: list[object] = []
    for span in spans:
        if span.parent == parent:
            found.append(span.name)
            if below := tree(spans, span.span_id):
                found.append(below)
    return found
