"""The contract of EventSpool: each line of the docstrings of EventSpool and Intents is tested."""

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from qontract.application.ports.event_spool import EventSpool, EventSpoolError
from qontract.domain.events import DomainEvent
from qontract.domain.processes import Spooled
from qontract.testing.contracts.intents import SCOPE, IntentsContract, an_event, number_of


class EventSpoolContract(IntentsContract):
    """Subclass it, and give two spools: `intents` for many events, and `small` for less than 1,000."""

    @pytest.fixture
    def spool(self, intents: EventSpool) -> EventSpool:
        return intents

    @pytest.fixture
    @abstractmethod
    def small(self) -> EventSpool:
        """A spool that is full before it has 1,000 events."""

    @pytest.fixture
    def publish(self, intents: EventSpool) -> Callable[[DomainEvent], None]:
        return lambda event: intents.remove([event])

    def test_an_empty_spool_has_no_events(self, spool: EventSpool) -> None:
        assert list(spool.oldest(10)) == []

    def test_how_much_waits_is_known_without_reading_it(self, spool: EventSpool) -> None:
        assert spool.waiting() == Spooled()
        spool.append([an_event(number) for number in range(3)])
        spool.record(SCOPE, an_event(3))
        waiting = spool.waiting()
        assert waiting.events == 3
        assert 0 <= waiting.oldest_seconds < 60
        assert waiting.bytes > 0

    def test_events_wait_in_the_order_in_which_they_were_appended(self, spool: EventSpool) -> None:
        events = [an_event(number) for number in range(20)]
        spool.append(events[:10])
        spool.append(events[10:])
        assert list(spool.oldest(15)) == events[:15]
        assert list(spool.oldest(100)) == events

    def test_what_is_removed_no_longer_waits_and_the_rest_stays(self, spool: EventSpool) -> None:
        events = [an_event(number) for number in range(5)]
        spool.append(events)
        spool.remove([*events[:2], events[4], an_event()])
        assert list(spool.oldest(10)) == events[2:4]

    def test_an_event_that_waits_already_is_not_there_twice(self, spool: EventSpool) -> None:
        events = [an_event(number) for number in range(3)]
        spool.append(events)
        spool.append(events[:1])
        assert list(spool.oldest(10)) == events

    def test_an_intent_becomes_an_event_that_waits_and_keeps_its_place(self, spool: EventSpool) -> None:
        first, second = an_event(1), an_event(2)
        spool.record(SCOPE, first)
        spool.append([second])
        assert list(spool.oldest(10)) == [second]
        spool.append([first])
        assert list(spool.oldest(10)) == [first, second]
        assert spool.pending() == {}

    def test_no_event_is_resolved_that_waits_to_be_sent(self, spool: EventSpool) -> None:
        event = an_event()
        spool.append([event])
        spool.resolve([event], applied=True)
        assert list(spool.oldest(10)) == [event]

    def test_an_event_that_waits_does_not_become_an_intent_again(self, spool: EventSpool) -> None:
        event = an_event()
        spool.append([event])
        spool.record(SCOPE, event)
        assert list(spool.oldest(10)) == [event]
        assert spool.pending() == {}

    def test_a_full_spool_keeps_what_it_has_and_refuses_more(self, small: EventSpool) -> None:
        events = [DomainEvent(type="a.b", source="/here", data={"text": "x" * 2_000}) for _ in range(1_000)]
        kept: list[DomainEvent] = []
        with pytest.raises(EventSpoolError, match="full"):
            self._append_each(small, events, kept)
        assert list(small.oldest(1_000)) == kept != []
        small.remove(kept[: len(kept) // 2])
        small.append([an_event()])

    @staticmethod
    def _append_each(spool: EventSpool, events: list[DomainEvent], kept: list[DomainEvent]) -> None:
        for event in events:
            spool.append([event])
            kept.append(event)

    def test_all_events_of_a_call_are_kept_or_none(self, small: EventSpool) -> None:
        with pytest.raises(EventSpoolError):
            small.append([DomainEvent(type="a.b", data={"text": "x" * 2_000}) for _ in range(1_000)])
        assert list(small.oldest(10)) == []

    def test_threads_append_at_once(self, spool: EventSpool) -> None:
        batches = [[an_event(10 * batch + number) for number in range(5)] for batch in range(20)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(spool.append, batches))
        numbers = [number_of(event) for event in spool.oldest(1_000)]
        starts = numbers[::5]
        assert sorted(starts) == list(range(0, 200, 10))
        assert numbers == [start + number for start in starts for number in range(5)]
