"""Port: record spans: what took how long, and what caused it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

Attributes = Mapping[str, str | int | None]


class Kind(StrEnum):
    """The kinds of span in OpenTelemetry (Trace API, SpanKind)."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Tracer(Protocol):
    """Records spans: each is a piece of work with its name, kind and attributes, and belongs to a trace.

    - A span begins and ends with the body of its `with`. In the body it is the current one, for this task or thread.
    - Its parent is the span that `parent` names, or else the current span; without both, it begins a new trace.
    - `parent` and `links` are traceparents (W3C Trace Context), also of spans of other processes. An invalid one is
      ignored.
    - An exception that leaves the body marks the span as failed, with the name of its class, unless the span is marked
      already. The message of the exception may contain data, and is not recorded.
    - An attribute that is None is left out.
    - `traceparent` names the current span. `call`, `set_attributes` and `fail` change it; without one they do nothing.
    - Spans may be lost. Recording never waits for anything outside, and never raises.
    """

    @abstractmethod
    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
    ) -> AbstractContextManager[None]:
        """Record the body as a span."""

    @abstractmethod
    def traceparent(self) -> str | None:
        """Return the traceparent of the current span; None if there is no span."""

    @abstractmethod
    def call(self, name: str) -> None:
        """Rename the current span: the right name may be known late."""

    @abstractmethod
    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes to the current span."""

    @abstractmethod
    def fail(self, error: str) -> None:
        """Mark the current span as failed. `error` is a class of errors, not a message."""

    @abstractmethod
    def close(self) -> None:
        """Export the recorded spans within a few seconds. Later spans are lost."""
