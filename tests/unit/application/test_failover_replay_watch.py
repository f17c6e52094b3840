"""What works beside a window of published events: its thread, and others that publish at the same time."""

import gc
import logging
import os
from threading import enumerate as threads
from weakref import ref

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryReplicationHistory
from qontract.application.failover_replay import KEPT_SECONDS, FailoverReplay, _watch, watch
from qontract.domain.events import DomainEvent
from qontract.domain.replication_position import ReplicationPosition
from tests.support.waiting import until
from tests.support.window import Site, an_event


@pytest.fixture
def site() -> Site:
    return Site()


class Counting(InMemoryReplicationHistory):
    reads = 0

    def read(self) -> ReplicationPosition:
        self.reads += 1
        return super().read()


def a_window(server: InMemoryReplicationHistory, max_events: int = 9) -> FailoverReplay:
    return FailoverReplay(InMemoryEventPublisher(), server, max_events=max_events, max_bytes=10**6, watch=_nobody)


def _nobody(_: FailoverReplay) -> None:
    """Watch nothing."""


def test_the_watch_is_a_thread_that_ends_when_there_is_nothing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.application.failover_replay.CHECK_SECONDS", 0)
    before = set(threads())  # other tests of this process may have some
    watch(a_window(InMemoryReplicationHistory()))
    until(lambda: "published-window" not in {thread.name for thread in set(threads()) - before})


def test_who_had_to_wait_for_the_first_question_does_not_ask_it_again() -> None:
    server = Counting()
    window = a_window(server)
    window.publish([DomainEvent(type="a.b")])
    before = server.reads
    window._ask_first()
    assert server.reads == before


def test_it_is_watched_from_the_first_event_until_it_is_empty_and_again_from_the_next(site: Site) -> None:
    site.publish(0)
    site.publish(1)
    assert site.begun == 1
    site.now += KEPT_SECONDS
    assert not site.window.check_history()
    site.publish(2)
    assert site.begun == 2


def test_a_thread_that_cannot_be_begun_is_no_error_and_the_next_event_tries_again(site: Site) -> None:
    begun: list[int] = []

    def fail_once(_: FailoverReplay) -> None:
        begun.append(1)
        if len(begun) == 1:
            raise RuntimeError("can't start new thread")

    window = FailoverReplay(site.publisher, site.server, watch=fail_once)
    for number in range(3):
        window.publish([an_event(number)])
    assert (site.numbers, len(begun)) == ([0, 1, 2], 2)


def test_an_error_in_a_look_is_logged_and_the_next_one_is_made(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.publish(0)
    site.server.fail("read", KeyError("odd"))
    assert site.window.check_history()
    assert (caplog.records[-1].levelno, bool(caplog.records[-1].exc_info)) == (logging.ERROR, True)


def test_a_forked_process_begins_with_an_empty_window_and_a_watch_of_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish(0)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    site.publish(1)
    assert (site.begun, site.remembered, site.server.reads) == (2, 1, 2)


def test_a_forked_process_remembers_what_others_published_in_a_window_of_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish(0)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    site.elsewhere(1, replication_id=site.server.history.replication_id)
    assert (site.begun, site.remembered) == (2, 1)


def test_a_watch_ends_when_the_window_is_empty_and_when_nobody_has_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qontract.application.failover_replay.CHECK_SECONDS", 0)
    site.publish(0)
    site.now += KEPT_SECONDS
    found = ref(site.window)
    _watch(found)
    assert site.remembered == 0
    site.publish(1)
    del site.window
    gc.collect()
    _watch(found)


def test_who_publishes_nothing_asks_for_no_history() -> None:
    server = Counting()
    a_window(server).publish([])
    assert server.reads == 0


def test_a_full_window_says_what_its_bounds_are(caplog: pytest.LogCaptureFixture) -> None:
    a_window(InMemoryReplicationHistory(), max_events=1).publish([DomainEvent(type="a.b"), DomainEvent(type="a.b")])
    [line] = caplog.records
    assert line.message == "window of published events is full; the oldest are forgotten"
    assert (line.__dict__["max_events"], line.__dict__["max_bytes"]) == (1, 10**6)
