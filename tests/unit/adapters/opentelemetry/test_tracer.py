"""Spans of OpenTelemetry's SDK."""

import logging
import os
from collections.abc import Iterator, Sequence
from threading import Event
from time import monotonic

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Counter

from qontract.adapters.opentelemetry import OpenTelemetryTracer, tracer
from qontract.adapters.opentelemetry.span_export import LOST, SENT, CountedBatches, CountedExporter, OncePerPeriod
from qontract.application.ports.tracer import Kind, Tracer
from tests.contracts.tracer import Recorded, TracerContract
from tests.support.waiting import until


class Kept(InMemorySpanExporter):
    """Keeps what it was given, also when it is closed."""

    def shutdown(self) -> None:
        pass


class TestOpenTelemetryTracer(TracerContract):
    @pytest.fixture
    def tracer(self) -> Tracer:
        self.exporter = Kept()
        return OpenTelemetryTracer("qontract-tests", processor=lambda: SimpleSpanProcessor(self.exporter))

    def recorded(self, tracer: Tracer) -> list[Recorded]:
        return [as_recorded(span) for span in self.exporter.get_finished_spans()]

    def test_no_span_has_an_event_for_an_exception_repeats_what_it_was_given(self, tracer: Tracer) -> None:
        with pytest.raises(ValueError, match="secret"), tracer.span("work", Kind.INTERNAL, {}):
            raise ValueError("a secret")
        [span] = self.exporter.get_finished_spans()
        assert list(span.events) == []
        assert "secret" not in span.to_json()

    def test_a_span_that_is_not_sampled_is_still_named_as_such(
        self, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
        with tracer.span("work", Kind.SERVER, {}):
            named = tracer.traceparent()
        assert named
        assert not int(named[-2:], 16) & 1
        assert self.recorded(tracer) == []

    def test_a_span_of_who_uses_opentelemetry_itself_is_within_ours(self, tracer: Tracer) -> None:
        with tracer.span("attempt", Kind.CONSUMER, {}):
            theirs = trace.get_current_span().get_span_context().span_id
        assert as_recorded(self.exporter.get_finished_spans()[0]).span_id == f"{theirs:016x}"


def as_recorded(span: ReadableSpan) -> Recorded:
    assert span.context
    return Recorded(
        name=span.name,
        kind=Kind(span.kind.name.lower()),
        trace_id=f"{span.context.trace_id:032x}",
        span_id=f"{span.context.span_id:016x}",
        parent=f"{span.parent.span_id:016x}" if span.parent else None,
        links=tuple(f"{link.context.span_id:016x}" for link in span.links),
        attributes=dict(span.attributes or {}),  # type: ignore[arg-type] # all of ours are text or numbers
        failed=span.status.status_code is trace.StatusCode.ERROR,
    )


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return Kept()


def test_the_service_is_named_by_us_unless_opentelemetrys_variables_name_it(
    kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in ("", ""), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=b"), ("OTEL_SERVICE_NAME", "c"):
        if variable:
            monkeypatch.setenv(variable, value)
        with OpenTelemetryTracer("a", processor=lambda: SimpleSpanProcessor(kept)).span("x", Kind.INTERNAL, {}):
            pass
    assert [span.resource.attributes["service.name"] for span in kept.get_finished_spans()] == ["a", "b", "c"]


def test_a_forked_process_begins_for_itself(kept: InMemorySpanExporter) -> None:
    made: list[int] = []

    def processor() -> SimpleSpanProcessor:
        made.append(os.getpid())
        return SimpleSpanProcessor(kept)

    own = OpenTelemetryTracer("a", processor=processor)
    assert made == []
    with own.span("x", Kind.INTERNAL, {}):
        pass
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with own.span("y", Kind.INTERNAL, {}):
            pass
        os.write(writing, str(made == [os.getppid(), os.getpid()]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"True"
    assert made == [os.getpid()]
    os.close(reading)
    os.close(writing)


class Collector(SpanExporter):
    """Takes what it is given when it is let."""

    def __init__(self, result: SpanExportResult | Exception = SpanExportResult.SUCCESS) -> None:
        self.lets, self.asked = Event(), Event()
        self.result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.lets.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.lets.set()


def value(counter: Counter) -> float:
    return float(counter._value.get())


def tracer_to(collector: SpanExporter) -> OpenTelemetryTracer:
    return OpenTelemetryTracer("a", processor=lambda: CountedBatches(CountedExporter(collector)))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"MAX_QUEUE_SIZE": 20, "MAX_EXPORT_BATCH_SIZE": 10, "SCHEDULE_DELAY": 10}.items():
        monkeypatch.setenv(f"OTEL_BSP_{name}", str(number))


@pytest.mark.usefixtures("at_once")
@pytest.mark.filterwarnings("ignore")
def test_a_collector_that_does_not_answer_holds_up_nothing_and_what_has_no_room_is_counted(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, sent = value(LOST), value(SENT)
    monkeypatch.setattr(tracer, "CLOSE_SECONDS", 0.1)
    ours = tracer_to(collector)
    with ours.span("first", Kind.INTERNAL, {}):
        pass
    assert collector.asked.wait(10)  # it has the first one, and keeps it
    begun = monotonic()
    for _ in range(50):
        with ours.span("work", Kind.INTERNAL, {}):
            pass
    assert value(LOST) - lost == 30  # 20 wait
    ours.close()
    assert monotonic() - begun < 5
    collector.lets.set()
    until(lambda: value(SENT) - sent > 0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, RuntimeError("away")], ids=["refuses", "raises"])
def test_what_a_collector_does_not_take_is_counted_as_lost(result: SpanExportResult | Exception) -> None:
    collector = Collector(result)
    collector.lets.set()
    lost, sent = value(LOST), value(SENT)
    ours = tracer_to(collector)
    for _ in range(5):
        with ours.span("work", Kind.INTERNAL, {}):
            pass
    ours.close()
    assert (value(LOST) - lost, value(SENT) - sent) == (5, 0)


@pytest.mark.usefixtures("at_once")
def test_a_collector_that_is_away_is_in_the_log_once_and_its_password_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:s3cret@127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    monkeypatch.setattr(tracer, "_SELDOM", OncePerPeriod())
    monkeypatch.setattr(logging.getLogger(OTLPSpanExporter.__module__), "filters", [])
    lost = value(LOST)
    ours = OpenTelemetryTracer("a")
    for number in range(1, 4):
        with ours.span("work", Kind.INTERNAL, {}):
            pass
        until(lambda number=number: value(LOST) - lost == number)  # type: ignore[misc]
    ours.close()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")]
    assert 1 <= len(said) == len({text[:20] for text in said}) <= 2
    assert "s3cret" not in caplog.text


@pytest.mark.usefixtures("at_once")
def test_closing_sends_what_is_recorded(collector: Collector) -> None:
    collector.lets.set()
    sent = value(SENT)
    ours = tracer_to(collector)
    for _ in range(5):
        with ours.span("work", Kind.INTERNAL, {}):
            pass
    ours.close()
    assert value(SENT) - sent == 5
