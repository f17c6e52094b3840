"""In memory: ended spans are in a list."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from re import fullmatch
from secrets import token_hex

from qontract.application.ports.tracer import Attributes, Kind, Tracer

_TRACEPARENT = r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}"


@dataclass(eq=False)
class RecordedSpan:
    """A span. `parent` and `links` are ids of spans; `error` is the class of the error of a failed span."""

    name: str
    kind: Kind
    trace_id: str
    parent: str | None
    links: tuple[str, ...]
    attributes: dict[str, str | int] = field(default_factory=dict)
    error: str | None = None
    span_id: str = field(default_factory=lambda: token_hex(8))

    @property
    def traceparent(self) -> str:
        """The traceparent of this span."""
        return f"00-{self.trace_id}-{self.span_id}-01"


class InMemoryTracer(Tracer):
    """Keeps spans in `spans`, in the order in which they ended."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []
        self._current: ContextVar[RecordedSpan | None] = ContextVar("current_span", default=None)

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
        """Keep the body as a span."""
        above = _ids(parent or "") or _ids(self.traceparent() or "")
        linked = tuple(found[1] for link in links if (found := _ids(link)))
        span = RecordedSpan(name, kind, above[0] if above else token_hex(16), above[1] if above else None, linked)
        token = self._current.set(span)
        try:
            self.set_attributes(attributes)
            yield
        except BaseException as error:
            span.error = span.error or type(error).__name__
            raise
        finally:
            self._current.reset(token)
            self.spans.append(span)

    def traceparent(self) -> str | None:
        """Return the traceparent of the current span."""
        current = self._current.get()
        return current.traceparent if current else None

    def call(self, name: str) -> None:
        """Rename the current span."""
        if current := self._current.get():
            current.name = name

    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes to the current span."""
        if current := self._current.get():
            current.attributes |= {name: value for name, value in attributes.items() if value is not None}

    def fail(self, error: str) -> None:
        """Mark the current span as failed."""
        if current := self._current.get():
            current.error = error

    def close(self) -> None:
        """Do nothing: the spans stay."""


def _ids(traceparent: str) -> tuple[str, str] | None:
    """Return the ids of the trace and the span; None if it is invalid. An id of zeros only is invalid."""
    found = fullmatch(_TRACEPARENT, traceparent)
    return (found[1], found[2]) if found and found[1].strip("0") and found[2].strip("0") else None
