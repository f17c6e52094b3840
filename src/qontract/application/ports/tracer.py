"""Port: where is recorded what took how long, and what caused it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

Attributes = Mapping[str, str | int | None]


class Kind(StrEnum):
    """What a span is of, as OpenTelemetry says it (Trace API, SpanKind)."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Tracer(Protocol):
    """Records spans: each is a piece of work with its name, kind and attributes, and belongs to a trace.

    - A span begins and ends with the body of its `with`. In the body it is the current one, for this task or thread.
    - Its parent is the span that `parent` names, else the one that was the current one, else it begins a trace.
    - `parent` and `links` are traceparents (W3C Trace Context): they name spans, of other processes too. What is none
      counts as absent.
    - An exception that leaves the body marks the span as failed, with the name of its class, unless it is marked
      already. Its text, which may repeat data, is not recorded.
    - An attribute that is None is left out.
    - `traceparent` names the current span. `call`, `set_attributes` and `fail` change it; without one they do nothing.
    - What records may lose spans. It never waits for anything outside, and raises nothing of its own.
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
        """Return what names the current span; None: there is none."""

    @abstractmethod
    def call(self, name: str) -> None:
        """Give the current span another name: what it is of may be known late."""

    @abstractmethod
    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes to the current span."""

    @abstractmethod
    def fail(self, error: str) -> None:
        """Mark the current span as failed; `error` is a class of errors, and no sentence."""

    @abstractmethod
    def close(self) -> None:
        """Hand over what is recorded, within a few seconds; what is recorded later is lost."""
