"""The contract of EventPublisher: each line of the port's docstring is tested."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest

from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UsergroupFailed, UsergroupFailure

Published = tuple[EventPublisher, Callable[[], Sequence[DomainEvent]]]

SOURCE = "the-publisher"
WITHIN_SECONDS = 10

FULL = DomainEvent(
    type="else.where",
    data={"text": "Grüße, 世界 🎉", "null": None, "list": [1, {"deep": [None, 1.5, True]}], "empty": {}, "big": 2**53},
    subject="coreos/team-ä",
    source="/another/source",
    correlation_id="request-1",
    extensions={"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "number": 1, "truth": True},
    time=datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC),
)


def events(count: int, batch: int = 0) -> list[DomainEvent]:
    return [DomainEvent(type="a.b", data={"batch": batch, "number": number}) for number in range(count)]


def ids(published: Sequence[DomainEvent]) -> list[str]:
    return [event.id for event in published]


class EventPublisherContract:
    """Subclass it, and give the fixture `published`. The source of the publisher is SOURCE."""

    @pytest.fixture
    @abstractmethod
    def published(self) -> Published:
        """The publisher, and a function that returns the accepted events in order."""

    def test_events_are_accepted_in_the_order_given(self, published: Published) -> None:
        publisher, accepted = published
        first, second = events(20), events(20)
        publisher.publish(first)
        publisher.publish(second)
        assert ids(accepted()) == ids(first + second)

    def test_an_event_arrives_as_it_was_given(self, published: Published) -> None:
        publisher, accepted = published
        publisher.publish([FULL])
        assert accepted() == [FULL]

    def test_an_event_of_a_known_type_arrives_as_an_instance_of_its_class(self, published: Published) -> None:
        publisher, accepted = published
        event = UsergroupFailed(data=UsergroupFailure(workspace="coreos", error="no"), source="/here")
        publisher.publish([event])
        (arrived,) = accepted()
        assert type(arrived) is type(event)
        assert arrived == event

    def test_an_event_without_a_source_gets_that_of_the_publisher(self, published: Published) -> None:
        publisher, accepted = published
        (event,) = events(1)
        publisher.publish([event])
        assert accepted() == [event.model_copy(update={"source": SOURCE})]

    def test_an_event_that_is_published_again_changes_nothing(self, published: Published) -> None:
        publisher, accepted = published
        first, second = events(2)
        publisher.publish([first])
        publisher.publish([first, second, first])
        assert ids(accepted()) == [first.id, second.id]

    def test_no_events_are_no_work(self, published: Published) -> None:
        publisher, accepted = published
        publisher.publish([])
        assert accepted() == []

    def test_a_large_batch_is_accepted_whole(self, published: Published) -> None:
        publisher, accepted = published
        many = events(5_000)
        publisher.publish(many)
        assert ids(accepted()) == ids(many)

    def test_data_is_never_truncated(self, published: Published) -> None:
        publisher, accepted = published
        event = DomainEvent(type="a.b", source="/here", data={"text": "ä" * 1_000_000})
        publisher.publish([event])
        assert accepted() == [event]

    def test_nothing_comes_between_the_events_of_a_call_of_any_thread(self, published: Published) -> None:
        publisher, accepted = published
        batches = [events(10, batch) for batch in range(40)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(publisher.publish, batches))
        order = ids(accepted())
        starts = [order.index(batch[0].id) for batch in batches]
        assert sorted(starts) == list(range(0, 400, 10))
        assert [order[start : start + 10] for start in starts] == [ids(batch) for batch in batches]

    @pytest.mark.parametrize(
        "refusable",
        [
            {"extensions": {"id": "another"}},
            {"extensions": {"Not_A_Name": "x"}},
            {"extensions": {"toolarge": 2**40}},
            {"source": "not a reference"},
            {"subject": "a\x00b"},
            {"data": {"number": float("nan")}},
        ],
    )
    def test_all_events_of_a_call_are_accepted_or_none_and_a_refusal_is_one_error(
        self, published: Published, refusable: dict[str, object]
    ) -> None:
        publisher, accepted = published
        first, second, third = events(3)
        batch = [first, second.model_copy(update=refusable), third]
        try:
            publisher.publish(batch)
        except EventPublisherError:
            assert accepted() == []
        else:
            assert ids(accepted()) == ids(batch)

    def test_publishing_goes_on_after_a_refusal(self, published: Published) -> None:
        publisher, accepted = published
        refusable, good = events(2)
        with suppress(EventPublisherError):
            publisher.publish([refusable.model_copy(update={"extensions": {"Not_A_Name": "x"}})])
        publisher.publish([good])
        assert accepted()[-1].id == good.id

    @pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")  # Python 3.12: what is tested
    def test_it_publishes_in_a_forked_process_and_goes_on_in_its_own(self, published: Published) -> None:
        publisher, accepted = published
        before, within, after = events(3)
        publisher.publish([before])
        child = get_context("fork").Process(target=publisher.publish, args=([within],))
        child.start()
        child.join(WITHIN_SECONDS)
        assert child.exitcode == 0
        publisher.publish([after])
        assert [id_ for id_ in ids(accepted()) if id_ != within.id] == [before.id, after.id]
