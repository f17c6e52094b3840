"""The event handler in memory."""

import pytest

from qontract.adapters.memory import InMemoryEventHandler
from qontract.application.delivery.subscription import Subscription
from qontract.testing import EventHandlerContract
from tests.contracts.event_handler import EventHandlerContract as AnyEventHandlerContract
from tests.contracts.event_handler import Handled


class TestInMemoryEventHandler(EventHandlerContract):
    @pytest.fixture
    def handler(self) -> InMemoryEventHandler:
        return InMemoryEventHandler()


class TestInMemoryEventHandlerForEventsOfAnyType(AnyEventHandlerContract):
    @pytest.fixture
    def handled(self) -> Handled:
        handler = InMemoryEventHandler()
        return handler, lambda: [str(event) for event in handler.handled]


def test_it_may_want_some_types_only() -> None:
    subscription = Subscription("some", InMemoryEventHandler("a.*", "b.c"))
    assert [subscription.wants(type_) for type_ in ("a.b", "b.c", "b.d")] == [True, True, False]
