"""What every EventSender promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import pytest

from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_sender import EventSender
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.event_publisher import FULL, SOURCE, events

Sent = tuple[EventSender, Callable[[], Sequence[DomainEvent]]]


class EventSenderContract:
    """Subclass it, and give the adapter: its source is SOURCE, and it takes nothing that is no CloudEvent."""

    @pytest.fixture
    @abstractmethod
    def sent(self) -> Sent:
        """The sender, and what reads back, in order, the events that it sent."""

    def test_encoding_sends_nothing(self, sent: Sent) -> None:
        sender, accepted = sent
        [encoded] = sender.encode([FULL])
        assert (encoded.id, encoded.type, encoded.source) == (FULL.id, FULL.type, FULL.source)
        assert accepted() == []

    def test_events_are_sent_in_order_as_they_were_given(self, sent: Sent) -> None:
        sender, accepted = sent
        [without] = events(1)
        sender.send(sender.encode([FULL, without]))
        assert accepted() == [FULL, without.model_copy(update={"source": SOURCE})]

    def test_what_was_encoded_can_be_sent_again(self, sent: Sent) -> None:
        sender, accepted = sent
        encoded = sender.encode(events(3))
        for _ in range(2):
            sender.send(encoded)
        assert [event.id for event in accepted()] == [event.id for event in encoded]

    def test_an_event_that_is_not_acceptable_is_refused_when_it_is_encoded(self, sent: Sent) -> None:
        sender, _ = sent
        with pytest.raises(EventPublisherError) as raised:
            sender.encode([FULL.model_copy(update={"extensions": {"Not_A_Name": "x"}})])
        assert raised.value.refused

    def test_no_events_are_no_work(self, sent: Sent) -> None:
        sender, accepted = sent
        sender.send(sender.encode([]))
        assert accepted() == []
