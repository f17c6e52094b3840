"""What works beside a window of published events: its thread, and others that publish at the same time."""

from threading import enumerate as threads

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryServerHistory
from qontract.application.published_window import PublishedWindow, watch
from qontract.domain.events import DomainEvent
from qontract.domain.server_history import DataHistory
from tests.support.waiting import until


class Counting(InMemoryServerHistory):
    reads = 0

    def read(self) -> DataHistory:
        self.reads += 1
        return super().read()


def a_window(server: InMemoryServerHistory, max_events: int = 9) -> PublishedWindow:
    return PublishedWindow(InMemoryEventPublisher(), server, max_events=max_events, max_bytes=10**6, watch=_nobody)


def _nobody(_: PublishedWindow) -> None:
    """Watch nothing."""


def test_the_watch_is_a_thread_that_ends_when_there_is_nothing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.application.published_window.CHECK_SECONDS", 0)
    before = set(threads())  # other tests of this process may have some
    watch(a_window(InMemoryServerHistory()))
    until(lambda: "published-window" not in {thread.name for thread in set(threads()) - before})


def test_who_had_to_wait_for_the_first_question_does_not_ask_it_again() -> None:
    server = Counting()
    window = a_window(server)
    window.publish([DomainEvent(type="a.b")])
    before = server.reads
    window._ask_first()
    assert server.reads == before


def test_who_publishes_nothing_asks_for_no_history() -> None:
    server = Counting()
    a_window(server).publish([])
    assert server.reads == 0


def test_a_full_window_says_what_its_bounds_are(caplog: pytest.LogCaptureFixture) -> None:
    a_window(InMemoryServerHistory(), max_events=1).publish([DomainEvent(type="a.b"), DomainEvent(type="a.b")])
    [line] = caplog.records
    assert line.message == "window of published events is full; the oldest are forgotten"
    assert (line.__dict__["max_events"], line.__dict__["max_bytes"]) == (1, 10**6)
