"""What was published is published again if the server has another history, and forgotten when it surely has it."""

from collections.abc import Sequence

import pytest

from qontract.adapters.memory import InMemoryEventPublisher
from qontract.application.failover_replay import BATCH, KEPT_SECONDS, FailoverReplay
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_sender import EncodedEvent
from qontract.application.ports.replication_history import ReplicationHistoryError
from qontract.domain.events import DomainEvent
from qontract.domain.replication_position import ReplicationPosition
from qontract.testing.contracts.event_publisher import SOURCE, EventPublisherContract, Published
from tests.support.window import Site, an_event

AWAY = ReplicationHistoryError("away")


@pytest.fixture
def site() -> Site:
    return Site()


class TestFailoverReplay(EventPublisherContract):
    @pytest.fixture
    def published(self, site: Site) -> Published:
        publisher = InMemoryEventPublisher(SOURCE)
        window = FailoverReplay(publisher, site.server, watch=lambda _: None)
        return window, lambda: publisher.events


def test_what_a_failover_lost_is_published_again_in_order(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.publish(0, 1)
    site.publish(2)
    site.fail_over()
    assert site.window.check_history()
    assert site.numbers == [0, 1, 2]
    assert (site.again, [record.message for record in caplog.records]) == (
        [3],
        ["events published again; Redis has another history"],
    )
    assert caplog.records[0].__dict__["count"] == 3


def test_what_was_not_lost_is_there_once(site: Site) -> None:
    site.publish(0, 1)
    site.server.history = ReplicationPosition("second", "second", 0)
    site.window.check_history()
    assert site.numbers == [0, 1]


def test_more_than_a_batch_is_published_again_in_order(site: Site) -> None:
    site.publish(*range(2 * BATCH + 1))
    site.fail_over()
    site.window.check_history()
    assert site.numbers == list(range(2 * BATCH + 1))


def test_an_event_is_forgotten_at_the_first_look_after_a_minute_that_finds_the_same_history(site: Site) -> None:
    site.publish(0)
    site.now += KEPT_SECONDS - 1
    assert site.window.check_history()
    site.now += 1
    assert not site.window.check_history()
    assert site.remembered == 0


def test_a_server_that_cannot_be_asked_for_long_lets_nothing_be_forgotten(site: Site) -> None:
    site.publish(0)
    site.server.fail("read", AWAY, times=3)
    for _ in range(3):
        site.now += 10 * KEPT_SECONDS
        assert site.window.check_history()
    site.fail_over()
    assert site.window.check_history()
    assert site.numbers == [0]


def test_what_was_published_again_is_remembered_for_another_minute(site: Site) -> None:
    site.publish(0)
    site.now += KEPT_SECONDS
    site.fail_over()
    assert site.window.check_history()
    site.now += KEPT_SECONDS - 1
    site.fail_over("third")
    assert site.window.check_history()
    assert site.numbers == [0]
    site.now += KEPT_SECONDS
    assert not site.window.check_history()


def test_what_cannot_be_published_again_stays_and_is_tried_at_the_next_look(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.publish(*range(BATCH + 1))
    site.fail_over()
    site.publisher.fail("send", EventPublisherError("away"), times=2)
    for _ in range(2):
        site.now += KEPT_SECONDS
        assert site.window.check_history()
    assert site.window.check_history()
    assert site.numbers == list(range(BATCH + 1))
    assert [record.message for record in caplog.records] == [
        "events cannot be published again; it is tried again",
        "events published again; Redis has another history",
    ]


def test_the_history_is_read_before_the_first_event_and_not_again_while_publishing(site: Site) -> None:
    read: list[int] = []

    class Looking(InMemoryEventPublisher):
        def send(self, events: Sequence[EncodedEvent]) -> None:
            read.append(site.server.reads)

    window = FailoverReplay(Looking(), site.server, watch=lambda _: None)
    window.publish([an_event(0)])
    window.publish([an_event(1)])
    assert read == [1, 1]


def test_events_of_which_it_is_not_known_where_they_went_are_published_again_without_a_warning(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.server.fail("read", AWAY)
    site.publish(0)
    site.fail_over()
    site.window.check_history()
    assert (site.numbers, caplog.records) == ([0], [])
    site.now += KEPT_SECONDS
    assert not site.window.check_history()


def test_an_event_that_was_on_its_way_when_the_history_changed_is_published_again(site: Site) -> None:
    """It went out on the old connection, and came back when the window had been published again."""

    class Slow(InMemoryEventPublisher):
        looked = True

        def send(self, events: Sequence[EncodedEvent]) -> None:
            super().send(events)
            if not self.looked:
                self.looked = True
                site.server.history = ReplicationPosition("second", "second", 0)
                window.check_history()
                self.events.clear()
                self._known.clear()

    publisher = Slow()
    window = FailoverReplay(publisher, site.server, watch=lambda _: None)
    window.publish([an_event(0)])
    publisher.looked = False
    window.publish([an_event(1)])
    assert publisher.events == []
    site.now += 10 * KEPT_SECONDS
    window.check_history()
    assert [event.model_dump()["data"]["number"] for event in publisher.events] == [1]


def test_what_is_not_published_is_not_remembered(site: Site) -> None:
    site.publisher.fail("send", EventPublisherError("away"))
    with pytest.raises(EventPublisherError):
        site.publish(0)
    assert (site.remembered, site.begun) == (0, 0)


def test_so_many_events_are_remembered_and_no_more_and_one_line_says_that_the_oldest_are_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site(max_events=3)
    for number in range(5):
        site.publish(number)
    site.fail_over()
    site.window.check_history()
    assert (site.numbers, sum(site.forgotten)) == ([2, 3, 4], 2)
    [record] = [record for record in caplog.records if "window" in record.message]
    assert record.message == "window of published events is full; the oldest are forgotten"


def test_so_many_bytes_are_remembered_and_no_more() -> None:
    one = len(InMemoryEventPublisher().encode([an_event(0)])[0].content)
    site = Site(max_bytes=2 * one + one // 2)
    site.publish(0, 1, 2, 3)
    assert (site.remembered, site.forgotten) == (2, [2])
    site.now += KEPT_SECONDS
    assert not site.window.check_history()
    site.publish(4, 5)
    assert (site.remembered, site.forgotten) == (2, [2])


def test_an_event_is_published_again_as_it_was_whatever_its_producer_did_with_it_since(site: Site) -> None:
    data: dict[str, object] = {"number": 0}
    event = DomainEvent(type="a.b", data=data)
    site.window.publish([event])
    event.model_dump()  # what is in the event may be the producer's own
    data["number"] = 1
    site.fail_over()
    site.window.check_history()
    assert site.numbers == [0]


def test_an_event_that_is_refused_is_not_remembered(site: Site) -> None:
    site.publisher.fail("encode", EventPublisherError("no", refused=True))
    with pytest.raises(EventPublisherError):
        site.publish(0)
    assert site.remembered == 0


def test_what_a_new_primary_has_and_its_replicas_lack_counts_as_published_again(site: Site) -> None:
    site.publish(*range(BATCH + 1))
    site.fail_over()
    site.publisher.fail("send", EventPublisherError("on 0 of 1", unreplicated=True), times=2, after=True)
    site.window.check_history()
    assert (site.numbers, site.again) == (list(range(BATCH + 1)), [BATCH + 1])


def test_what_is_published_and_replicas_lack_is_remembered_too(site: Site) -> None:
    site.publisher.fail("send", EventPublisherError("on 0 of 1", unreplicated=True), after=True)
    with pytest.raises(EventPublisherError):
        site.publish(0)
    assert site.remembered == 1


def test_what_others_published_is_remembered_with_what_was_published_here(site: Site) -> None:
    site.publish(0)
    site.elsewhere(1, replication_id=site.server.history.replication_id)
    site.fail_over()
    site.window.check_history()
    assert (site.numbers, site.again) == ([0, 1], [2])


def test_what_others_published_on_a_server_that_was_replaced_is_published_again(site: Site) -> None:
    site.publish(0)
    before = site.server.history.replication_id
    site.fail_over()
    site.window.check_history()
    site.elsewhere(1, replication_id=before)
    assert site.numbers == [0]
    site.window.check_history()
    assert (site.numbers, site.again) == ([0, 1], [1, 1])


def test_what_others_published_before_the_history_is_known_is_published_again_and_no_alarm(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.elsewhere(0, replication_id="first")
    assert (site.begun, site.server.reads) == (1, 0)
    site.window.check_history()
    assert (site.numbers, site.again, caplog.records) == ([0], [0], [])
    site.elsewhere(1, replication_id=site.server.history.replication_id)
    site.window.check_history()
    assert site.numbers == [0]


def test_an_event_loop_does_not_wait_while_another_thread_asks_for_the_history(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> ReplicationPosition:
        site.elsewhere(0, replication_id="first")
        return site.server.history

    monkeypatch.setattr(site.server, "read", read)
    site.publish(1)
    assert site.remembered == 2
