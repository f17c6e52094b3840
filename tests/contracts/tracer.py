"""What every Tracer promises: each line of the port's docstring."""

import asyncio
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from qontract.application.ports.tracer import Kind, Tracer

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ELSEWHERE = f"00-{TRACE}-{SPAN}-01"
NONE = ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-01", "x" * 100_000]


@dataclass(frozen=True)
class Recorded:
    """A span that has ended; `parent` and `links` are ids of spans."""

    name: str
    kind: Kind
    trace_id: str
    span_id: str
    parent: str | None
    links: tuple[str, ...]
    attributes: dict[str, str | int]
    failed: bool


class TracerContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def tracer(self) -> Tracer:
        """A tracer that has recorded nothing."""

    @abstractmethod
    def recorded(self, tracer: Tracer) -> list[Recorded]:
        """The spans that have ended, in that order."""

    def only(self, tracer: Tracer) -> Recorded:
        [span] = self.recorded(tracer)
        return span

    @pytest.mark.parametrize("kind", Kind)
    def test_a_span_has_its_name_kind_and_attributes_but_for_those_that_are_none(
        self, tracer: Tracer, kind: Kind
    ) -> None:
        with tracer.span("work", kind, {"text": "a", "number": 0, "absent": None}):
            assert self.recorded(tracer) == []
        span = self.only(tracer)
        assert (span.name, span.kind, span.attributes) == ("work", kind, {"text": "a", "number": 0})
        assert (span.parent, span.links, span.failed) == (None, (), False)

    def test_a_span_within_another_one_is_its_child_and_the_next_one_begins_a_trace(self, tracer: Tracer) -> None:
        with tracer.span("outer", Kind.SERVER, {}), tracer.span("inner", Kind.CLIENT, {}):
            pass
        with tracer.span("next", Kind.SERVER, {}):
            pass
        inner, outer, following = self.recorded(tracer)
        assert (inner.parent, inner.trace_id) == (outer.span_id, outer.trace_id)
        assert following.parent is None
        assert following.trace_id != outer.trace_id

    def test_a_span_may_have_its_parent_and_links_elsewhere_whatever_the_current_span_is(self, tracer: Tracer) -> None:
        with tracer.span("outer", Kind.SERVER, {}):
            with tracer.span("inner", Kind.CONSUMER, {}, parent=ELSEWHERE, links=[ELSEWHERE]):
                pass
            with tracer.span("after", Kind.CLIENT, {}):
                pass
        inner, after, outer = self.recorded(tracer)
        assert (inner.trace_id, inner.parent, inner.links) == (TRACE, SPAN, (SPAN,))
        assert after.parent == outer.span_id

    @pytest.mark.parametrize("text", NONE, ids=range(len(NONE)))
    def test_what_is_no_traceparent_counts_as_absent(self, tracer: Tracer, text: str) -> None:
        with tracer.span("outer", Kind.SERVER, {}), tracer.span("inner", Kind.CONSUMER, {}, parent=text, links=[text]):
            pass
        inner, outer = self.recorded(tracer)
        assert (inner.parent, inner.links) == (outer.span_id, ())

    def test_the_traceparent_names_the_current_span(self, tracer: Tracer) -> None:
        assert tracer.traceparent() is None
        with tracer.span("work", Kind.PRODUCER, {}):
            named = tracer.traceparent()
        assert tracer.traceparent() is None
        span = self.only(tracer)
        assert named
        assert named.startswith(f"00-{span.trace_id}-{span.span_id}-")
        assert int(named[-2:], 16) & 1  # sampled

    def test_an_exception_marks_the_span_with_its_class_and_goes_on_and_its_text_is_nowhere(
        self, tracer: Tracer
    ) -> None:
        with pytest.raises(ValueError, match="secret"), tracer.span("work", Kind.INTERNAL, {}):
            raise ValueError("a secret")
        span = self.only(tracer)
        assert span.failed
        assert span.attributes == {"error.type": "ValueError"}

    def test_a_span_that_is_marked_keeps_its_mark_when_an_exception_follows(self, tracer: Tracer) -> None:
        def work() -> None:
            with tracer.span("work", Kind.INTERNAL, {}):
                tracer.fail("429")
                raise ValueError("x")

        with pytest.raises(ValueError, match="x"):
            work()
        assert self.only(tracer).attributes == {"error.type": "429"}

    def test_the_current_span_can_be_called_otherwise_noted_and_marked_and_no_other_one_is(
        self, tracer: Tracer
    ) -> None:
        with tracer.span("outer", Kind.SERVER, {}), tracer.span("inner", Kind.CLIENT, {"a": 1}):
            tracer.call("better")
            tracer.set_attributes({"a": 2, "b": "c", "d": None})
            tracer.fail("500")
        inner, outer = self.recorded(tracer)
        assert (inner.name, inner.failed) == ("better", True)
        assert inner.attributes == {"a": 2, "b": "c", "error.type": "500"}
        assert (outer.name, outer.attributes, outer.failed) == ("outer", {}, False)

    def test_without_a_current_span_nothing_is_changed_and_nothing_raised(self, tracer: Tracer) -> None:
        tracer.call("x")
        tracer.set_attributes({"a": 1})
        tracer.fail("x")
        assert self.recorded(tracer) == []

    def test_each_task_has_a_current_span_of_its_own(self, tracer: Tracer) -> None:
        async def work(number: int) -> None:
            with tracer.span(f"outer {number}", Kind.CONSUMER, {}):
                await asyncio.sleep(0)
                with tracer.span(f"inner {number}", Kind.CLIENT, {}):
                    await asyncio.sleep(0)

        async def all_at_once() -> None:
            await asyncio.gather(*map(work, range(3)))

        asyncio.run(all_at_once())
        spans = {span.name: span for span in self.recorded(tracer)}
        assert len({span.trace_id for span in spans.values()}) == 3
        for number in range(3):
            assert spans[f"inner {number}"].parent == spans[f"outer {number}"].span_id

    def test_a_thread_begins_without_a_current_span(self, tracer: Tracer) -> None:
        with tracer.span("outer", Kind.SERVER, {}), ThreadPoolExecutor(1) as threads:
            assert threads.submit(tracer.traceparent).result() is None

    def test_it_can_be_closed_twice_and_records_without_an_error_afterwards(self, tracer: Tracer) -> None:
        with tracer.span("work", Kind.SERVER, {}):
            pass
        tracer.close()
        tracer.close()
        with tracer.span("late", Kind.SERVER, {}):
            pass
        assert "work" in {span.name for span in self.recorded(tracer)}
