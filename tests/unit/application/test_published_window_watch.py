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


def a_window(server: InMemoryServerHistory) -> PublishedWindow:
    return PublishedWindow(InMemoryEventPublisher(), server, max_events=9, max_bytes=10**6, watch=lambda _: None)


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
