"""The contract of Intents: each line of the port's docstring is tested."""

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from qontract.application.ports.intents import INTENT_ID, Intents
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UpdateMetadata, UsergroupMetadataUpdated

SCOPE = "slack-usergroups/coreos"
WITHIN_SECONDS = 10


def an_event(number: int = 0) -> DomainEvent:
    return DomainEvent(type="a.b", source="/here", subject=f"é-{number}", data={"number": number, "text": "Grüße 🎉"})


def number_of(event: DomainEvent) -> int:
    """Return the number with which the event was made."""
    return int(event.model_dump()["data"]["number"])


class IntentsContract:
    """Subclass it, and give the fixtures `intents` (the adapter) and `publish`."""

    @pytest.fixture
    @abstractmethod
    def intents(self) -> Intents:
        """An empty store."""

    @pytest.fixture
    @abstractmethod
    def publish(self, intents: Intents) -> Callable[[DomainEvent], None]:
        """A function that publishes an event, with the publisher that belongs to the store."""

    def test_nothing_is_pending_at_first(self, intents: Intents) -> None:
        assert intents.pending() == {}

    def test_an_intent_is_pending_as_it_was_recorded(self, intents: Intents) -> None:
        event = an_event()
        intents.record(SCOPE, event)
        assert intents.pending() == {SCOPE: [event]}

    def test_the_intent_of_an_event_of_a_known_type_is_an_instance_of_its_class(self, intents: Intents) -> None:
        action = UpdateMetadata(
            workspace="coreos", usergroup="a", usergroup_id="S1", description="é", channels=(), channel_ids=()
        )
        event = UsergroupMetadataUpdated(data=action, correlation_id="request-1", source="/here")
        intents.record(SCOPE, event)
        assert intents.pending() == {SCOPE: [event]}
        assert isinstance(intents.pending()[SCOPE][0].data, UpdateMetadata)

    def test_intents_are_kept_apart_by_scope_and_are_in_the_order_in_which_they_were_born(
        self, intents: Intents
    ) -> None:
        events = [an_event(number) for number in range(12)]
        for number, event in enumerate(events):
            intents.record(f"scope-{number % 2}", event)
        assert intents.pending() == {"scope-0": events[::2], "scope-1": events[1::2]}

    def test_to_record_an_event_again_changes_nothing(self, intents: Intents) -> None:
        event = an_event()
        intents.record(SCOPE, event)
        intents.record(SCOPE, event)
        assert intents.pending() == {SCOPE: [event]}

    def test_an_event_that_is_published_is_no_longer_an_intent(
        self, intents: Intents, publish: Callable[[DomainEvent], None]
    ) -> None:
        events = [an_event(number) for number in range(3)]
        for event in events:
            intents.record(SCOPE, event)
        publish(events[1])
        assert intents.pending() == {SCOPE: [events[0], events[2]]}

    def test_the_event_of_a_part_removes_the_intent_that_it_names_and_no_other(
        self, intents: Intents, publish: Callable[[DomainEvent], None]
    ) -> None:
        whole, other = an_event(0), an_event(1)
        intents.record(SCOPE, whole)
        intents.record(SCOPE, other)
        publish(whole.model_copy(update={"id": "part", "extensions": {INTENT_ID: whole.id}}))
        assert intents.pending() == {SCOPE: [other]}

    def test_an_event_without_a_source_is_resolved_too(
        self, intents: Intents, publish: Callable[[DomainEvent], None]
    ) -> None:
        event = DomainEvent(type="a.b", data={})
        intents.record(SCOPE, event)
        publish(event)
        assert intents.pending() == {}

    def test_what_is_resolved_is_no_longer_pending_and_the_rest_stays(self, intents: Intents) -> None:
        events = [an_event(number) for number in range(3)]
        for event in events:
            intents.record(SCOPE, event)
        intents.resolve(events[:1], applied=True)
        intents.resolve(events[2:], applied=False)
        assert intents.pending() == {SCOPE: [events[1]]}

    def test_to_resolve_what_is_not_pending_changes_nothing(self, intents: Intents) -> None:
        event = an_event()
        intents.record(SCOPE, event)
        intents.resolve([an_event(1)], applied=False)
        assert intents.pending() == {SCOPE: [event]}

    def test_threads_record_and_resolve_at_once(self, intents: Intents) -> None:
        events = [an_event(number) for number in range(40)]

        def record(event: DomainEvent) -> None:
            intents.record(SCOPE, event)
            if number_of(event) % 2:
                intents.resolve([event], applied=True)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(record, events))
        assert list(intents.pending()[SCOPE]) == events[::2]

    @pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")  # Python 3.12: what is tested
    def test_it_works_in_a_forked_process_and_goes_on_in_its_own(self, intents: Intents) -> None:
        before, within, after = (an_event(number) for number in range(3))
        intents.record(SCOPE, before)
        child = get_context("fork").Process(target=intents.record, args=(SCOPE, within))
        child.start()
        child.join(WITHIN_SECONDS)
        assert child.exitcode == 0
        intents.record(SCOPE, after)
        assert [event for event in intents.pending()[SCOPE] if event != within] == [before, after]
