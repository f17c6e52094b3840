"""Spans in memory."""

import pytest

from qontract.adapters.memory import InMemoryTracer
from qontract.application.ports.tracer import Tracer
from tests.contracts.tracer import Recorded, TracerContract


class TestInMemoryTracer(TracerContract):
    @pytest.fixture
    def tracer(self) -> InMemoryTracer:
        return InMemoryTracer()

    def recorded(self, tracer: Tracer) -> list[Recorded]:
        assert isinstance(tracer, InMemoryTracer)
        return [
            Recorded(
                name=span.name,
                kind=span.kind,
                trace_id=span.trace_id,
                span_id=span.span_id,
                parent=span.parent,
                links=span.links,
                attributes=span.attributes | ({"error.type": span.error} if span.error else {}),
                failed=span.error is not None,
            )
            for span in tracer.spans
        ]
